"""What servers report, merged: one view of all, or unknown. Never more than the good reports said."""

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.membership.observation import Raft, Unknown
from lambdas.domain.membership.reports import REASON_WORDS, Heard, merge

IDS = [f"i-{number:017x}" for number in (1, 2, 3, 4)]


@dataclass(frozen=True)
class Record:
    instance_id: str
    raft_ids: dict[str, str] = field(default_factory=dict)
    cluster_ids: dict[str, str] = field(default_factory=dict)


def a_report(own: int = 1, **changes: Any) -> dict[str, Any]:
    peers = [
        {
            "id": f"raft-{number}",
            "name": IDS[number - 1],
            "address": f"10.0.0.{number}:8300",
            "voter": True,
            "healthy": True,
        }
        for number in (1, 2, 3)
    ]
    return {
        "running": True,
        "known": True,
        "reason": "as its leader tells it",
        "cluster_id": "ours",
        "own_raft_id": f"raft-{own}",
        "leader": "raft-1",
        "sealed": None,
        "peers": peers,
    } | changes


def heard(number: int, result: Any = None, error: str = "") -> Heard:
    return Heard(IDS[number - 1], "consul", result, error)


def mute(own: int, **changes: Any) -> dict[str, Any]:
    return a_report(own, known=False, leader=None, peers=[], reason="consul has no leader") | changes


def merged(*told: Heard, members: list[Record] | None = None) -> Raft | Unknown:
    return merge(["consul"], told, members or [])["consul"]


GOOD = [heard(number, a_report(number)) for number in (1, 2, 3)]


def renamed(number: int, name: str | None, **changes: Any) -> dict[str, Any]:
    report = a_report(**changes)
    report["peers"][number - 1]["name"] = name
    return report


def test_servers_that_agree_make_one_view() -> None:
    raft = merged(*GOOD)
    assert isinstance(raft, Raft)
    assert (raft.leader, [peer.instance_id for peer in raft.peers]) == ("raft-1", IDS[:3])
    assert raft.observers == set(IDS[:3])
    assert all(peer.voter and peer.healthy for peer in raft.peers)


def test_one_server_that_knows_is_enough() -> None:
    raft = merged(GOOD[0], heard(2, mute(2, running=False)), heard(3, error="the agent is silent"))
    assert isinstance(raft, Raft)
    assert (raft.observers, raft.stopped) == ({IDS[0]}, {IDS[1]})


def test_a_sealed_vault_is_told_and_observes_nothing() -> None:
    raft = merged(GOOD[0], heard(2, mute(2, sealed=True)))
    assert isinstance(raft, Raft)
    assert (raft.sealed, raft.observers) == ({IDS[1]}, {IDS[0]})


def test_health_is_the_least_that_anybody_tells() -> None:
    doubting = a_report(2)
    doubting["peers"][2]["healthy"] = False
    raft = merged(GOOD[0], heard(2, doubting))
    assert isinstance(raft, Raft)
    assert [peer.healthy for peer in raft.peers] == [True, True, False]


def test_nobody_who_knows_is_unknown_with_every_reason() -> None:
    raft = merged(heard(1, mute(1)), heard(2, error="States.Timeout: no answer"), heard(3, "gibberish"))
    assert isinstance(raft, Unknown)
    assert not raft.foreign
    for words in ("no server of consul tells", "has no leader", "no answer", "not the promised JSON", *IDS[:3]):
        assert words in raft.reason


def test_nobody_asked_is_unknown() -> None:
    assert merged() == Unknown("consul", "no server of consul tells its membership (none was asked)")


@pytest.mark.parametrize(
    "other",
    [
        a_report(2, leader="raft-2"),
        a_report(2, peers=a_report()["peers"][:2]),
        a_report(2, peers=[{**peer, "voter": peer["id"] != "raft-3"} for peer in a_report()["peers"]]),
    ],
    ids=["another leader", "a peer less", "a voter less"],
)
def test_servers_that_disagree_are_unknown(other: dict[str, Any]) -> None:
    assert merged(GOOD[0], heard(2, other)) == Unknown("consul", f"{IDS[0]} and {IDS[1]} disagree about consul")


@pytest.mark.parametrize("known", [True, False])
def test_another_cluster_calls_a_human(known: bool) -> None:
    alien = a_report(2, cluster_id="theirs") if known else mute(2, cluster_id="theirs")
    raft = merged(GOOD[0], heard(2, alien))
    assert isinstance(raft, Unknown)
    assert raft.foreign
    recorded = merged(heard(2, alien), members=[Record(IDS[0], cluster_ids={"consul": "ours"})])
    assert recorded == Unknown("consul", f"{IDS[1]} answers for another cluster of consul than ours", foreign=True)


def test_members_of_two_clusters_call_a_human() -> None:
    members = [Record(IDS[0], cluster_ids={"consul": "ours"}), Record(IDS[1], cluster_ids={"consul": "theirs"})]
    raft = merged(*GOOD, members=members)
    assert isinstance(raft, Unknown)
    assert raft.foreign
    assert IDS[0] in raft.reason


def test_a_cluster_id_that_nobody_can_tell_is_no_contradiction() -> None:
    assert isinstance(merged(GOOD[0], heard(2, a_report(2, cluster_id=None))), Raft)


