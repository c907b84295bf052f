"""Misfortune, and what operators do. Each changes one thing, and leaves alone what it cannot happen to."""

from collections.abc import Callable

from lab.histories import execution, quorum, scaling
from lab.histories.world import NOBODY, Host, Peer, World
from lambdas.domain.config import Product

Handler = Callable[..., World]


def on_host(change: Callable[[World, int], World], needs: Callable[[Host], bool]) -> Handler:
    def handler(world: World, number: int) -> World:
        if number >= len(world.hosts) or not needs(world.hosts[number]):
            return world
        return change(world, number)

    return handler


def flag(wanted: Callable[[Host], bool], **changes: object) -> Handler:
    return on_host(lambda world, number: world.of_host(number, **changes), wanted)


def freeze(world: World, number: int) -> World:
    """The machine is down and EC2 has not noticed. Scripts die with it; what waits for its agent may still come."""
    world = world.of_host(number, alive=False)
    return world._replace(commands=tuple(one for one in world.commands if one.on != number or not one.checked))


def next_to_go(world: World) -> int | None:
    """Auto Scaling's own next termination: too many of them, or one that a refresh has to replace."""
    serving = [number for number, host in enumerate(world.hosts) if host.presence == "in_service"]
    old = [number for number in world.refreshing if number in serving]
    if len(scaling.counted(world)) > world.desired + (1 if old else 0):
        return max(serving, default=None)
    if old and len(serving) > world.desired:
        return old[0]
    return None


def scale_in(world: World, number: int) -> World:
    return scaling.terminate(world, number) if next_to_go(world) is not None else world


def set_size(world: World, size: int) -> World:
    """The operator deploys a cluster file with another size."""
    return world._replace(size=size, desired=size)


def set_desired(world: World, desired: int) -> World:
    """Somebody sets the group's capacity by hand, apart from the file."""
    return world._replace(desired=desired)


def refresh(world: World) -> World:
    if world.refreshing:
        return world
    return world._replace(
        refreshing=tuple(number for number, host in enumerate(world.hosts) if host.presence == "in_service")
    )


def die(world: World, subject: str) -> World:
    """An execution ends for good, wherever it is. Its lease, its command and its claim are left behind."""
    goodbye = world.goodbye(subject)
    return world if goodbye is None else world.of_goodbye(goodbye, None)


def lose_patience(world: World, subject: str) -> World:
    """It waited for as long as a goodbye may wait."""
    goodbye = world.goodbye(subject)
    if goodbye is None or goodbye.at != "turn":
        return world
    return execution.hold(world, goodbye)


def hook_ends(world: World, number: int) -> World:
    """No heartbeat came: the terminate hook's own result."""
    return execution.abandon(world, number)


def twice(world: World, place: int) -> World:
    """A retry sends a command again, which was sent already."""
    if place >= len(world.commands) or world.commands[place].copies > 1:
        return world
    commands = list(world.commands)
    commands[place] = commands[place]._replace(copies=2)
    return world._replace(commands=tuple(commands))


def lose_command(world: World, place: int) -> World:
    """It never reaches its node, or fails there before it checks."""
    if place >= len(world.commands) or world.commands[place].checked:
        return world
    return world._replace(commands=world.commands[:place] + world.commands[place + 1 :])


def stop_change(world: World, place: int) -> World:
    """Its script is killed between its check and its change, or the product refuses."""
    if place >= len(world.commands) or not world.commands[place].checked:
        return world
    return world._replace(commands=world.commands[:place] + world.commands[place + 1 :])


def of_note(copies: int) -> Handler:
    """An event is lost (0 copies), or comes twice."""

    def handler(world: World, subject: str) -> World:
        notes = [note for note in world.notes if note.subject != subject]
        if len(notes) == len(world.notes):
            return world
        if copies:
            notes += [note._replace(copies=copies) for note in world.notes if note.subject == subject]
        return world._replace(notes=tuple(sorted(notes)))

    return handler


