"""What was decided and done to membership, for whoever asks afterwards: an entry and its place in time."""

from dataclasses import dataclass
from datetime import UTC, datetime

KEEP_DAYS = 90
"""As long as Step Functions keeps an execution's history, which an entry names."""

SUFFIX_BYTES = 4
"""Of chance, so that two entries of one microsecond are two entries."""


@dataclass(frozen=True, slots=True)
class Entry:
    cluster: str
    node: str
    """An instance id, or an orphan peer."""
    execution: str
    what: str
    """Of what: `goodbye`, `launch`, `drain`, `sweep`, `certificate`."""
    decision: str
    reason: str
    outcome: str = ""

    def __post_init__(self) -> None:
        """Every decision says its reason."""
        if not self.reason.strip():
            raise ValueError(f"the journal takes no {self.decision or 'entry'} of {self.node} without a reason")


def sort_key(at: datetime, suffix: str) -> str:
    """UTC to the microsecond, always as long, so that keys sort as time does. Raises ValueError without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone says nothing")
    return f"{at.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ')}#{suffix}"


def written_at(key: str) -> datetime:
    """When the entry of this key was written. Raises ValueError for what is no key of the journal."""
    return datetime.strptime(key.partition("#")[0], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
