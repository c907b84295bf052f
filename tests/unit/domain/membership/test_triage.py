"""What the sweep finds, and what it leaves alone."""

from dataclasses import replace

from hypothesis import given, settings

from lambdas.domain.membership.decision import decide
from lambdas.domain.membership.observation import Observation, Presence, Raft, Unknown
from lambdas.domain.membership.sketch import everywhere, observed, raft
from lambdas.domain.membership.triage import Attended, Finding, outsiders, triage
from tests.unit.domain.membership.observations import observations


def found(observation: Observation, attended: Attended | None = None) -> list[tuple[str, str]]:
    return [(one.what, one.subject) for one in triage(observation, attended or Attended())]


def test_a_healthy_cluster_is_left_alone() -> None:
    assert found(observed("abc", everywhere("abc"))) == []


def test_whoever_leaves_without_an_execution_gets_one_the_dead_first() -> None:
    seen = observed("abcde", everywhere("abcde", unhealthy="c"), leaving="a", retained="b", gone="c")
    assert found(seen) == [("goodbye", "i-c"), ("goodbye", "i-a"), ("goodbye", "i-b")]
    assert found(seen, Attended(goodbyes=frozenset({"i-a", "i-c"}))) == [("goodbye", "i-b")]


def test_a_launch_without_an_execution_gets_one() -> None:
    seen = observed("abcd", everywhere("abc"), launching="d")
    assert found(seen) == [("launch", "i-d")]
    assert found(seen, Attended(launches=frozenset({"i-d"}))) == []


def test_a_member_whose_host_is_gone_says_goodbye_even_where_it_is_no_peer() -> None:
    """Its record stands in the way of whoever gets its address."""
    assert found(observed("abcd", everywhere("abc"), gone="d")) == [("goodbye", "i-d")]


def test_peers_without_instances_say_goodbye_once_each() -> None:
    rafts = everywhere("abcx") | {"consul": raft("consul", "abcy", nameless="y")}
    assert found(observed("abc", rafts)) == [("goodbye", "i-x"), ("goodbye", "peer:consul:consul-y")]


BY_SHARES = Attended(unseals=True)


def test_a_sealed_server_is_unsealed_where_key_shares_open_it_and_else_a_human_is_called() -> None:
    rafts = everywhere("abc")
    vault = rafts["vault"]
    assert isinstance(vault, Raft)
    seen = observed("abc", rafts | {"vault": replace(vault, sealed=frozenset({"i-b"}))})
    assert found(seen, BY_SHARES) == [("unseal", "i-b")]
    assert found(seen) == [("call", "i-b")]
    assert found(replace_presence(seen, "i-b", "launching"), BY_SHARES) == [("launch", "i-b")]


def test_where_all_are_sealed_nobody_tells_the_membership_and_all_are_unsealed() -> None:
    unknown = Unknown("vault", "all are sealed", sealed=frozenset({"i-a", "i-b", "i-c"}))
    seen = observed("abc", everywhere("abc") | {"vault": unknown})
    assert found(seen, BY_SHARES) == [("unseal", "i-a"), ("unseal", "i-b"), ("unseal", "i-c"), ("call", "vault")]


def replace_presence(seen: Observation, instance_id: str, presence: Presence) -> Observation:
    servers = (replace(one, presence=presence) if one.instance_id == instance_id else one for one in seen.servers)
    return replace(seen, servers=tuple(servers))


def test_an_outsider_is_replaced_when_it_was_one_twice() -> None:
    seen = observed("abcd", everywhere("abc"))
    assert outsiders(seen) == {"i-d"}
    assert found(seen) == []
    assert found(seen, Attended(outsiders=frozenset({"i-d"}))) == [("replace", "i-d")]


def test_outsiders_are_replaced_one_by_one_and_while_nothing_moves() -> None:
    before = Attended(outsiders=frozenset({"i-d", "i-e"}))
    assert found(observed("abcde", everywhere("abc")), before) == [("replace", "i-d")]
    assert found(observed("abcdef", everywhere("abc"), launching="f"), before) == [("launch", "i-f")]
    assert found(observed("abcde", everywhere("abc"), leaving="a"), before) == [("goodbye", "i-a")]
    assert ("replace", "i-d") in found(observed("abcde", everywhere("abc"), retained="a"), before)


def test_nobody_is_an_outsider_of_what_is_unknown_or_may_be_its_own() -> None:
    unknown = everywhere("abc") | {"vault": Unknown("vault", "sealed")}
    assert outsiders(observed("abc", unknown)) == frozenset()
    nameless = everywhere("abcd") | {"consul": raft("consul", "abcd", nameless="d")}
    assert outsiders(observed("abcd", nameless)) == frozenset()


def test_an_ailing_voter_in_service_calls_a_human() -> None:
    rafts = everywhere("abc", unhealthy="c") | {"vault": raft("vault", "abc", sealed="b")}
    reasons = [(one.subject, one.reason) for one in triage(observed("abc", rafts), Attended()) if one.what == "call"]
    assert reasons == [
        ("i-c", "nomad on it is unhealthy, and it is in service"),
        ("i-b", "vault on it is sealed, and it is in service"),
        ("i-c", "consul on it is unhealthy, and it is in service"),
    ]


def test_what_cannot_be_read_calls_a_human_and_touches_nobody() -> None:
    seen = observed("abc", everywhere("abc") | {"vault": Unknown("vault", "no server of vault answered")})
    assert triage(seen, Attended()) == (
        Finding("vault", "call", "the membership of vault is unknown: no server of vault answered"),
    )


def test_a_product_that_the_cluster_does_not_have_is_no_trouble() -> None:
    consul = observed("abc", {"consul": raft("consul", "abcx", unhealthy="x")}, serves=("consul",))
    without_vault = replace(
        consul, rafts={**consul.rafts, "vault": Unknown("vault", "none was asked")}, sizes={"consul": 3, "vault": 0}
    )
    assert found(without_vault) == [("goodbye", "i-x")]
    assert decide(without_vault, "i-x").row == "remove_gone"


def test_commands_that_nobody_answered_come_first() -> None:
    assert found(observed("abc", everywhere("abc"), gone="a"), Attended(overdue=("2", "1")))[:2] == [
        ("answer", "1"),
        ("answer", "2"),
    ]


@settings(max_examples=200, deadline=None)
@given(observations())
def test_every_finding_has_a_reason_and_none_touches_a_server_in_its_place(observation: Observation) -> None:
    findings = triage(observation, Attended(outsiders=outsiders(observation)))
    acting = [(one.what, one.subject) for one in findings if one.what != "call"]
    assert len(set(acting)) == len(acting)
    for one in findings:
        assert one.reason
        server = observation.server(one.subject)
        if one.what == "goodbye" and server is not None:
            assert server.presence not in ("launching", "in_service")
        if one.what == "replace":
            assert one.subject in outsiders(observation)
