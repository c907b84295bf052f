"""May this server go, and what is the next step of its goodbye? One pure function.

`ROWS` is the table: asked in order, the first that has an answer gives it. `truth_table` has examples of every row and
docs/goodbye.md shows them. Rows ask `safety` through its module, so that a deliberate defect can be put in its place.
"""

from dataclasses import dataclass

from lambdas.domain.membership import safety, shortfall, standing
from lambdas.domain.membership.answer import Answer, Kind, Row, Step
from lambdas.domain.membership.case import ORDER, Case, Membership, open_case
from lambdas.domain.membership.observation import Observation
from lambdas.domain.phases import Phase

__all__ = ["ORDER", "ROWS", "Decision", "Kind", "Row", "Step", "decide"]


@dataclass(frozen=True, slots=True)
class Decision:
    """`act` carries a step. `wait` asks again, `human` stops and rings, `release` lets the instance go, `keep` leaves
    it where it is because nobody asked it to go. `reason` is for an operator who does not know the code."""

    kind: Kind
    reason: str
    row: str
    """Name of the row of the truth table that it is."""
    step: Step | None = None


def decide(observation: Observation, subject: str) -> Decision:
    """The next step of the goodbye of `subject`, an instance id or an orphan (`observation.ORPHAN`)."""
    case = open_case(observation, subject)
    for row in ROWS:
        answer = row(case)
        if answer is not None:
            kind, reason, step = answer
            return Decision(kind, reason, row.__name__, step)
    return Decision("human", f"no row of the table says what becomes of {subject}", "nothing_fits")


def lingering(case: Case) -> Answer | None:
    """Its host is gone, and the product has not noticed: removed now, gossip would bring it back."""
    if not case.host_is_gone or not case.memberships[0].peer.healthy:
        return None
    product = case.memberships[0].product
    return "wait", f"{case.subject} is gone and {product} still counts it as healthy: waits until it notices", None


def stale_leader(case: Case) -> Answer | None:
    """Its host is gone and it leads all the same: the view is older than its death."""
    if not case.host_is_gone or not case.memberships[0].leads:
        return None
    product = case.memberships[0].product
    return "wait", f"{case.subject} is gone and still leads {product} in what its servers tell: waits for another", None


def too_few_voters(case: Case) -> Answer | None:
    """A living voter stays until its replacement is a voter, in every product, before it leaves the first."""
    for membership in () if case.host_is_gone else case.memberships:
        if membership.votes and not safety.leaves_enough_voters(membership.remaining, membership.size):
            return "wait", shortfall.too_few(case, membership), None
    return None


def too_few_healthy(case: Case) -> Answer | None:
    """Those who remain have to be able to decide; after a living voter's goodbye, even with one more failure.

    A dead voter never lowers what is alive against the majority: no size and no spare is asked for its removal.
    """
    for membership in case.memberships[:1] if case.host_is_gone else case.memberships:
        remaining, spare = membership.remaining, _floor(case, membership)[1]
        healthy = safety.healthy_among(case.observation, membership.raft, remaining)
        if not safety.leaves_a_majority(healthy, len(remaining), spare):
            return "wait", shortfall.too_weak(case, membership, safety.majority(len(remaining)) + spare), None
    return None


def remove_gone(case: Case) -> Answer | None:
    """Its host is gone, or it never was ours: a server that stays takes its peer out, by id."""
    if not case.host_is_gone:
        return None
    why = "is a peer without an instance" if case.server is None else "is gone and still a peer"
    return _remove(case, f"{case.subject} {why} of {case.memberships[0].product}")


def hand_over(case: Case) -> Answer | None:
    """It leads: it gives the leadership away before it leaves."""
    membership = case.memberships[0]
    if not membership.leads or not _reachable(case):
        return None
    return _act(
        case, Phase.HAND_OVER, case.subject, f"{case.subject} leads {membership.product}: another has to, first"
    )


def leave(case: Case) -> Answer | None:
    """Its product runs there: it leaves by itself."""
    membership = case.memberships[0]
    if not _reachable(case) or case.subject not in membership.raft.observers:
        return None
    left = len(membership.remaining)
    after = f"{shortfall.voters(left)} remain{'s' if left == 1 else ''}"
    return _act(case, Phase.LEAVE, case.subject, f"{case.subject} leaves {membership.product}: {after}")


def unanswering(case: Case) -> Answer | None:
    """Its product lives and cannot be asked to leave: removed now, gossip would bring it back."""
    membership = case.memberships[0]
    if case.subject in membership.raft.stopped or not (membership.peer.healthy or membership.leads):
        return None
    what = f"{membership.product} on it did not answer" if _reachable(case) else "its SSM agent does not answer"
    return "wait", f"{case.subject}: {what} while it is a living peer of {membership.product}: waits for either", None


def remove_stopped(case: Case) -> Answer | None:
    """Its product does not run (any more): a server that stays takes its peer out, by id."""
    product = case.memberships[0].product
    return _remove(case, f"{product} does not run on {case.subject}, which is still its peer")


ROWS: tuple[Row, ...] = (
    standing.wanted,
    standing.foreign,
    standing.minority,
    standing.unknown,
    standing.named,
    standing.unnamed,
    standing.out,
    standing.joining,
    standing.stranger,
    lingering,
    stale_leader,
    too_few_voters,
    too_few_healthy,
    remove_gone,
    hand_over,
    leave,
    unanswering,
    remove_stopped,
)
"""From `lingering` on, a row speaks of the first product in ORDER that still has the subject as a peer; the two that
count voters look at all of them."""


def _reachable(case: Case) -> bool:
    return case.server is not None and case.server.reachable


def _floor(case: Case, membership: Membership) -> tuple[int, int]:
    """Voters that have to remain, and healthy ones beyond a majority. Neither for the dead nor for who has no vote."""
    if case.host_is_gone or not membership.votes:
        return 0, 0
    return membership.size, safety.spare_voters(len(membership.remaining))


def _remove(case: Case, why: str) -> Answer:
    membership = case.memberships[0]
    server = safety.survivor(case.observation, membership.raft, membership.own, case.subject)
    if server is None:
        return "wait", f"{why}: no other healthy voter of {membership.product} answers that could remove it", None
    return _act(case, Phase.REMOVE, server.instance_id, f"{why}: {server.instance_id} removes it")


def _act(case: Case, phase: Phase, on: str, reason: str) -> Answer:
    membership = case.memberships[0]
    fewest, spare = _floor(case, membership)
    step = Step(membership.product, phase, on, membership.peer.raft_id, case.subject, fewest, spare)
    return "act", reason, step
