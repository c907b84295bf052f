"""The membership lease as conditional writes: the rules are `domain/membership/lease.py`'s, DynamoDB keeps them.

Nodes read the same item (ssm_documents/lib/lease.sh). Its end is `held_until` and not `expires_at`: that attribute
is the table's time to live, and an item that DynamoDB deletes would begin its number at 1 again.
"""

from lambdas.aws import table
from lambdas.domain.membership.lease import LEASE_SECONDS, Lease
from lambdas.domain.membership.lease import holds as lease_holds

PK, SK = "lease", "membership"


def read(name: str) -> Lease:
    item = table.get(name, PK, SK)
    return Lease() if item is None else _lease(item)


def take(name: str, owner: str, now: float) -> Lease | None:
    """The lease with its next number, or None while another holds it."""
    taken = table.update(
        name,
        PK,
        SK,
        {"owner": owner, "held_until": now + LEASE_SECONDS},
        add={"fencing": 1},
        condition="attribute_not_exists(#owner) OR #owner = :nobody OR #owner = :mine OR #held_until <= :now",
        values={"nobody": None, "mine": owner, "now": now},
    )
    return None if taken is None else _lease(taken)


def renew(name: str, owner: str, fencing: int, now: float) -> Lease | None:
    """The same turn, for longer; None where it was lost."""
    renewed = table.update(
        name,
        PK,
        SK,
        {"held_until": now + LEASE_SECONDS},
        condition="#owner = :mine AND #fencing = :number AND #held_until > :now",
        values={"mine": owner, "number": fencing, "now": now},
    )
    return None if renewed is None else _lease(renewed)


def release(name: str, owner: str, fencing: int) -> bool:
    """Give it back; the number stays. False where it was another's by now, and nothing was changed."""
    released = table.update(
        name,
        PK,
        SK,
        {"owner": None, "held_until": 0},
        condition="#owner = :mine AND #fencing = :number",
        values={"mine": owner, "number": fencing},
    )
    return released is not None


def holds(name: str, owner: str, fencing: int, now: float) -> bool:
    return lease_holds(read(name), owner, fencing, now)


def _lease(item: table.Item) -> Lease:
    return Lease(item["owner"], item["fencing"], float(item["held_until"]))
