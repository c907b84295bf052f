"""AWS's limits that a cluster file or our own growth could break, checked while synthesising."""

import json
from pathlib import Path
from typing import Any

from lambdas.domain.errors import InvalidConfig

PARAMETER_BYTES = {"Standard": 4_096, "Advanced": 8_192}
"""A parameter's value, by tier (Systems Manager quotas); Advanced costs $0.05 a month."""

PATTERN_CHARACTERS = 2_048
"""An event pattern (EventBridge quotas)."""

TEMPLATE_BYTES = 1_000_000
"""A template in S3 (CloudFormation quotas: 1 MB)."""

DEFINITION_BYTES = 1_048_576
"""A state machine's definition (Step Functions quotas)."""


def parameter_tier(name: str, value: str) -> str:
    """The cheapest tier that holds `value`. Raises InvalidConfig where none does."""
    size = len(value.encode())
    for tier, limit in PARAMETER_BYTES.items():
        if size <= limit:
            return tier
    raise InvalidConfig(
        f"the cluster file takes {size} bytes as parameter {name}, "
        f"Parameter Store holds {PARAMETER_BYTES['Advanced']}: use fewer groups or tags, "
        "shorter PGP keys, or make it two clusters"
    )


def check_pattern(name: str, pattern: dict[str, Any]) -> None:
    size = len(json.dumps(pattern))
    if size > PATTERN_CHARACTERS:
        raise InvalidConfig(
            f"the event pattern of {name} takes {size} characters, EventBridge takes {PATTERN_CHARACTERS}: "
            "use fewer groups or shorter names"
        )


def check_template(path: Path) -> None:
    size = path.stat().st_size
    if size > TEMPLATE_BYTES:
        raise InvalidConfig(
            f"{path.name} takes {size} bytes, CloudFormation takes {TEMPLATE_BYTES}: "
            "use fewer groups, or make it two clusters"
        )
