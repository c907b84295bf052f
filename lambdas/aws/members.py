"""Servers that became members, and the ids by which Raft knows them: what is left when an instance is gone."""

from dataclasses import dataclass, field

from lambdas.aws import table
from lambdas.domain.config import Product


@dataclass(frozen=True)
class Member:
    instance_id: str
    group: str
    serves: tuple[Product, ...]
    private_ip: str
    raft_ids: dict[str, str] = field(default_factory=dict)
    """By product; a product that told none is not in it."""
    cluster_ids: dict[str, str] = field(default_factory=dict)


def write(name: str, member: Member) -> None:
    item = {key: value for key, value in vars(member).items() if key != "instance_id"}
    table.put(name, "member", member.instance_id, item)


def find(name: str, instance_id: str) -> Member | None:
    item = table.get(name, "member", instance_id)
    return None if item is None else _member(item)


def every(name: str) -> list[Member]:
    return [_member(item) for item in table.query(name, "member")]


def forget(name: str, instance_id: str) -> None:
    table.delete(name, "member", instance_id)


def _member(item: table.Item) -> Member:
    return Member(
        instance_id=item["sk"],
        group=item["group"],
        serves=tuple(item["serves"]),
        private_ip=item["private_ip"],
        raft_ids=item["raft_ids"],
        cluster_ids=item["cluster_ids"],
    )
