"""What holds of every decision, whatever was observed."""

from dataclasses import replace

from hypothesis import HealthCheck, example, given, settings

from lambdas.domain.membership.decision import ORDER, ROWS, Decision, decide
from lambdas.domain.membership.observation import Observation, Peer, Raft, Unknown
from lambdas.domain.membership.sketch import everywhere, observed
from lambdas.domain.phases import Phase
from tests.unit.domain.membership.observations import CASES

Case = tuple[Observation, str]


def changed(observation: Observation, decision: Decision) -> Raft | None:
    """The view in which a LEAVE or REMOVE takes a peer out."""
    if decision.step is None or decision.step.phase is Phase.HAND_OVER:
        return None
    raft = observation.rafts[decision.step.product]
    assert isinstance(raft, Raft), "never a change of what is unknown"
    return raft


def votes_left(observation: Observation, raft: Raft, raft_id: str) -> tuple[int, int]:
    """Voters without that peer, and those of them whose vote can be had. Counted here anew, not by the code's own."""
    voters = [peer for peer in raft.peers if peer.voter and peer.raft_id != raft_id]
    gone = {server.instance_id for server in observation.servers if server.presence == "gone"}
    alive = [peer for peer in voters if peer.healthy and peer.instance_id not in gone | raft.sealed]
    return len(voters), len(alive)


def every_observation_has_one_decision_with_a_reason(observation: Observation, subject: str) -> None:
    decision = decide(observation, subject)
    assert decision.reason.strip()
    assert decision.row in {row.__name__ for row in ROWS}
    assert (decision.step is not None) == (decision.kind == "act")
    assert decide(observation, subject) == decision


def no_change_leaves_a_product_below_a_majority_of_healthy_voters(observation: Observation, subject: str) -> None:
    decision = decide(observation, subject)
    raft = changed(observation, decision)
    if raft is None or decision.step is None:
        return
    voters, alive = votes_left(observation, raft, decision.step.raft_id)
    assert alive >= voters // 2 + 1


def a_living_voter_goes_only_where_the_smallest_safe_size_remains(observation: Observation, subject: str) -> None:
    decision, server = decide(observation, subject), observation.server(subject)
    raft = changed(observation, decision)
    if raft is None or decision.step is None or server is None or server.presence == "gone":
        return
    if any(peer.raft_id == decision.step.raft_id and peer.voter for peer in raft.peers):
        voters, alive = votes_left(observation, raft, decision.step.raft_id)
        size = observation.sizes.get(raft.product, 1)
        assert voters >= size
        assert alive > voters // 2 + (1 if voters >= 3 else 0)
        assert decision.step.fewest_voters >= size


def nobody_who_is_wanted_and_no_leader_is_taken_out(observation: Observation, subject: str) -> None:
    decision, server = decide(observation, subject), observation.server(subject)
    if server is not None and server.presence in ("launching", "in_service"):
        assert decision.kind == "keep"
    raft = changed(observation, decision)
    if raft is not None and decision.step is not None:
        assert decision.step.raft_id != raft.leader
        taken = next(peer for peer in raft.peers if peer.raft_id == decision.step.raft_id)
        named = observation.server(taken.instance_id or "")
        assert named is None or named.presence not in ("launching", "in_service")


def the_unknown_never_yields_a_change(observation: Observation, subject: str) -> None:
    server = observation.server(subject)
    serves = server.serves if server else ORDER if subject.startswith("i-") else ()
    served = {product for product in serves if server or observation.sizes.get(product, 0) > 0}
    unknown = any(isinstance(raft, Unknown) and raft.product in served for raft in observation.rafts.values())
    if unknown:
        assert decide(observation, subject).kind not in ("act", "release")


