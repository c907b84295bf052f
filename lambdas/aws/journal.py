"""What was decided and done to membership, for whoever asks afterwards; `make journal` shows it."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import table
from lambdas.domain.errors import Throttled

KEEP_DAYS = 90
"""As long as Step Functions keeps an execution's history, which an entry names."""

SUFFIX_BYTES = 4
"""Two entries of one microsecond are two entries."""


@dataclass(frozen=True)
class Entry:
    cluster: str
    node: str
    """An instance id, or an orphan peer."""
    execution: str
    what: str
    """Of what: `goodbye`, `launch`, `drain`, `sweep`."""
    decision: str
    reason: str
    outcome: str = ""


def write(name: str, entry: Entry) -> bool:
    """Append an entry. False where it could not be written: the decision stands and is in the log already.

    A journal that could stop a goodbye would hold a server for the sake of its own record.
    """
    at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    item = vars(entry) | {"expires_at": table.expiry(KEEP_DAYS)}
    try:
        return table.put(name, "journal", f"{at}#{secrets.token_hex(SUFFIX_BYTES)}", item)
    except (BotoCoreError, ClientError, Throttled):
        return False
