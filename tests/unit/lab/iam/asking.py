"""A policy and a request in few words."""

import json
from collections.abc import Mapping
from typing import Any

from lab.aws.iam.context import Context, Values
from lab.aws.iam.evaluation import Decision, Identity, Request, Verdict, evaluate
from lab.aws.iam.policy import Policies, join

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/carlos"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/carlos/laptop"
CARLOS = Identity((ROLE, SESSION), ACCOUNT)


def allow(actions: Any, resources: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def deny(actions: Any, resources: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": actions, "Resource": resources, **more}


def policies(*statements: Mapping[str, Any], version: str = "2012-10-17") -> Policies:
    return join((("test", json.dumps({"Version": version, "Statement": list(statements)})),))


def decide(
    action: str,
    resource: str,
    *statements: Mapping[str, Any],
    on_resource: tuple[Mapping[str, Any], ...] = (),
    identity: Identity = CARLOS,
    resource_decides: bool = False,
    families: Mapping[str, Mapping[str, str]] | None = None,
    **keys: Values,
) -> Decision:
    """Keys are written `aws__SecureTransport="true"`."""
    context = Context({name.replace("__", ":", 1): value for name, value in keys.items()}, families)
    return evaluate(
        Request(action, resource, context),
        identity,
        policies(*statements),
        policies(*on_resource),
        resource_decides=resource_decides,
    )


def verdict(action: str, resource: str, *statements: Mapping[str, Any], **more: Any) -> Verdict:
    return decide(action, resource, *statements, **more).verdict
