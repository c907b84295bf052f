"""Whose certificate is renewed, and when: a server alone, clients together, nobody too early and nobody forgotten."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.domain.membership.observation import Presence, Server
from lambdas.domain.renewal import CLIENTS_AT_ONCE, DAY_SECONDS, MOST_IN_A_RUN, Issued, holders, next_turn

NOW = 1_800_000_000.0
LIFE_DAYS = 30


def server(name: str, presence: Presence = "in_service", *, reachable: bool = True) -> Server:
    return Server(name, "servers", ("consul", "vault", "nomad"), presence, reachable=reachable)


def client(name: str, presence: Presence = "in_service", *, reachable: bool = True) -> Server:
    return Server(name, "default", (), presence, reachable=reachable)


def issued(name: str, days_old: float) -> Issued:
    began = NOW - days_old * DAY_SECONDS
    return Issued(instance_id=name, serial="1", not_before=began, not_after=began + LIFE_DAYS * DAY_SECONDS)


def chosen(nodes: Iterable[Server], *certificates: Issued, attempted: Iterable[str] = ()) -> tuple[list[str], str]:
    turn = next_turn(nodes, certificates, list(attempted), NOW)
    return [holder.server.instance_id for holder in turn.holders], turn.reason


THREE = (server("s1"), server("s2"), server("s3"))


def test_nobody_is_renewed_before_two_thirds_of_its_life() -> None:
    fresh = [issued(one.instance_id, 19.9) for one in THREE]
    assert chosen(THREE, *fresh) == ([], "no certificate is due")


def test_servers_are_renewed_one_by_one_the_first_to_end_first() -> None:
    due = (issued("s1", 20.1), issued("s2", 24), issued("s3", 21))
    assert chosen(THREE, *due) == (["s2"], "s2's certificate has 6.0 days left")
    assert chosen(THREE, *due, attempted=["s2"])[0] == ["s3"]
    assert chosen(THREE, *due, attempted=["s2", "s3", "s1"])[0] == []


def test_clients_follow_servers_several_at_once() -> None:
    clients = [client(f"c{number:02}") for number in range(25)]
    due = [issued(one.instance_id, 21) for one in clients]
    assert chosen([*THREE, *clients], issued("s1", 22), *due)[0] == ["s2"], "unknown ones first"
    fresh = [issued(one.instance_id, 1) for one in THREE]
    names, reason = chosen([*THREE, *clients], *fresh, *due)
    assert names == [f"c{number:02}" for number in range(CLIENTS_AT_ONCE)]
    assert reason == f"certificates of {CLIENTS_AT_ONCE} clients, the first of which has 9.0 days left"


def test_a_run_comes_to_an_end_before_its_history_does() -> None:
    clients = [client(f"c{number:02}") for number in range(100)]
    attempted = [f"c{number:02}" for number in range(MOST_IN_A_RUN - 3)]
    names, _ = chosen(clients, attempted=attempted)
    assert len(names) == 3
    names, reason = chosen(clients, attempted=[*attempted, *names])
    assert (names, reason) == ([], f"{MOST_IN_A_RUN} nodes are enough for one run: the next sweep begins another")


def test_a_server_waits_while_another_is_away_and_clients_do_not() -> None:
    for away in (server("s3", reachable=False), server("s3", "leaving"), server("s3", "gone")):
        nodes = (server("s1"), server("s2"), away)
        due = (issued("s1", 22), issued("s2", 21), issued("s3", 1))
        names, reason = chosen(nodes, *due)
        assert names == []
        assert "s3 is away: they wait until it is back" in reason
        assert chosen([*nodes, client("c1")], *due, issued("c1", 21))[0] == ["c1"]


def test_a_server_whose_certificate_is_about_to_end_waits_for_nobody() -> None:
    nodes = (server("s1"), server("s2"), server("s3", reachable=False))
    assert chosen(nodes, issued("s1", 25.1), issued("s2", 21), issued("s3", 1))[0] == ["s1"]
    assert chosen(nodes, issued("s1", 24.9), issued("s2", 21), issued("s3", 1))[0] == []


def test_who_launches_leaves_or_does_not_answer_is_left_alone() -> None:
    nodes = [client("c1", "launching"), client("c2", "leaving"), client("c3", "gone"), client("c4", reachable=False)]
    assert chosen(nodes, *(issued(one.instance_id, 29) for one in nodes))[0] == []


def test_a_retained_server_still_votes_and_still_needs_one() -> None:
    nodes = (*THREE, server("s4", "retained"))
    fresh = [issued(one.instance_id, 1) for one in THREE]
    assert chosen(nodes, *fresh, issued("s4", 22))[0] == ["s4"]


def test_a_node_of_which_nothing_is_known_is_renewed_and_rings() -> None:
    assert chosen([client("c1")]) == (["c1"], "certificates of 1 clients, the first of which is not known")
    [holder] = holders([client("c1")], [])
    assert holder.rings(NOW)


def test_it_rings_when_half_of_the_time_for_retries_is_over() -> None:
    for days_old, rings in ((24.9, False), (25.1, True), (31, True)):
        [holder] = holders([server("s1")], [issued("s1", days_old)])
        assert holder.rings(NOW) is rings


def test_who_was_signed_by_the_authority_before_is_renewed_whatever_its_age() -> None:
    fresh = [issued(one.instance_id, 1) for one in THREE]
    turn = next_turn(THREE, fresh, (), NOW, authority=2)
    assert [holder.server.instance_id for holder in turn.holders] == ["s1"]
    assert turn.reason == "s1's certificate is of authority 1, and 2 signs now"
    renewed = [fresh[0].model_copy(update={"authority": 2}), *fresh[1:]]
    assert [one.server.instance_id for one in next_turn(THREE, renewed, (), NOW, authority=2).holders] == ["s2"]
    assert not next_turn(
        THREE, [one.model_copy(update={"authority": 2}) for one in fresh], (), NOW, authority=2
    ).holders


PRESENCES = st.sampled_from(["launching", "in_service", "leaving", "retained", "gone"])
NODES = st.lists(st.tuples(st.booleans(), PRESENCES, st.booleans(), st.none() | st.floats(0, 40)), max_size=9)


@settings(deadline=None)
@given(NODES, st.sets(st.integers(0, 8)))
def test_whatever_stands_there(rows: list[tuple[bool, Presence, bool, float | None]], tried: set[int]) -> None:
    """Never two that vote, never one that is not due, nobody twice in a run; and a run comes to an end."""
    nodes = [
        (server if votes else client)(f"n{number}", presence, reachable=reachable)
        for number, (votes, presence, reachable, _) in enumerate(rows)
    ]
    known = [issued(f"n{number}", age) for number, (*_, age) in enumerate(rows) if age is not None]
    attempted = [f"n{number}" for number in tried]
    for _ in range(len(nodes) + 1):
        turn = next_turn(nodes, known, attempted, NOW)
        assert turn.reason
        assert sum(holder.votes for holder in turn.holders) <= 1
        assert len(turn.holders) == 1 or not turn.votes
        for holder in turn.holders:
            assert holder.server.reachable
            assert holder.is_due(NOW)
            assert holder.server.instance_id not in attempted
        attempted += [holder.server.instance_id for holder in turn.holders]
    assert not turn.holders
