"""Observations: such as clusters make, where most rows are reached, and any at all, that contradict themselves."""

from typing import get_args

from hypothesis import strategies as st

from lambdas.domain.config import Product
from lambdas.domain.membership.case import ORDER, orphan_subject
from lambdas.domain.membership.observation import Observation, Peer, Presence, Raft, Server, Unknown

HOSTS = "abcdefgh"
INSTANCES = [f"i-{host}" for host in HOSTS]
ADDRESSES = [f"10.0.0.{number}" for number in range(1, 6)]
SUBJECTS = st.one_of(
    st.sampled_from(INSTANCES),
    st.builds(orphan_subject, st.sampled_from(ORDER), st.sampled_from(HOSTS)),
    st.sampled_from(("", "peer:", "peer:etcd:a", "peer:consul", "peer:consul:", "i-nobody", "peer:consul:a:b")),
)


def some(values: list[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values))


def mostly(value: bool) -> st.SearchStrategy[bool]:
    return st.sampled_from((value, value, value, not value))


@st.composite
def peers(draw: st.DrawFn, host: str) -> Peer:
    named = draw(st.sampled_from((f"i-{host}",) * 5 + (None, *INSTANCES[:2])))
    address = draw(st.sampled_from((f"10.0.0.{HOSTS.index(host) + 1}:8300", "10.0.0.1:8300", "10.0.0.2", "", ":")))
    return Peer(host, named, address, draw(mostly(True)), draw(mostly(True)))


@st.composite
def rafts(draw: st.DrawFn, product: Product) -> Raft | Unknown:
    if draw(st.integers(0, 9)) == 0:
        return Unknown(product, "no leader answers", draw(st.booleans()))
    hosts = draw(st.lists(st.sampled_from(HOSTS), max_size=8, unique=True))
    leader = draw(st.sampled_from(hosts * 4 + ["", "z"]))
    observers = frozenset(f"i-{host}" for host in hosts) if draw(st.booleans()) else draw(some(INSTANCES))
    sealed = draw(some(INSTANCES)) if product == "vault" and draw(st.booleans()) else frozenset()
    stopped = draw(some(INSTANCES)) - observers
    return Raft(product, leader, tuple(draw(peers(host)) for host in hosts), observers, stopped, sealed)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    hosts = draw(st.lists(st.sampled_from(HOSTS), max_size=8, unique=True))
    servers = tuple(
        Server(
            instance_id=f"i-{host}",
            group="servers",
            serves=draw(st.sampled_from((ORDER, ORDER, ORDER, ("consul",), ("vault", "nomad"), ()))),
            presence=draw(st.sampled_from(("in_service", *get_args(Presence)))),
            private_ip=draw(st.sampled_from((f"10.0.0.{HOSTS.index(host) + 1}", *ADDRESSES[:2], ""))),
            reachable=draw(mostly(True)),
        )
        for host in hosts
    )
    known = draw(st.sampled_from((ORDER, ORDER, ORDER, ("vault",), ())))
    sizes = {product: draw(st.sampled_from((0, 1, 3, 3, 5))) for product in draw(st.sampled_from((ORDER, ORDER, ())))}
    return Observation(servers, {product: draw(rafts(product)) for product in known}, sizes)


@st.composite
def plausible(draw: st.DrawFn) -> tuple[Observation, str]:
    """A cluster in trouble, and somebody in it who goes: what turns are made of."""
    hosts = HOSTS[: draw(st.sampled_from((1, 2, 3, 4, 4, 5, 6, 8)))]
    presences = {host: draw(st.sampled_from(("in_service", "in_service", *get_args(Presence)))) for host in hosts}
    subject = draw(st.sampled_from(hosts))
    presences[subject] = draw(st.sampled_from(("leaving", "leaving", "retained", "gone")))
    dead = frozenset(host for host in hosts if presences[host] == "gone")
    silent = frozenset(host for host in hosts if draw(st.integers(0, 7)) == 0) | dead
    views: dict[Product, Raft | Unknown] = {product: draw(views_of(product, hosts, subject, dead)) for product in ORDER}
    servers = tuple(
        Server(f"i-{host}", "servers", ORDER, presences[host], f"10.0.0.{HOSTS.index(host) + 1}", host not in silent)
        for host in hosts
    )
    size = draw(st.sampled_from([size for size in (1, 3, 5) if size <= len(hosts)]))
    return Observation(servers, views, dict.fromkeys(ORDER, size)), f"i-{subject}"


@st.composite
def views_of(draw: st.DrawFn, product: Product, hosts: str, subject: str, dead: frozenset[str]) -> Raft:
    """What a leader would tell: it lives and votes. Where nobody could lead, the view is older than that."""
    left = {subject} if product != "consul" and draw(st.booleans()) else frozenset()
    members = [host for host in hosts if host not in left and draw(st.integers(0, 15)) > 0] or [subject]
    members += ["x"] * (draw(st.integers(0, 7)) == 0)
    unwell = {host for host in members if (draw(st.integers(0, 11)) == 0) != (host in dead or host == "x")}
    voters = {host for host in members if draw(st.integers(0, 9)) > 0}
    leader = draw(st.sampled_from([host for host in members if host in voters - unwell] or members))
    stopped = frozenset(f"i-{host}" for host in unwell - dead if draw(st.booleans()))
    return Raft(
        product=product,
        leader=leader,
        peers=tuple(
            Peer(
                raft_id=host,
                instance_id=None if host == "x" else f"i-{host}",
                address=f"10.0.0.{ord(host) - ord('a') + 1}:8300",
                voter=host in voters,
                healthy=host not in unwell,
            )
            for host in members
        ),
        observers=frozenset(f"i-{host}" for host in members if host not in unwell),
        stopped=stopped,
        sealed=draw(some(INSTANCES[:3])) if product == "vault" and draw(st.booleans()) else frozenset(),
    )


CASES = st.one_of(plausible(), plausible(), st.tuples(observations(), SUBJECTS))