def repeat_note(world: World, number: int) -> World:
    """An event comes again, long after its time."""
    if number >= len(world.hosts) or world.hosts[number].strange:
        return world
    return scaling.notify(world, number)


def blind(world: World, product: Product) -> World:
    return world if product in world.blind else world._replace(blind=(*world.blind, product))


def see(world: World, product: Product) -> World:
    return world._replace(blind=tuple(one for one in world.blind if one != product))


def elect(world: World, product: Product, number: int) -> World:
    if number >= len(world.hosts):
        return world
    return quorum.follow(world, product, number)


def expel(world: World, product: Product, number: int) -> World:
    """Somebody takes a peer out by hand, where the product allows it and quorum bears it."""
    raft = world.raft(product)
    after = quorum.remove(world, product, number)
    if raft.leader in (NOBODY, number) or after.raft(product).peers == raft.peers:
        return world
    return after if quorum.has_quorum(after, after.raft(product)) else world


def orphan(world: World, product: Product) -> World:
    """A peer turns up that belongs to no instance of ours."""
    if world.raft(product).leader == NOBODY or any(host.strange for host in world.hosts):
        return world
    number = len(world.hosts)
    world = world._replace(hosts=(*world.hosts, Host("gone", 200 + number, strange=True)))
    return world.of_raft(product, peers=(*world.raft(product).peers, Peer(number, False)))


def expire(world: World) -> World:
    return scaling.lease_expires(world) if scaling.may_pass_time(world) else world


def age(world: World) -> World:
    return scaling.lease_ages(world) if scaling.may_pass_time(world) else world


def _lives(host: Host) -> bool:
    return host.alive and host.presence != "gone"


HANDLERS: dict[str, Handler] = {
    "terminate": on_host(scaling.terminate, lambda host: host.presence in ("launching", "in_service")),
    "kill": on_host(scaling.kill, lambda host: host.presence != "gone" or (host.strange and host.alive)),
    "kill_unfelt": on_host(
        lambda world, number: scaling.kill(world, number).of_host(number, felt=False),
        lambda host: host.presence != "gone",
    ),
    "freeze": on_host(freeze, _lives),
    "freeze_unfelt": on_host(lambda world, number: freeze(world, number).of_host(number, felt=False), _lives),
    "reboot": flag(lambda host: not host.alive and host.presence != "gone", alive=True),
    "notice": on_host(scaling.terminate, lambda host: not host.alive and host.presence in ("launching", "in_service")),
    "partition": flag(lambda host: _lives(host) and host.linked, linked=False),
    "partition_unfelt": flag(lambda host: _lives(host) and host.linked, linked=False, felt=False),
    "rejoin": flag(lambda host: not host.linked, linked=True),
    "pause": flag(lambda host: host.agent and host.presence != "gone", agent=False),
    "resume": flag(lambda host: not host.agent, agent=True),
    "seal": flag(_lives, sealed=True),
    "seal_unfelt": flag(_lives, sealed=True, felt=False),
    "unseal": flag(lambda host: host.sealed, sealed=False),
    "mislead": flag(lambda host: _lives(host) and not host.strange, misled=True),
    "put_right": flag(lambda host: host.misled, misled=False),
    "forget_launch": flag(lambda host: host.presence == "launching" and host.tended, tended=False),
    "launch_fails": on_host(scaling.terminate, lambda host: host.presence == "launching"),
    "scale_in": on_host(scale_in, lambda host: host.presence == "in_service"),
    "hook_ends": on_host(hook_ends, lambda host: host.presence == "leaving"),
    "set_size": set_size,
    "set_desired": set_desired,
    "refresh": refresh,
    "die": die,
    "lose_patience": lose_patience,
    "twice": twice,
    "lose_command": lose_command,
    "stop_change": stop_change,
    "lose_note": of_note(0),
    "double_note": of_note(2),
    "repeat_note": repeat_note,
    "blind": blind,
    "see": see,
    "elect": elect,
    "expel": expel,
    "orphan": orphan,
    "expire": expire,
    "age": age,
}