def changes_are_made_where_they_can_be_made(observation: Observation, subject: str) -> None:
    step = decide(observation, subject).step
    if step is None:
        return
    raft, on = observation.rafts[step.product], observation.server(step.on)
    assert isinstance(raft, Raft)
    assert on is not None
    assert on.reachable
    assert on.presence != "gone"
    assert (step.on == subject) == (step.phase in (Phase.HAND_OVER, Phase.LEAVE))
    if step.phase is not Phase.HAND_OVER:
        assert step.on in raft.observers


def it_does_not_matter_in_which_order_things_are_told(observation: Observation, subject: str) -> None:
    rafts = dict(reversed(list(observation.rafts.items())))
    other = decide(Observation(observation.servers[::-1], rafts, observation.sizes), subject)
    decision = decide(observation, subject)
    assert (other.kind, other.row, other.step) == (decision.kind, decision.row, decision.step)


PROPERTIES = (
    every_observation_has_one_decision_with_a_reason,
    no_change_leaves_a_product_below_a_majority_of_healthy_voters,
    a_living_voter_goes_only_where_the_smallest_safe_size_remains,
    nobody_who_is_wanted_and_no_leader_is_taken_out,
    the_unknown_never_yields_a_change,
    changes_are_made_where_they_can_be_made,
    it_does_not_matter_in_which_order_things_are_told,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CASES)
@example((observed("", {}), "i-a"))
@example((observed("abc", {}, leaving="a"), "i-a"))
@example((observed("abc", everywhere("abc"), serves=(), leaving="a"), "i-a"))
def test_whatever_was_observed_every_property_holds(case: Case) -> None:
    """All of them of each case: to think of a case costs more than to look at it."""
    for holds in PROPERTIES:
        holds(*case)


def test_the_cases_of_these_tests_reach_every_row_that_acts() -> None:
    """Properties that hold of nothing but waiting would hold of anything."""
    reached: set[tuple[str, str]] = set()

    @settings(max_examples=200, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(CASES)
    def look(case: Case) -> None:
        decision = decide(*case)
        reached.add((decision.row, decision.kind))

    look()
    assert {row for row, kind in reached if kind == "act"} >= {"remove_gone", "hand_over", "leave"}
    assert {row for row, _ in reached} >= {"too_few_voters", "too_few_healthy"}


def test_a_host_that_came_back_under_a_new_id_leaves_with_both_peers() -> None:
    """It lost its disk: the living peer leaves first, and the stale one is removed where it is."""
    rafts = everywhere("abcd", leader="b")
    nomad = rafts["nomad"]
    assert isinstance(nomad, Raft)
    stale = Peer("nomad-0", "i-a", "10.0.0.1:8300", voter=True, healthy=False)
    seen = observed("abcd", {**rafts, "nomad": replace(nomad, peers=(stale, *nomad.peers))}, leaving="a")
    step = decide(seen, "i-a").step
    assert step is not None
    assert (step.phase, step.raft_id) == (Phase.LEAVE, "nomad-a")
    living = tuple(peer for peer in nomad.peers if peer.instance_id != "i-a")
    stopped = replace(nomad, peers=(stale, *living), stopped=frozenset({"i-a"}), observers=nomad.observers - {"i-a"})
    step = decide(observed("abcd", {**rafts, "nomad": stopped}, leaving="a"), "i-a").step
    assert step is not None
    assert (step.phase, step.raft_id) == (Phase.REMOVE, "nomad-0")


def test_a_goodbye_ends_step_by_step() -> None:
    """Nomad, Vault, Consul: each handed over, then left."""
    everyone = "abcd"
    rafts, steps = everywhere(everyone, leader="a"), []
    for _ in range(10):
        decision = decide(observed(everyone, rafts, leaving="a"), "i-a")
        if decision.step is None:
            break
        product, phase = decision.step.product, decision.step.phase
        steps.append((product, phase))
        left = everyone if phase is Phase.HAND_OVER else "bcd"
        rafts = {**rafts, product: everywhere(left, leader="b")[product]}
    assert steps == [(product, phase) for product in ORDER for phase in (Phase.HAND_OVER, Phase.LEAVE)]
    assert decision.kind == "release"
