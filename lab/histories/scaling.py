"""What Auto Scaling, EC2 and the launch flow do of themselves."""

from lab.histories import quorum
from lab.histories.script import NOW
from lab.histories.world import Host, Note, World, name
from lambdas.domain.membership.lease import CHANGE_SECONDS, Lease

MOST_HOSTS = 40
"""Of one history, the dead included."""


def counted(world: World) -> list[int]:
    """Instances that the group counts against its desired capacity."""
    return [number for number, host in enumerate(world.hosts) if host.presence in ("launching", "in_service")]


def may_launch(world: World) -> bool:
    surge = 1 if world.refreshing else 0
    return len(counted(world)) < world.desired + surge and len(world.hosts) < MOST_HOSTS


def launch(world: World) -> World:
    """The lowest address that no host has: addresses come again at once."""
    taken = {host.address for host in world.hosts if host.alive or host.presence != "gone"}
    address = next(number for number in range(len(taken) + 1) if number not in taken)
    return world._replace(hosts=(*world.hosts, Host("launching", address)))


def address_is_free(world: World, number: int) -> bool:
    """AwaitFormation: a joiner waits while its address belongs to the member record of another."""
    address = world.hosts[number].address
    return not any(record != number and world.hosts[record].address == address for record in world.records)


def may_serve(world: World, number: int) -> bool:
    """Verify: a voter of everything, unsealed, with a leader."""
    host = world.hosts[number]
    return (
        host.presence == "launching"
        and host.tended
        and all(
            quorum.serves(world, raft.product, number) and raft.leader >= 0 and number in quorum.voters(raft)
            for raft in world.rafts
        )
    )


def serve(world: World, number: int) -> World:
    """CompleteLaunch: its member record is written, the group counts it as in service."""
    return world.of_host(number, presence="in_service")._replace(records=world.records | {number})


def terminate(world: World, number: int) -> World:
    """To the terminate hook, for whatever reason, and an event of it."""
    world = world.of_host(number, presence="leaving")
    refreshing = tuple(one for one in world.refreshing if one != number)
    return notify(world._replace(refreshing=refreshing), number)


def notify(world: World, number: int) -> World:
    return world._replace(notes=tuple(sorted((*world.notes, Note(name(number), 1)))))


def kill(world: World, number: int) -> World:
    """Spot, hardware, a hand: EC2 knows that there is no host any more. Its commands end with it."""
    host = world.hosts[number]
    world = world.of_host(number, presence="gone", alive=False, stopped=(), sealed=False, misled=False, tended=False)
    world = world._replace(
        commands=tuple(command for command in world.commands if command.on != number),
        refreshing=tuple(one for one in world.refreshing if one != number),
    )
    return world if host.strange else notify(world, number)


def may_pass_time(world: World) -> bool:
    """No time of the lease passes under a command past its check: scripts end within CHANGE_SECONDS of it."""
    return world.lease.owner is not None and not any(command.checked for command in world.commands)


def lease_ages(world: World) -> World:
    """Less is left of it than a change may take."""
    lease = world.lease
    return world._replace(lease=Lease(lease.owner, lease.fencing, min(lease.expires_at, NOW + CHANGE_SECONDS / 2)))


def lease_expires(world: World) -> World:
    lease = world.lease
    return world._replace(lease=Lease(lease.owner, lease.fencing, NOW))
