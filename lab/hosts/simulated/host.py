"""One simulated machine: its disk, its services, and how its processes end."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.hosts.seam import Machine

AUTO_JOIN = "provider=aws"


class HostLostError(Exception):
    """The machine is gone: nobody reports how the process ended."""


class CancelledRunError(Exception):
    """The agent was told to end the process."""


class RunTimedOutError(Exception):
    """The agent ended the process at its time limit."""


class ExitError(Exception):
    """A document that ends with another exit code than 0; `reason` is its JSON line and its words on stderr."""

    def __init__(self, exit_code: int, reason: str) -> None:
        super().__init__(reason)
        self.exit_code = exit_code
        self.reason = reason


@dataclass
class Host:
    """`files` is the disk as far as documents write it. A service in `running` answers; `kinds` is what it runs as."""

    machine: Machine
    key: str
    """The cluster it belongs to in the sense of one network: hosts of different keys never meet."""
    lost: bool = False
    partition: str = ""
    files: dict[str, str] = field(default_factory=dict)
    parsed: dict[str, list[Any]] = field(default_factory=dict)
    """Configuration by product, parsed; cleared when files change."""
    keyrings: dict[str, list[str]] = field(default_factory=dict)
    """Keys of the gossip by product, the one that it speaks with first."""
    installed: dict[str, str] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    kinds: dict[str, str] = field(default_factory=dict)
    retired: set[str] = field(default_factory=set)
    """Products that were told goodbye to: no unit of theirs starts again."""
    identities: set[str] = field(default_factory=set)
    """Nomad clusters by id that have taken it in as a client: it comes back without an introduction."""
    allocations: int = 0
    """What a Nomad client runs, as far as a drain is concerned."""
    allocations_move_in_seconds: float = 0.0
    drains_until: float | None = None
    """Once a drain has begun: when everything has moved, by the monotonic clock."""
    agent_paused: bool = False
    """Its SSM agent has no connection, or the machine hangs: nothing that was sent begins before it wakes."""
    request: str = ""
    """The certificate request that `ca install` made, PEM; made once."""
    next_request: str = ""
    """That of `ca request`, until its certificate is in place."""
    served: dict[str, str] = field(default_factory=dict)
    """Serial of the certificate that each product serves: of the one in place when it started, or was last reloaded."""
    cancelled: set[str] = field(default_factory=set)
    history: list[dict[str, Any]] = field(default_factory=list)
    """What ran here, oldest first: for `make logs`."""

    @property
    def instance_id(self) -> str:
        return self.machine.instance_id

    def configuration(self, product: str) -> list[Any]:
        """The product's configuration files, parsed."""
        if product not in self.parsed:
            self.parsed[product] = [
                json.loads(content)
                for path, content in sorted(self.files.items())
                if path.startswith(f"/etc/{product}.d/") and path.endswith(".json")
            ]
        return self.parsed[product]

    def setting(self, product: str, name: str) -> Any:
        """The first value of a key anywhere in the product's configuration, or None."""
        for document in self.configuration(product):
            for key, value in _walk(document):
                if key == name:
                    return value
        return None

    def auto_joins(self, product: str) -> list[tuple[str, str]]:
        """(tag, value) of each cloud auto-join address in the product's configuration."""
        found = []
        for document in self.configuration(product):
            for _, value in _walk(document):
                if isinstance(value, str) and value.startswith(AUTO_JOIN):
                    words = dict(word.split("=", 1) for word in value.split() if "=" in word)
                    found.append((words.get("tag_key", ""), words.get("tag_value", "")))
        return found

    def waits_for_shares(self, product: str) -> bool:
        """Whether the product is sealed whenever it starts, and opened by key shares: Vault without a seal of KMS."""
        seal = self.setting(product, "seal")
        return isinstance(seal, dict) and "shamir" in seal

    def has_tag(self, tag: str, value: str) -> bool:
        tags = self.machine.tags
        if tag == "aws:autoscaling:groupName":
            return self.machine.autoscaling_group == value
        return tags.get(tag) == value


def _walk(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every (key, value) pair, depth first; an item of a list has its list's key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from _walk(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield key, inner
            yield from _walk(inner, key)
