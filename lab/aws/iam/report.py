"""Permissions that were granted and that nothing used, merged over the runs that were kept, and why that is right.

A permission that no run uses is either too much, and goes, or belongs to something that the lab does not do: then
`justified.yaml` says what.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

JUSTIFIED = Path(__file__).with_name("justified.yaml")
STACK_PREFIX = "quorate-"

# The CDK ends a logical name with a digest of where its construct stands.
_DIGEST = re.compile(r"[0-9A-F]{8}(?=>|$)")

# Groups have the names that a cluster file gives them: what may be done to one of them may be done to each.
_GROUP = re.compile(r"<ClusterGroup\w+Group>")


@dataclass(frozen=True, order=True)
class Permission:
    """By the template's names, so that it is the same in every cluster."""

    role: str
    action: str
    resource: str


@dataclass(frozen=True)
class Exemption:
    """Permissions that may go unused; `roles`, `actions` and `resources` are patterns as in a shell."""

    reason: str
    actions: Sequence[str]
    roles: Sequence[str] = ("*",)
    resources: Sequence[str] = ("*",)

    def covers(self, permission: Permission) -> bool:
        return (
            _one_of(self.actions, permission.action)
            and _one_of(self.roles, permission.role)
            and _one_of(self.resources, permission.resource)
        )


@dataclass(frozen=True)
class Report:
    used: tuple[Permission, ...]
    justified: Mapping[Permission, str]
    unused: tuple[Permission, ...]
    """Without a reason: the list that has to become empty."""
    idle: tuple[Exemption, ...]
    """Exemptions that cover nothing unused: they can go."""

    def to_json(self) -> dict[str, Any]:
        def rows(permissions: Iterable[Permission]) -> list[dict[str, str]]:
            return [{"role": one.role, "action": one.action, "resource": one.resource} for one in permissions]

        reasons = self.justified.values()
        justified = [row | {"reason": why} for row, why in zip(rows(self.justified), reasons, strict=True)]
        return {
            "unused": rows(self.unused),
            "justified": justified,
            "used": rows(self.used),
            "idle_exemptions": [one.reason for one in self.idle],
        }


def read(places: Iterable[Path]) -> dict[Permission, bool]:
    """Every permission that a kept run knew, and whether any of them used it."""
    found: dict[Permission, bool] = {}
    for file in sorted(file for place in places for file in place.glob("*.json")):
        for stack, role, action, resource, used in json.loads(file.read_text()):
            if stack.startswith(STACK_PREFIX):
                permission = _named(stack, role, action, resource)
                found[permission] = found.get(permission, False) or used
    return found


def exemptions(file: Path = JUSTIFIED) -> tuple[Exemption, ...]:
    return tuple(Exemption(**entry) for entry in yaml.safe_load(file.read_text()))


def report(found: Mapping[Permission, bool], exempt: Sequence[Exemption]) -> Report:
    unused = sorted(permission for permission, used in found.items() if not used)
    reasons = {
        permission: next((one.reason for one in exempt if one.covers(permission)), None) for permission in unused
    }
    return Report(
        used=tuple(sorted(permission for permission, used in found.items() if used)),
        justified={permission: reason for permission, reason in reasons.items() if reason is not None},
        unused=tuple(permission for permission, reason in reasons.items() if reason is None),
        idle=tuple(one for one in exempt if not any(one.covers(permission) for permission in unused)),
    )


def _named(stack: str, role: str, action: str, resource: str) -> Permission:
    cluster = stack.removeprefix(STACK_PREFIX)
    for written in (f"quorate-{cluster}", f"quorate/{cluster}"):
        resource = re.sub(rf"{re.escape(written)}(?=[-/]|$)", f"{written[:8]}{{cluster}}", resource)
    resource = _GROUP.sub("<group>", _DIGEST.sub("", resource))
    return Permission(_DIGEST.sub("", role), action, resource)


def _one_of(patterns: Sequence[str], text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
