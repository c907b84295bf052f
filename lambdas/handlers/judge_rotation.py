"""Called by rotate_secrets: JudgeTurn. Whether everybody has followed, and what comes next; gives the lease back."""

from typing import Any

from lambdas.aws import journal, lease, rotation_record
from lambdas.domain.goodbye import pause_seconds
from lambdas.domain.rotation import read_answers
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"turn", "asked": items of Run with their answers, "execution"}. Returns the turn, with `next`: turn,
    wait, done or stop. Between two stages the lease is anybody's: a goodbye waits for one stage at the most."""
    settings = Settings.from_environment()
    table, turn = settings.table_name, event["turn"]
    lease.release(table, event["execution"], turn["fencing"])
    rotation = rotation_record.read(table)
    if rotation is None or rotation.execution != event["execution"]:
        decided("the rotation is in other hands")
        return _turn(turn, "stop")
    if rotation.stage is None or rotation.at != turn["at"]:
        decided("it was judged before")  # the answers are of the stage before: they say nothing of this one
        return _turn(turn, "turn" if rotation.stage else "done")
    done, reason = read_answers(event["asked"])
    decided(f"rotation {rotation.number}, {rotation.stage.name}: {reason}", done=done)
    if done or reason != turn["said"]:
        told = rotation.told(settings.cluster_name, "done" if done else "wait", f"{rotation.stage.name}: {reason}")
        journal.write(table, told)
    if not done:
        waits = turn["waits"] + 1
        return _turn(turn, "wait", waits=waits, said=reason) | {"pause_seconds": pause_seconds(waits)}
    after = rotation_record.advance(table, rotation)
    if after is None:
        return _turn(turn, "stop")
    return _turn(turn, "turn" if after.stage else "done")


def _turn(turn: dict[str, Any], following: str, *, waits: int = 0, said: str = "") -> dict[str, Any]:
    return {"number": turn["number"], "waits": waits, "said": said, "next": following}
