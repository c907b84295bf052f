"""One synth for all variants: it takes seconds, and reading its templates takes none."""

import os
from pathlib import Path

import pytest

from tests.infrastructure.template import Template
from tests.infrastructure.variants import VARIANTS, config_of

# The CDK's own look at templates takes longer than all the rest; cfn-lint looks at the same. Said here, as Node.js
# starts with the first import of aws_cdk.
os.environ["CDK_VALIDATION"] = "false"


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """Templates by variant, in one cloud assembly that cdk-nag has found nothing in."""
    from aws_cdk import App

    import cdk_app.node_runtime  # noqa: F401  before aws_cdk: it chooses the Node.js that runs jsii
    from cdk_app import nag
    from cdk_app.cluster_stack import ClusterStack

    assembly: Path = tmp_path_factory.mktemp("assembly")
    app = App(outdir=str(assembly), analytics_reporting=False)
    configs = {variant: config_of(variant) for variant in VARIANTS}
    for variant, config in configs.items():
        ClusterStack(app, variant, config=config)
    nag.check(app)
    app.synth()  # raises ValidationFailed on a finding that nobody acknowledged
    return {variant: Template(config, assembly / f"{variant}.template.json") for variant, config in configs.items()}


@pytest.fixture(params=sorted(VARIANTS))
def template(request: pytest.FixtureRequest, templates: dict[str, Template]) -> Template:
    return templates[request.param]


@pytest.fixture
def plain(templates: dict[str, Template]) -> Template:
    return templates["plain"]
