"""The record of rotations: one for a cluster, so that never two are under way."""

import time
from collections.abc import Collection

from lambdas.aws import executions, table
from lambdas.domain.rotation import Rotation

PK, SK = "rotation", "record"


def read(name: str) -> Rotation | None:
    """The newest, whether it is over or not."""
    item = table.get(name, PK, SK)
    return None if item is None else _rotation(item)


def begin(name: str, execution: str, stages: tuple[str, ...]) -> Rotation | None:
    """Begin the next one, unless one is under way: then go on with it. None where another execution runs it."""
    begun = table.update(
        name,
        PK,
        SK,
        {
            "execution": execution,
            "stages": list(stages),
            "at": 0,
            "since": time.time(),
            "followed": [],
            "under_way": True,
        },
        add={"number": 1},
        condition="attribute_not_exists(pk) OR #under_way = :no",
        values={"no": False},
    )
    return go_on(name, execution) if begun is None else _rotation(begun)


def go_on(name: str, execution: str) -> Rotation | None:
    """The one under way, in the hands of `execution`. None where there is none, or another execution runs it."""
    item = table.get(name, PK, SK)
    if item is None or not item["under_way"]:
        return None
    before = _rotation(item)
    if before.execution == execution:
        return before
    if executions.is_rotating(before.execution):
        return None
    taken = table.update(
        name,
        PK,
        SK,
        {"execution": execution},
        condition="#execution = :before AND #under_way = :yes",
        values={"before": before.execution, "yes": True},
    )
    return None if taken is None else _rotation(taken)


def advance(name: str, rotation: Rotation) -> Rotation | None:
    """Its stage is over. None where it is in other hands by now; a repetition changes nothing."""
    after = rotation.model_copy(update={"at": rotation.at + 1})
    ended = {"at": after.at, "since": time.time(), "followed": [], "under_way": after.stage is not None}
    return _write(name, rotation, ended)


def follow(name: str, rotation: Rotation, followers: Collection[str]) -> Rotation | None:
    """These have taken its stage. None where it is in other hands by now, or its stage is over."""
    return _write(name, rotation, {"followed": sorted({*rotation.followed, *followers})})


def _write(name: str, rotation: Rotation, changes: table.Item) -> Rotation | None:
    written = table.update(
        name,
        PK,
        SK,
        changes,
        condition="#execution = :mine AND #number = :number AND #at = :at",
        values={"mine": rotation.execution, "number": rotation.number, "at": rotation.at},
    )
    return None if written is None else _rotation(written)


def _rotation(item: table.Item) -> Rotation:
    return Rotation.model_validate({key: value for key, value in item.items() if key in Rotation.model_fields})
