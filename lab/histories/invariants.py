"""What must hold after every step, and at the end. Written apart from the rules they judge: no call of `decide`'s own
arithmetic here."""

from lab.histories import quorum
from lab.histories.world import NOBODY, Command, Host, Raft, World, name, number_of
from lambdas.domain.membership.decision import Decision
from lambdas.domain.membership.observation import Observation


class BrokenError(AssertionError):
    """An invariant does not hold. `rule` is its name."""

    def __init__(self, rule: str, words: str) -> None:
        super().__init__(f"{rule}: {words}")
        self.rule = rule


def need(holds: bool, rule: str, words: str) -> None:
    if not holds:
        raise BrokenError(rule, words)


def decided(world: World, observation: Observation, subject: str, made: Decision) -> None:
    """Of a decision, at the moment it is made, against the world itself."""
    if made.kind != "act" or made.step is None:
        return
    step = made.step
    raft = world.raft(step.product)
    number = number_of(step.raft_id)
    host = world.hosts[number]
    known = raft.leader != NOBODY and step.product not in world.blind
    need(known, "nothing on Unknown", f"{step.phase} of {subject} though nothing is known of {step.product}")
    misled = any(other.misled and other.alive and other.agent for other in world.hosts)
    need(not misled, "nothing on Unknown", f"{step.phase} of {subject} though a server answers for another cluster")
    need(
        host.presence not in ("launching", "in_service") or host.strange,
        "no wanted voter",
        f"{step.phase} of {subject}, which is wanted",
    )
    need(
        not (host.strange and quorum.serves(world, step.product, number)),
        "no living orphan",
        f"{step.phase} of a living peer of {step.product} that nobody knows",
    )
    if step.phase == "hand_over":
        return
    need(
        raft.leader != number,
        "no leader leaves",
        f"{step.phase} of {subject} while it leads {step.product}",
    )
    if host.alive and number in quorum.voters(raft):
        _with_a_spare(world, raft, number, world.size, f"{step.phase} of {subject} is decided")


def _with_a_spare(world: World, raft: Raft, number: int, size: int, words: str) -> None:
    """A living voter goes only from a set that is full without it, and that bears the next death."""
    rest = [voter for voter in quorum.voters(raft) if voter != number]
    fit = [
        voter
        for voter in rest
        if quorum.looks_healthy(world, raft.product, voter)
        and not (raft.product == "vault" and _says_sealed(world.hosts[voter]))
    ]
    need(len(rest) >= size, "remove after join", f"{words}, and leaves {len(rest)} voters of {raft.product}")
    spare = 1 if len(rest) >= 3 else 0
    need(
        len(fit) >= len(rest) // 2 + 1 + spare,
        "survives one more",
        f"{words}, and leaves {len(fit)} fit voters of {len(rest)} of {raft.product}",
    )


def _says_sealed(host: Host) -> bool:
    """Sealed, and its agent answers: else nobody can know what autopilot has not noticed."""
    return host.sealed and host.alive and host.agent


def changing(before: World, command: Command) -> None:
    """A script is about to change membership, past its check."""
    past = [one for one in before.commands if one.checked]
    need(len(past) < 2, "one change at a time", " and ".join(f"{one.phase} of {one.subject}" for one in past))
    need(
        command.fencing == before.lease.fencing,
        "fenced",
        f"{command.phase} of {command.subject} with number {command.fencing}, the newest is {before.lease.fencing}",
    )


def checked(before: World, command: Command) -> None:
    """A script's own check let it pass."""
    raft = before.raft(command.product)
    need(
        command.fencing == before.lease.fencing,
        "fenced",
        f"{command.phase} of {command.subject} with number {command.fencing}, the newest is {before.lease.fencing}",
    )
    need(raft.leader != NOBODY, "nothing on Unknown", f"{command.phase} without a leader of {command.product}")
    if command.phase == "hand_over":
        return
    rest = [voter for voter in quorum.voters(raft) if voter != command.peer]
    healthy = [voter for voter in rest if quorum.looks_healthy(before, command.product, voter)]
    need(
        len(rest) >= command.fewest_voters and len(healthy) >= len(rest) // 2 + 1 + command.spare_voters,
        "counted again",
        f"{command.phase} of {command.subject} leaves {len(healthy)} healthy of {len(rest)} of {command.product}",
    )


def changed(before: World, after: World, command: Command) -> None:
    """A script changed membership."""
    for was, is_ in zip(before.rafts, after.rafts, strict=True):
        lost = {peer.host for peer in was.peers} - {peer.host for peer in is_.peers}
        for number in lost:
            host = before.hosts[number]
            lives = quorum.serves(before, was.product, number)
            need(
                not (lives and host.presence in ("launching", "in_service")),
                "no wanted voter",
                f"{command.phase} of {command.subject} took {name(number)} out of {was.product}",
            )
        if quorum.has_quorum(before, was):
            need(
                quorum.has_quorum(after, is_),
                "quorum",
                f"{command.phase} of {command.subject} took quorum from {was.product}",
            )


def released(world: World, number: int) -> None:
    """An instance is let go by us."""
    host = world.hosts[number]
    need(host.presence not in ("launching", "in_service"), "no wanted voter", f"{name(number)} is let go")
    for raft in world.rafts:
        peer = any(one.host == number for one in raft.peers)
        need(not peer or not host.alive, "out before it goes", f"{name(number)} is let go as a peer of {raft.product}")


def stepped(before: World, after: World) -> None:
    """Of any step."""
    need(
        after.lease.fencing >= before.lease.fencing,
        "the number grows",
        f"from {before.lease.fencing} to {after.lease.fencing}",
    )
    if after.lease.owner is not None and after.lease.owner != before.lease.owner:
        need(after.lease.fencing > before.lease.fencing, "the number grows", f"{after.lease.owner} took it without")
    past = [command for command in after.commands if command.checked]
    need(len(past) < 2, "one change at a time", " and ".join(f"{one.phase} of {one.subject}" for one in past))


def whole(world: World) -> str:
    """Why the cluster is not yet as it should be; empty when it is."""
    wanted = {number for number, host in enumerate(world.hosts) if host.presence == "in_service"}
    for number, host in enumerate(world.hosts):
        if host.presence in ("leaving", "retained", "launching"):
            return f"{name(number)} is still {host.presence}"
    if len(wanted) != world.size:
        return f"{len(wanted)} instances in service, {world.size} are wanted"
    for raft in world.rafts:
        peers = {peer.host for peer in raft.peers}
        if set(quorum.voters(raft)) != peers:
            return f"{raft.product} has peers that do not vote"
        if peers != wanted:
            odd = sorted(name(number) for number in peers ^ wanted)
            return f"voters of {raft.product} are not the instances in service: {', '.join(odd)}"
        if raft.leader == NOBODY:
            return f"{raft.product} has no leader"
    if world.records != wanted:
        return "member records are not those of the instances in service"
    if world.goodbyes:
        return f"{world.goodbyes[0].subject} is still leaving"
    return ""
