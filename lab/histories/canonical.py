"""One name for worlds that differ only in what nobody compares: numbers of the lease, names of executions."""

from lab.histories.world import Host, World
from lambdas.domain.membership.lease import Lease

LOST = "lost"
"""Owner of a lease whose execution is no more."""


FORGOTTEN = Host("gone", -1, alive=False)
"""A host that is gone and left nothing behind."""


def canonical(world: World) -> World:
    """Numbers of the lease keep their order and their equality; that is all that anybody asks of them."""
    numbers = {command.fencing for command in world.commands}
    numbers.update(goodbye.fencing for goodbye in world.goodbyes)
    numbers.discard(0)
    numbers.add(world.lease.fencing)
    rank = {number: place for place, number in enumerate(sorted(numbers), 1)} | {0: 0}
    lease = world.lease
    owner = lease.owner
    if owner is not None:
        owner = next((f"{one.subject}#0" for one in world.goodbyes if one.owner == owner), LOST)
    left = world.records.union(*([peer.host for peer in raft.peers] for raft in world.rafts))
    return world._replace(
        hosts=tuple(
            FORGOTTEN if host.presence == "gone" and place not in left else host
            for place, host in enumerate(world.hosts)
        ),
        lease=Lease(owner, rank[lease.fencing], lease.expires_at),
        goodbyes=tuple(one._replace(number=0, fencing=rank[one.fencing]) for one in world.goodbyes),
        commands=tuple(one._replace(fencing=rank[one.fencing]) for one in world.commands),
        executions=0,
    )
