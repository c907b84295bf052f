"""The journal in the table; `make journal` shows it."""

import secrets
from dataclasses import asdict
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import table
from lambdas.domain.errors import Throttled
from lambdas.domain.membership.journal import KEEP_DAYS, SUFFIX_BYTES, Entry, sort_key


def write(name: str, entry: Entry) -> bool:
    """Append an entry. False where it could not be written: the decision stands and is in the log already.

    A journal that could stop a goodbye would hold a server for the sake of its own record.
    """
    item = asdict(entry) | {"expires_at": table.expiry(KEEP_DAYS)}
    try:
        return table.put(name, "journal", sort_key(datetime.now(UTC), secrets.token_hex(SUFFIX_BYTES)), item)
    except (BotoCoreError, ClientError, Throttled):
        return False