def test_nomad_names_have_a_region() -> None:
    report = renamed(3, f"{IDS[2]}.global")
    assert merged(heard(1, report)).peers[2].instance_id == IDS[2]  # type: ignore[union-attr]


def test_a_peer_without_a_name_is_known_by_its_member_record() -> None:
    told = heard(1, renamed(3, None))
    assert merged(told).peers[2].instance_id is None  # type: ignore[union-attr]
    members = [Record(IDS[3], raft_ids={"consul": "raft-3", "nomad": "raft-1"})]
    assert merged(told, members=members).peers[2].instance_id == IDS[3]  # type: ignore[union-attr]


def test_a_name_that_is_no_instance_is_none() -> None:
    assert merged(heard(1, renamed(3, "bastion"))).peers[2].instance_id is None  # type: ignore[union-attr]


def test_a_stale_peer_that_has_the_name_of_its_address_s_new_owner_is_not_his() -> None:
    """Consul and Nomad name a peer that gossip forgot by its address: the new server there must not pay for it."""
    report = renamed(3, IDS[1])
    raft = merged(heard(1, report), heard(2, report | {"own_raft_id": "raft-2"}))
    assert isinstance(raft, Raft)
    assert [peer.instance_id for peer in raft.peers] == [IDS[0], IDS[1], None]
    members = [Record(IDS[2], raft_ids={"consul": "raft-3"})]
    assert merged(heard(1, report), members=members).peers[2].instance_id == IDS[2]  # type: ignore[union-attr]


def test_a_peer_that_two_instances_claim_is_unknown() -> None:
    raft = merged(*GOOD, members=[Record(IDS[3], raft_ids={"consul": "raft-3"})])
    assert raft == Unknown("consul", f"peer raft-3 of consul is said to be that of {IDS[2]} and {IDS[3]}")


@pytest.mark.parametrize(
    "changes",
    [
        {"known": "true"},
        {"running": False},
        {"leader": None},
        {"leader": "raft-9"},
        {"sealed": True},
        {"peers": a_report()["peers"] + a_report()["peers"][:1]},
        {"peers": [{**a_report()["peers"][0], "healthy": 1}]},
        {"peers": [{**a_report()["peers"][0], "id": "raft-1; rm -rf"}]},
        {"peers": {}},
    ],
    ids=str,
)
def test_a_report_that_does_not_hold_together_is_silence(changes: dict[str, Any]) -> None:
    assert isinstance(merged(heard(1, a_report(**changes))), Unknown)
    with_good = merged(heard(1, a_report(**changes)), GOOD[1])
    assert isinstance(with_good, Raft)
    assert with_good.observers == {IDS[1]}


def test_a_missing_key_is_silence() -> None:
    for key in a_report():
        report = a_report()
        del report[key]
        assert isinstance(merged(heard(1, report)), Unknown)


def test_reasons_stay_short() -> None:
    raft = merged(heard(1, error="x" * 5_000), heard(2, mute(2, reason="y\n" * 5_000)))
    assert isinstance(raft, Unknown)
    assert len(raft.reason) < 2 * REASON_WORDS + 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def bent_reports(draw: st.DrawFn) -> Any:
    """The promised report, with any JSON in some places of it; or any JSON at all."""
    if draw(st.booleans()):
        return draw(JSON)
    report = copy.deepcopy(a_report(draw(st.sampled_from((1, 2, 3)))))
    for key in draw(st.lists(st.sampled_from(sorted(report)), max_size=3, unique=True)):
        report[key] = draw(JSON)
    if isinstance(report["peers"], list):
        for peer in report["peers"]:
            if isinstance(peer, dict) and draw(st.booleans()):
                peer[draw(st.sampled_from(("id", "name", "voter", "healthy", "address")))] = draw(JSON)
    return report


@given(bent_reports(), st.integers(1, 3))
def test_no_json_makes_more_of_a_membership_than_the_good_reports_said(bent: Any, at: int) -> None:
    good = [one for one in GOOD if one.instance_id != IDS[at - 1]]
    expected = merged(*good)
    assert isinstance(expected, Raft)
    raft = merged(*good, heard(at, bent))
    if isinstance(raft, Unknown):
        return
    assert raft.leader == expected.leader
    for peer, said in zip(raft.peers, expected.peers, strict=True):
        assert replace(peer, healthy=said.healthy, address=said.address) == said
        assert said.healthy or not peer.healthy


@given(bent_reports(), st.text(max_size=20))
def test_garbage_alone_is_nothing_or_what_a_whole_report_says(bent: Any, error: str) -> None:
    raft = merged(heard(1, bent, error))
    if isinstance(raft, Raft):
        assert error == ""
        assert bent["known"] is True
        assert {peer.raft_id for peer in raft.peers} == {peer["id"] for peer in bent["peers"]}
    else:
        assert raft.reason


@given(st.permutations([*GOOD, heard(4, mute(4))]), st.lists(bent_reports(), max_size=2), st.randoms())
def test_the_order_of_reports_does_not_matter(told: list[Heard], bent: list[Any], chance: Any) -> None:
    told = [*told, *(heard(number, one) for number, one in enumerate(bent, start=1))]
    other = list(told)
    chance.shuffle(other)
    assert merged(*told) == merged(*other)
