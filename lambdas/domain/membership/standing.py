"""The first rows of the decision: who is the subject, and is enough known to touch anything?"""

from lambdas.domain.membership import safety
from lambdas.domain.membership.answer import Answer
from lambdas.domain.membership.case import Case
from lambdas.domain.membership.observation import Unknown


def wanted(case: Case) -> Answer | None:
    """It launches or is in service: nobody asked it to go."""
    if case.server is None or case.server.presence not in ("launching", "in_service"):
        return None
    return "keep", f"{case.subject} is {case.server.presence.replace('_', ' ')}: nobody asked it to go", None


def foreign(case: Case) -> Answer | None:
    """A server answers for another cluster than ours: nothing it says counts."""
    for raft in case.unknown:
        if raft.foreign:
            return "human", f"{raft.reason}: nothing is changed until somebody has looked", None
    return None


def minority(case: Case) -> Answer | None:
    """No leader answers and too few hosts are left for one: only a human can say what the truth is."""
    for raft in case.unknown:
        if safety.is_minority(case.observation, raft.product):
            few = f"fewer servers of {raft.product} are left than a majority, so that none can lead: nothing is changed"
            return "human", f"{few} ({raft.reason})", None
    return None


def unknown(case: Case) -> Answer | None:
    """What cannot be known for sure removes nobody."""
    for raft in case.unknown:
        return "wait", f"the membership of {raft.product} is unknown: {raft.reason}", None
    return None


def named(case: Case) -> Answer | None:
    """A peer that nobody could name has a name by now: its goodbye is its instance's."""
    for membership in case.memberships if case.orphan else ():
        if membership.peer.instance_id is not None:
            instance = membership.peer.instance_id
            return "release", f"{case.subject} is {instance}'s: it says goodbye with {instance}, not by itself", None
    return None


def unnamed(case: Case) -> Answer | None:
    """It is no peer by name, but a peer that nobody can name has its address: that may be its own vote."""
    if case.server is None or not case.server.private_ip:
        return None
    joined = {membership.product for membership in case.memberships}
    for raft in case.settled:
        if isinstance(raft, Unknown) or raft.product in joined:
            continue
        for peer in raft.peers:
            if peer.instance_id is None and safety.host_of(peer) == case.server.private_ip:
                whose = f"{case.subject}'s address {case.server.private_ip} and no name"
                return (
                    "wait",
                    f"peer {peer.raft_id} of {raft.product} has {whose}: waits until it is named or gone",
                    None,
                )
    return None


def out(case: Case) -> Answer | None:
    """It is a peer of nothing (any more): its host costs no vote."""
    if case.memberships:
        return None
    products = ", ".join(raft.product for raft in case.settled) or "anything"
    return "release", f"{case.subject} is no peer of {products}: it can go", None


def joining(case: Case) -> Answer | None:
    """A peer without a name at the address of a server that joins: most likely that server's, not named yet."""
    for membership in case.memberships if case.orphan else ():
        for server in case.observation.servers:
            if safety.may_own(server, membership.raft, membership.peer):
                whose = f"the address of {server.instance_id}, which is no peer of {membership.product} by name"
                return "wait", f"{case.subject} has {whose}: waits until it is named, or is stale for certain", None
    return None


def stranger(case: Case) -> Answer | None:
    """A peer of no instance that we know, and it is alive: it may be somebody's."""
    for membership in case.memberships if case.server is None else ():
        if membership.peer.healthy:
            what = f"a healthy peer of {membership.product} and no instance of this cluster"
            return (
                "human",
                f"{case.subject} at {membership.peer.address} is {what}: somebody has to say whose it is",
                None,
            )
    return None
