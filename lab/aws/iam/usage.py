"""Permissions that were granted, and those of them that allowed a call.

A permission is an action and a resource of a statement, as they are written there. What one process saw goes to one
file, by the logical names of the template: physical ones differ from cluster to cluster.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from moto.cloudformation.models import cloudformation_backends
from moto.iam.models import iam_backends

from lab.aws.cloud import Cloud
from lab.aws.iam.evaluation import Used
from lab.aws.iam.policy import Statement, parse, text_of

PLACE_VARIABLE = "QUORATE_PERMISSIONS"
"""Names the folder that processes write to; where it is not set, nothing is kept."""

Permission = tuple[str, str, str, str]
"""Stack, role, action, resource."""

_seen: dict[Permission, bool] = {}


class Usage:
    def __init__(self) -> None:
        self._used: set[tuple[str, Used]] = set()

    def record(self, role: str, used: Iterable[Used]) -> None:
        self._used.update((role, one) for one in used)

    def granted(self, cloud: Cloud) -> Iterator[tuple[Permission, bool]]:
        """Each permission of each role that a stack made, and whether it was used."""
        roles = {role.name: role for role in iam_backends[cloud.account]["aws"].roles.values()}
        for stack in cloudformation_backends[cloud.account][cloud.region].stacks.values():
            names = _names(stack)
            for physical, logical in names.items():
                role = roles.get(physical)
                for policy, document in role.policies.items() if role else ():
                    for statement in parse(text_of(document), policy):
                        for action, resource in _permissions(statement):
                            used = (role.arn, Used(policy, statement.number, action, resource)) in self._used
                            yield (stack.name, logical, action, with_logical_names(resource, names)), used

    def keep(self, cloud: Cloud) -> None:
        """Add to what this process saw, and write it down where somebody wants it."""
        place = os.environ.get(PLACE_VARIABLE)
        if not place:
            return
        for permission, used in self.granted(cloud):
            _seen[permission] = _seen.get(permission, False) or used
        Path(place).mkdir(parents=True, exist_ok=True)
        rows = [[*permission, used] for permission, used in sorted(_seen.items())]
        target = Path(place) / f"{os.getpid()}.json"
        target.with_suffix(".new").write_text(json.dumps(rows, indent=0))
        target.with_suffix(".new").replace(target)


def _permissions(statement: Statement) -> Iterator[tuple[str, str]]:
    if not statement.allows:
        return
    not_actions = f"not {', '.join(one.text for one in statement.not_actions)}"
    not_resources = f"not {', '.join(one.text for one in statement.not_resources)}"
    for action in [one.text for one in statement.actions] or [not_actions]:
        for resource in [one.text for one in statement.resources] or [not_resources]:
            yield action, resource


SHORTEST_NAME = 8
"""A shorter physical name could be a part of anything."""

# A name that goes on is another's: the group `quorate-prod-nomad`, and the document `quorate-prod-nomad-install`.
_WHOLE = r"(?<![\w-]){}(?![\w-])"


def _names(stack: Any) -> dict[str, str]:
    """Logical names by physical ones, the longest first."""
    parsed = stack.resource_map._parsed_resources
    physical = {
        str(resource.physical_resource_id): logical
        for logical, resource in parsed.items()
        if getattr(resource, "physical_resource_id", None)
    }
    return {name: physical[name] for name in sorted(physical, key=len, reverse=True)}


def with_logical_names(text: str, names: dict[str, str]) -> str:
    """`names`: logical ones by physical ones, the longest first."""
    for physical, logical in names.items():
        if len(physical) >= SHORTEST_NAME:
            text = re.sub(_WHOLE.format(re.escape(physical)), f"<{logical}>", text)
    return text
