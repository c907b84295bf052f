"""What is missing, in words: who is no voter yet, who is sealed, who is unhealthy. For the reasons of `decision`."""

from lambdas.domain.membership import safety
from lambdas.domain.membership.case import Case, Membership


def voters(count: int) -> str:
    return f"{count} voter{'' if count == 1 else 's'}"


def too_few(case: Case, membership: Membership) -> str:
    product, size = membership.product, membership.size
    text = (
        f"{voters(len(membership.remaining))} of {product} would remain without {case.subject}, "
        f"{size} {'is' if size == 1 else 'are'} the smallest safe size: waits for a replacement"
    )
    return _with(text, [*_not_yet(case, membership), *_ailing(case, membership)])


def too_weak(case: Case, membership: Membership, needed: int) -> str:
    remaining, product = membership.remaining, membership.product
    healthy = safety.healthy_among(case.observation, membership.raft, remaining)
    text = (
        f"{healthy} of the {voters(len(remaining))} of {product} that would remain without {case.subject} "
        f"can vote, {needed} are needed: waits until they can"
    )
    return _with(text, [*_ailing(case, membership), *_not_yet(case, membership)])


def _not_yet(case: Case, membership: Membership) -> list[str]:
    """Servers that could replace the subject's vote and do not yet."""
    words = []
    for server in case.observation.servers:
        if membership.product not in server.serves or server.presence not in ("launching", "in_service"):
            continue
        peer = membership.raft.peer_of(server.instance_id)
        if peer is None:
            words.append(f"{server.instance_id} has not joined yet")
        elif not peer.voter:
            words.append(f"{server.instance_id} is no voter yet")
            if server.instance_id in membership.raft.sealed:
                words.append(f"{membership.product} on {server.instance_id} is sealed")
    return words


def _ailing(case: Case, membership: Membership) -> list[str]:
    words = []
    for peer in membership.remaining:
        name = peer.instance_id or f"peer {peer.raft_id}"
        if safety.is_gone(case.observation, peer):
            words.append(f"{name} is gone and still a voter")
        elif safety.is_sealed(membership.raft, peer):
            words.append(f"{membership.product} on {name} is sealed")
        elif not peer.healthy:
            words.append(f"{name} is unhealthy")
    return words


def _with(text: str, details: list[str]) -> str:
    return f"{text} ({'; '.join(details)})" if details else text
