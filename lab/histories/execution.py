"""node_terminate, step by step: take the turn, look and decide, send one change, hear of it, let go.

Any of these may be the last that an execution does.
"""

from lab.histories import sight
from lab.histories.invariants import decided, released
from lab.histories.script import NOW
from lab.histories.world import Command, Goodbye, World, number_of
from lambdas.domain.membership import decision
from lambdas.domain.membership import lease as leases
from lambdas.domain.membership.decision import Decision
from lambdas.domain.membership.observation import ORPHAN


def start(world: World, subject: str, by_sweep: bool = False) -> World:
    """A second execution for the same subject finds the claim taken, and ends."""
    if world.goodbye(subject) is not None:
        return world
    number = world.executions + 1
    goodbye = Goodbye(subject, number, by_sweep=by_sweep)
    return world._replace(executions=number, goodbyes=tuple(sorted((*world.goodbyes, goodbye))))


def turn(world: World, goodbye: Goodbye) -> World:
    """TakeTurn. While another has the lease, nothing happens and it comes again."""
    lease = leases.take(world.lease, goodbye.owner, NOW)
    if lease is None:
        return world
    moved = goodbye._replace(at="look", fencing=lease.fencing)
    return world.of_goodbye(goodbye, moved)._replace(lease=lease)


def turn_half_done(world: World, goodbye: Goodbye) -> World:
    """TakeTurn's Lambda dies after it took the lease; the state machine runs it again."""
    return world._replace(lease=leases.take(world.lease, goodbye.owner, NOW) or world.lease)


def look(world: World, goodbye: Goodbye) -> World:
    """Observe and Decide, in one step: what happens between the two may as well happen after both."""
    lease = leases.renew(world.lease, goodbye.owner, goodbye.fencing, NOW)
    if lease is None:
        return lost(world, goodbye)
    observation = sight.observe(world)
    made = decision.decide(observation, goodbye.subject)
    decided(world, observation, goodbye.subject, made)
    world = world._replace(lease=lease)
    match made.kind:
        case "act":
            return send(world, goodbye, made)
        case "release":
            return world.of_goodbye(goodbye, goodbye._replace(at="release"))
        case "human":
            return hold(world, goodbye)
        case "keep":
            return end(world, goodbye)
    if goodbye.by_sweep and _presence(world, goodbye.subject) == "retained":
        return end(world, goodbye)
    return end_turn(world, goodbye)._replace(
        goodbyes=world.of_goodbye(goodbye, goodbye._replace(at="turn", fencing=0)).goodbyes
    )


def send(world: World, goodbye: Goodbye, made: Decision) -> World:
    step = made.step
    assert step is not None
    command = Command(
        fencing=goodbye.fencing,
        product=step.product,
        phase=step.phase.value,
        on=number_of(step.on),
        peer=number_of(step.raft_id),
        subject=goodbye.subject,
        fewest_voters=step.fewest_voters,
        spare_voters=step.spare_voters,
    )
    world = world._replace(commands=(*world.commands, command))
    return world.of_goodbye(goodbye, goodbye._replace(at="sent"))


def may_answer(world: World, goodbye: Goodbye) -> bool:
    """The command ended, whatever came of it: none of this turn is left but what a repeat left behind."""
    return goodbye.at == "sent" and not any(
        command.fencing == goodbye.fencing and command.subject == goodbye.subject for command in world.commands
    )


def answered(world: World, goodbye: Goodbye) -> World:
    return world.of_goodbye(goodbye, goodbye._replace(at="turn", fencing=0))


def may_give_up(world: World, goodbye: Goodbye) -> bool:
    """Its command's answer never came. It waits for longer than a command may still change anything: until less than
    CHANGE_SECONDS are left of the lease, or another has it."""
    return goodbye.at == "sent" and not leases.may_change(world.lease, goodbye.fencing, NOW)


def lost(world: World, goodbye: Goodbye) -> World:
    """The lease is another's, or nobody's: this turn is over."""
    return world.of_goodbye(goodbye, goodbye._replace(at="turn", fencing=0))


def complete(world: World, goodbye: Goodbye) -> World:
    """CompleteTerminate: CONTINUE, the record goes, the instance ends."""
    if not leases.holds(world.lease, goodbye.owner, goodbye.fencing, NOW):
        return lost(world, goodbye)
    world = end(world, goodbye)
    return world if goodbye.subject.startswith(ORPHAN) else let_go(world, number_of(goodbye.subject))


def let_go(world: World, number: int) -> World:
    """Auto Scaling ends the instance."""
    released(world, number)
    gone = world.of_host(number, presence="gone", alive=False, stopped=(), sealed=False, misled=False, felt=True)
    return gone._replace(records=gone.records - {number})


def hold(world: World, goodbye: Goodbye) -> World:
    """HoldInstance: ABANDON. What could not be shown safe is retained."""
    world = end(world, goodbye)
    if goodbye.subject.startswith(ORPHAN):
        return world
    return abandon(world, number_of(goodbye.subject))


def abandon(world: World, number: int) -> World:
    """ABANDON at the terminate hook, by an execution or by the hook's own time: the group retains the instance."""
    if world.hosts[number].presence != "leaving":
        return world
    return world.of_host(number, presence="retained")


def end_turn(world: World, goodbye: Goodbye) -> World:
    return world._replace(lease=leases.release(world.lease, goodbye.owner, goodbye.fencing))


def end(world: World, goodbye: Goodbye) -> World:
    """The execution is over, and gives the lease back."""
    return end_turn(world, goodbye).of_goodbye(goodbye, None)


def _presence(world: World, subject: str) -> str:
    return "gone" if subject.startswith(ORPHAN) else world.hosts[number_of(subject)].presence
