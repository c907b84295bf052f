"""Histories through the real state machines: what they are made of, and what is held against the changes they made."""

from dataclasses import replace

import pytest

from lab.histories.machines import checks, deeds, series
from lab.histories.machines.cluster import Machines
from lab.histories.machines.deeds import DEPARTURES, DISTURBANCES, LOSSES, History, draw
from lab.hosts.simulated.world import Change

HISTORIES = [draw(seed) for seed in range(1, 301)]
LEFT = Change(at=100.0, product="nomad", phase="leave", server="i-a", on="i-a", fencing=7, quorum=True)


def found(*changes: Change, before: int = 0, dismissed: dict[str, float] | None = None) -> list[str]:
    told = {"i-a": 90.0, "i-b": 90.0} if dismissed is None else dismissed
    return [why.partition(":")[0] for why in checks.changes(changes, before, told)]


def test_a_seed_is_one_history() -> None:
    assert draw(17) == draw(17)
    assert draw(17) != draw(18)


def test_three_hundred_of_them_have_every_size_and_every_deed() -> None:
    assert {history.size for history in HISTORIES} == {1, 3, 5, 7}
    kinds = {deed[0] for history in HISTORIES for deed in history.deeds}
    assert kinds == {"pass", *DISTURBANCES, *DEPARTURES, *LOSSES}
    assert all(hasattr(Machines, f"do_{kind}") for kind in kinds)


def test_a_merciful_history_takes_no_more_servers_than_a_cluster_bears() -> None:
    for history in HISTORIES:
        losses = sum(deed[0] in LOSSES for deed in history.deeds)
        assert losses <= deeds.borne(history.size) if history.merciful else losses > deeds.borne(history.size)
    assert 0 < sum(not history.merciful for history in HISTORIES) < 50


def test_every_history_is_in_one_chunk_and_a_chunk_has_one_size() -> None:
    chunks = list(series.chunks(1, 300))
    assert sorted(history for chunk in chunks for history in chunk) == sorted(HISTORIES)
    assert all(len({history.size for history in chunk}) == 1 for chunk in chunks)


def test_a_shrunk_history_is_told_by_the_numbers_of_its_deeds() -> None:
    history = History(1, 3, True, (("terminate", 0), ("pass", 3), ("terminate", 0), ("expire_lease",)))
    short = series.only(history, "1,4")
    assert short.deeds == (("terminate", 0), ("expire_lease",))
    assert series.only(history, series.kept(history, short)) == short
    assert series.only(history, "") == history
    with pytest.raises(ValueError, match="seed 1 has the deeds 1 to 4, not 5"):
        series.only(history, "5")


def test_changes_that_follow_each_other_are_fine() -> None:
    handed_over = replace(LEFT, phase="hand_over", fencing=6)
    assert found(handed_over, LEFT, replace(LEFT, product="vault", fencing=8), before=5) == []


def test_a_change_of_a_turn_that_was_over_is_one_of_two_at_once() -> None:
    assert found(LEFT, replace(LEFT, server="i-b", fencing=6)) == ["two at once"]
    assert found(LEFT, replace(LEFT, server="i-b")) == ["two at once"], "two in one turn"
    assert found(LEFT, before=7) == ["two at once"]


def test_a_change_after_which_nobody_leads_took_quorum() -> None:
    assert found(replace(LEFT, quorum=False)) == ["quorum"]


def test_whoever_was_not_told_to_go_is_wanted() -> None:
    assert found(LEFT, dismissed={}) == ["wanted"]
    assert found(LEFT, dismissed={"i-a": 101.0}) == ["wanted"], "it was told only afterwards"
    assert found(replace(LEFT, phase="hand_over"), dismissed={}) == [], "it stays"


def test_a_peer_that_no_document_removed_was_removed_by_somebody_else() -> None:
    assert list(checks.by_others(1, [LEFT])) == []
    assert list(checks.by_others(2, [LEFT, replace(LEFT, phase="hand_over")])) == [
        "somebody else: 2 peers were removed, and 1 by us"
    ]


def test_servers_are_dismissed_by_their_group_or_by_ec2_whichever_came_first() -> None:
    told = {"detail-type": checks.TERMINATE, "time": "2026-01-01T00:00:10Z", "detail": {"EC2InstanceId": "i-a"}}
    gone = {
        "detail-type": checks.STATE_CHANGE,
        "time": "2026-01-01T00:00:20Z",
        "detail": {"instance-id": "i-a", "state": "shutting-down"},
    }
    ran = {**gone, "detail": {"instance-id": "i-b", "state": "running"}}
    dismissed = checks.dismissed([told, gone, ran])
    assert set(dismissed) == {"i-a"}
    assert dismissed["i-a"] % 60 == 10
