"""The membership lease: whoever holds it may change Raft membership, and only its newest number counts.

Pure rules. `lambdas/aws/lease.py` writes the same as conditions of DynamoDB; scripts compare `fencing` on the node,
just before they change anything.
"""

from dataclasses import dataclass, replace

LEASE_SECONDS = 300
"""Longer than a change may take: delivery (120 s at most), the script's own limit (120 s) and the answer's way back."""

CHANGE_SECONDS = 60
"""What must be left of the lease when a script makes its change; less, and it does nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """`owner` is an execution, None while nobody holds it. `expires_at` is in seconds since the epoch."""

    owner: str | None = None
    fencing: int = 0
    expires_at: float = 0.0


def take(lease: Lease, owner: str, now: float) -> Lease | None:
    """The lease in the hands of `owner`, or None while another holds it.

    The number grows each time, for the same owner too: a command of its turn before may still be on its way.
    """
    if lease.owner not in (None, owner) and now < lease.expires_at:
        return None
    return Lease(owner, lease.fencing + 1, now + LEASE_SECONDS)


def renew(lease: Lease, owner: str, fencing: int, now: float) -> Lease | None:
    """The same turn, for longer; None where it was lost: expired counts as lost, even if nobody took it since."""
    if not holds(lease, owner, fencing, now):
        return None
    return replace(lease, expires_at=now + LEASE_SECONDS)


def release(lease: Lease, owner: str, fencing: int) -> Lease:
    """The number stays, so that it only ever grows. A lease that is another's by now is left alone."""
    if (lease.owner, lease.fencing) != (owner, fencing):
        return lease
    return Lease(None, lease.fencing, 0.0)


def holds(lease: Lease, owner: str, fencing: int, now: float) -> bool:
    return (lease.owner, lease.fencing) == (owner, fencing) and now < lease.expires_at


def may_change(lease: Lease, fencing: int, now: float) -> bool:
    """What a node asks before it changes membership: is this command's number the newest, with time enough left?"""
    return lease.owner is not None and lease.fencing == fencing and now + CHANGE_SECONDS <= lease.expires_at
