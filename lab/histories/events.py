"""What may happen, each by a name and what it happens to: `("kill", 2)`. Of itself first, misfortune after it.

An event that cannot happen in a world leaves it as it is, so that a history stays one when another is taken out of it.
"""

from collections.abc import Callable, Iterator

from lab.histories import execution, faults, invariants, quorum, scaling, script, sweep
from lab.histories.world import World
from lambdas.domain.config import Product

Event = tuple[str, *tuple[int | str, ...]]


def natural(world: World) -> Iterator[Event]:
    """Everything that goes on by itself here, in the order in which a quiet day would have it."""
    for place, command in enumerate(world.commands):
        host = world.hosts[command.on]
        if not host.alive:
            continue
        if command.checked:
            yield ("change", place)
        elif host.agent:
            yield ("check", place)
    for goodbye in world.goodbyes:
        if goodbye.at == "sent":
            if execution.may_answer(world, goodbye):
                yield ("answer", goodbye.subject)
            elif execution.may_give_up(world, goodbye):
                yield ("give_up", goodbye.subject)
        else:
            yield (goodbye.at, goodbye.subject)
    yield from scaling_of_itself(world)


def scaling_of_itself(world: World) -> Iterator[Event]:
    """Events of Auto Scaling, of EC2 and of the products."""
    for note in world.notes:
        yield ("note", note.subject)
    if scaling.may_launch(world):
        yield ("launch",)
    for number, host in enumerate(world.hosts):
        if not host.felt:
            yield ("feel", number)
        if host.presence == "launching" and host.tended and scaling.address_is_free(world, number):
            for raft in world.rafts:
                if quorum.may_join(world, raft.product, number):
                    yield ("join", raft.product, number)
        for raft in world.rafts:
            if quorum.may_promote(world, raft.product, number):
                yield ("promote", raft.product, number)
        if host.presence == "launching" and scaling.may_serve(world, number):
            yield ("serve", number)
    if (victim := faults.next_to_go(world)) is not None:
        yield ("scale_in", victim)


def happen(world: World, event: Event) -> World:
    """The world after an event, with the invariants of every step."""
    after = HANDLERS[event[0]](world, *event[1:])
    if after is not world and event[0] in faults.HANDLERS:
        after = one_loss_at_a_time(world, after)
    if after is not world:
        if after.hosts is not world.hosts or after.rafts is not world.rafts:
            after = quorum.elect(after)
        invariants.stepped(world, after)
    return after


def one_loss_at_a_time(before: World, after: World) -> World:
    """A change bears one failure between the script's last look and its request, which are a second apart, and none
    where one or two voters remain. No rule bears two and a promotion there: this world leaves the second out.
    """
    for place, command in enumerate(after.commands):
        if not command.checked:
            continue
        product = command.product
        lost = sum(
            quorum.serves(before, product, number) and not quorum.serves(after, product, number)
            for number in quorum.voters(before.raft(product))
        )
        if not lost:
            continue
        if command.losses + lost > quorum.spare(after, product, command.peer):
            return before
        commands = list(after.commands)
        commands[place] = command._replace(losses=command.losses + lost)
        after = after._replace(commands=tuple(commands))
    return after


def of_goodbye(step: Callable[..., World], at: str) -> Callable[..., World]:
    def handler(world: World, subject: str) -> World:
        goodbye = world.goodbye(subject)
        return world if goodbye is None or goodbye.at != at else step(world, goodbye)

    return handler


def check(world: World, place: int) -> World:
    """An agent takes a command up; its script checks. What may not change anything ends here, with its reason."""
    if place >= len(world.commands):
        return world
    command = world.commands[place]
    host = world.hosts[command.on]
    if command.checked or not host.alive or not host.agent:
        return world
    if not script.may(world, command):
        return run_once(world, place)
    invariants.checked(world, command)
    unnoticed = quorum.unnoticed(world, command.product, command.peer)
    if unnoticed > quorum.spare(world, command.product, command.peer):
        return world  # more failures in the seconds until autopilot notices than any spare voter bears
    commands = list(world.commands)
    commands[place] = command._replace(checked=True, losses=unnoticed)
    return world._replace(commands=tuple(commands))


def change(world: World, place: int) -> World:
    if place >= len(world.commands):
        return world
    command = world.commands[place]
    if not command.checked or not world.hosts[command.on].alive:
        return world
    invariants.changing(world, command)
    after = script.change(world, command)
    invariants.changed(world, quorum.elect(after), command)
    return run_once(after, place)


def run_once(world: World, place: int) -> World:
    """A command ended; a repeat of it, if there is one, is still to come."""
    commands = list(world.commands)
    command = commands.pop(place)
    if command.copies > 1:
        commands.append(command._replace(copies=command.copies - 1, checked=False, losses=0))
    return world._replace(commands=tuple(commands))


def give_up(world: World, subject: str) -> World:
    goodbye = world.goodbye(subject)
    if goodbye is None or not execution.may_give_up(world, goodbye):
        return world
    return execution.answered(world, goodbye)


def answer(world: World, subject: str) -> World:
    goodbye = world.goodbye(subject)
    if goodbye is None or not execution.may_answer(world, goodbye):
        return world
    return execution.answered(world, goodbye)


def note(world: World, subject: str) -> World:
    """An event of Auto Scaling arrives. A repeat of it stays on its way."""
    for one in world.notes:
        if one.subject == subject:
            rest = [other for other in world.notes if other is not one]
            rest += [one._replace(copies=one.copies - 1)] if one.copies > 1 else []
            return execution.start(world._replace(notes=tuple(sorted(rest))), subject)
    return world


def launch(world: World) -> World:
    return scaling.launch(world) if scaling.may_launch(world) else world


def join(world: World, product: Product, number: int) -> World:
    if not _there(world, number) or not quorum.may_join(world, product, number):
        return world
    host = world.hosts[number]
    ready = host.presence == "launching" and host.tended and scaling.address_is_free(world, number)
    return quorum.join(world, product, number) if ready else world


def promote(world: World, product: Product, number: int) -> World:
    return quorum.promote(world, product, number) if quorum.may_promote(world, product, number) else world


def serve(world: World, number: int) -> World:
    return scaling.serve(world, number) if _there(world, number) and scaling.may_serve(world, number) else world


def feel(world: World, number: int) -> World:
    """Autopilot notices what became of a host."""
    return world.of_host(number, felt=True) if _there(world, number) and not world.hosts[number].felt else world


def _there(world: World, number: int) -> bool:
    return number < len(world.hosts)


HANDLERS: dict[str, Callable[..., World]] = {
    "turn": of_goodbye(execution.turn, "turn"),
    "turn_half_done": of_goodbye(execution.turn_half_done, "turn"),
    "look": of_goodbye(execution.look, "look"),
    "release": of_goodbye(execution.complete, "release"),
    "answer": answer,
    "give_up": give_up,
    "check": check,
    "change": change,
    "note": note,
    "launch": launch,
    "join": join,
    "promote": promote,
    "serve": serve,
    "feel": feel,
    "sweep": sweep.sweep,
    **faults.HANDLERS,
}
