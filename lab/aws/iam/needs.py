"""What an API call needs to be allowed, and how a service says it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from lab.aws.iam.account import Account
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.context import Members, Values

ANY = "*"
"""The resource of an action that supports none."""


@dataclass(frozen=True)
class Need:
    """One action on one resource. All needs of a call have to be met.

    `values` and `families` are the condition keys of this action, over those that every request has.
    """

    action: str
    resource: str = ANY
    values: Mapping[str, Values] = field(default_factory=dict)
    families: Mapping[str, Members] = field(default_factory=dict)


Row = Callable[[ApiCall, Account], Iterable[Need]]
Rows = Mapping[str, Row]


def anywhere(action: str) -> Row:
    """An action that supports no resource (Service Authorization Reference)."""
    return lambda call, account: (Need(action),)


def tagged(tags: Members, *services: str) -> dict[str, Members]:
    """The families of a resource's tags: AWS's own, and the services' older ones."""
    return {
        f"{service}:{'resourceTag' if service == 'ssm' else 'ResourceTag'}/": tags for service in ("aws", *services)
    }
