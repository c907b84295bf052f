"""Lifecycle actions and who has taken them: an event that comes twice is taken once."""

from lambdas.aws import table

KEEP_DAYS = 4
"""A lifecycle action lives 48 hours at the most (Auto Scaling: global timeout)."""


def take(name: str, token: str, execution: str) -> bool:
    """Whether `execution` owns the action: it is the first, or it asks again."""
    return table.put(
        name,
        "action",
        token,
        {"execution": execution, "expires_at": table.expiry(KEEP_DAYS)},
        condition="attribute_not_exists(pk) OR #execution = :mine",
        values={"mine": execution},
    )
