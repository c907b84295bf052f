"""What the documents of a change do on their node: check, then change. As goodbye's scripts do, line for line.

Between the two steps anything may happen that fits into `CHANGE_SECONDS`: a death, an election, but no expiry.
"""

from lab.histories import quorum
from lab.histories.world import NOBODY, Command, World
from lambdas.domain.membership import lease as leases

NOW = 0.0


def fenced(world: World, command: Command) -> bool:
    """Is the command's number the newest, with time enough left? The node reads the lease itself."""
    return leases.may_change(world.lease, command.fencing, NOW)


def allowed(world: World, command: Command) -> bool:
    """The quorum facts, read just before the change, through the leader."""
    raft = world.raft(command.product)
    rest = [number for number in quorum.voters(raft) if number != command.peer]
    healthy = sum(quorum.looks_healthy(world, command.product, number) for number in rest)
    return len(rest) >= command.fewest_voters and healthy >= len(rest) // 2 + 1 + command.spare_voters


def knows(world: World, command: Command) -> bool:
    """A leader answers the node that asks."""
    return world.raft(command.product).leader != NOBODY and quorum.serves(world, command.product, command.on)


def has_work(world: World, command: Command) -> bool:
    raft = world.raft(command.product)
    if command.phase == "hand_over":
        return raft.leader == command.peer
    return any(peer.host == command.peer for peer in raft.peers)


def may(world: World, command: Command) -> bool:
    """Everything that a script asks before its change."""
    return fenced(world, command) and knows(world, command) and has_work(world, command) and allowed(world, command)


def targets(world: World, command: Command) -> tuple[int, ...]:
    """Whom a removal removes: by id, never by address."""
    return (command.peer,)


def change(world: World, command: Command) -> World:
    """What the script does once it has checked. Where it cannot reach a leader, the product refuses."""
    product = command.product
    if command.phase == "hand_over":
        return _hand_over(world, command)
    leads = knows(world, command)
    if command.phase == "remove":
        for number in targets(world, command) if leads else ():
            world = quorum.remove(world, product, number)
        return world
    if leads:
        world = leave_raft(world, command)
    elif product == "vault":
        return world
    host = world.hosts[command.on]
    if product in host.stopped:
        return world
    return world.of_host(command.on, stopped=(*host.stopped, product))


def leave_raft(world: World, command: Command) -> World:
    """Out of Raft first, then stopped: a voter that only stops counts against the others until somebody removes it."""
    return quorum.remove(world, command.product, command.peer)


def _hand_over(world: World, command: Command) -> World:
    raft = world.raft(command.product)
    others = [
        number
        for number in quorum.voters(raft)
        if number != command.peer and quorum.serves(world, command.product, number)
    ]
    if raft.leader != command.peer or not others:
        return world
    return world.of_raft(command.product, leader=min(others))
