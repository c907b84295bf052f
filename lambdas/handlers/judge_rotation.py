"""Called by rotate_secrets: JudgeTurn. Whether everybody has followed, and what comes next; gives the lease back."""

from typing import Any

from lambdas.aws import journal, lease, rotation_record, seals
from lambdas.domain.goodbye import pause_seconds
from lambdas.domain.phases import Phase
from lambdas.domain.rotation import Rotation, read_answers, read_followers
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"turn", "asked": items of Run with their answers, "execution"}. Returns the turn, with `next`: turn,
    wait, done or stop. Between two stages the lease is anybody's: a goodbye waits for one stage at the most."""
    settings = Settings.from_environment()
    table, turn = settings.table_name, event["turn"]
    lease.release(table, event["execution"], turn["fencing"])
    if turn["opened"]:
        seals.close(settings)
    rotation = rotation_record.read(table)
    if rotation is None or rotation.execution != event["execution"]:
        decided("the rotation is in other hands")
        return _turn(turn, "stop")
    if rotation.stage is None or rotation.at != turn["at"]:
        decided("it was judged before")  # the answers are of the stage before: they say nothing of this one
        return _turn(turn, "turn" if rotation.stage else "done")
    if rotation.stage.phase is Phase.ADOPT:
        return _followed(settings, rotation, turn, event["asked"])
    done, reason = read_answers(event["asked"])
    decided(f"rotation {rotation.number}, {rotation.stage.name}: {reason}", done=done)
    if done or reason != turn["said"]:
        _tell(settings, rotation, "done" if done else "wait", reason)
    if not done:
        return _wait(turn, reason)
    after = rotation_record.advance(table, rotation)
    if after is None:
        return _turn(turn, "stop")
    return _turn(turn, "turn" if after.stage else "done")


def _followed(settings: Settings, rotation: Rotation, turn: dict[str, Any], asked: list[Any]) -> dict[str, Any]:
    """Of a stage that every node takes by itself: it is over when none is left, which the next turn sees."""
    followers, reason = read_followers(asked)
    decided(f"rotation {rotation.number}, {reason}", followers=len(followers))
    if followers:
        kept = rotation_record.follow(settings.table_name, rotation, followers)
        return _turn(turn, "turn" if kept else "stop", said=turn["said"])
    if reason != turn["said"]:
        _tell(settings, rotation, "wait", reason)
    return _wait(turn, reason)


def _tell(settings: Settings, rotation: Rotation, decision: str, reason: str) -> None:
    stage = rotation.stage.name if rotation.stage else ""
    journal.write(settings.table_name, rotation.told(settings.cluster_name, decision, f"{stage}: {reason}"))


def _wait(turn: dict[str, Any], reason: str) -> dict[str, Any]:
    waits = turn["waits"] + 1
    return _turn(turn, "wait", waits=waits, said=reason) | {"pause_seconds": pause_seconds(waits)}


def _turn(turn: dict[str, Any], following: str, *, waits: int = 0, said: str = "") -> dict[str, Any]:
    return {"number": turn["number"], "waits": waits, "said": said, "next": following}
