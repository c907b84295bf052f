"""A count of launches that failed one after another, by group."""

from lambdas.aws import table


def failed(name: str, group: str, *, instance_id: str, reason: str) -> int:
    """Count a failure once for an instance and return how many failed in a row."""
    counted = table.update(
        name,
        "breaker",
        group,
        {"reason": reason, "last_instance": instance_id},
        add={"failures": 1},
        condition="attribute_not_exists(#last_instance) OR #last_instance <> :this",
        values={"this": instance_id},
    )
    item = counted or table.get(name, "breaker", group) or {}
    return int(item.get("failures", 1))


def counted(name: str, group: str, instance_id: str) -> bool:
    """Whether the failure that was counted last is this instance's."""
    item = table.get(name, "breaker", group)
    return item is not None and item.get("last_instance") == instance_id


def succeeded(name: str, group: str) -> None:
    table.delete(name, "breaker", group)
