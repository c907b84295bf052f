"""From what servers report to what is known of a product's membership: one view that all of them share, or Unknown.

A node's output is input: what is not the promised JSON counts as silence, never as health. Views that differ are no
view. Health is the least that anybody tells.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lambdas.domain.config import Product
from lambdas.domain.membership.observation import Peer, Raft, Unknown

REASON_WORDS = 120
"""Characters of one server's reason that go into a common one."""

INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")

RaftId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
"""As documents take it for a parameter: what could not be removed by its id is not believed either."""


class ReportedPeer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    id: RaftId
    name: str | None
    address: str
    voter: bool
    healthy: bool


class Report(BaseModel):
    """What `observe` tells of one product, as ssm_documents/lib/observation.sh writes it."""

    model_config = ConfigDict(frozen=True, strict=True)

    running: bool
    known: bool
    reason: str
    cluster_id: str | None
    own_raft_id: str | None
    leader: RaftId | None
    sealed: bool | None
    peers: list[ReportedPeer]

    @model_validator(mode="after")
    def _holds_together(self) -> "Report":
        ids = [peer.id for peer in self.peers]
        if len(set(ids)) < len(ids):
            raise ValueError("it names a peer twice")
        if self.known and not (self.running and self.leader in ids):
            raise ValueError("it says that it knows, and names no leader among its peers")
        if self.known and self.sealed:
            raise ValueError("it says that it knows, and is sealed")
        return self


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back from one server that was asked about one product."""

    instance_id: str
    product: Product
    result: object = None
    """Its JSON, whatever it is."""
    error: str = ""
    """Why there is no result."""


class Recorded(Protocol):
    """A member record."""

    @property
    def instance_id(self) -> str: ...
    @property
    def raft_ids(self) -> Mapping[str, str]: ...
    @property
    def cluster_ids(self) -> Mapping[str, str]: ...


def merge(
    products: Iterable[Product], heard: Sequence[Heard], members: Sequence[Recorded]
) -> dict[Product, Raft | Unknown]:
    """What is known of each product. `members` name peers whose names do not, and the cluster that is ours."""
    return {product: _merge(product, [one for one in heard if one.product == product], members) for product in products}


def _merge(product: Product, heard: Sequence[Heard], members: Sequence[Recorded]) -> Raft | Unknown:
    silence: list[str] = []
    reports: list[tuple[str, Report]] = []
    for one in sorted(heard, key=lambda one: (one.instance_id, repr(one))):
        report = _parse(one)
        if isinstance(report, Report):
            reports.append((one.instance_id, report))
        if not isinstance(report, Report) or not report.known:
            silence.append(f"{one.instance_id}: {report if isinstance(report, str) else _short(report.reason)}")
    if foreign := _foreign(product, reports, members):
        return Unknown(product, foreign, foreign=True)
    knowing = [(instance_id, report) for instance_id, report in reports if report.known]
    if not knowing:
        return Unknown(
            product,
            f"no server of {product} tells its membership ({'; '.join(silence) or 'none was asked'})",
            sealed=_sealed(reports),
        )
    first, view = knowing[0]
    for other, report in knowing[1:]:
        if _shape(report) != _shape(view):
            return Unknown(product, f"{first} and {other} disagree about {product}")
    claims = _claims(product, [peer.id for peer in view.peers], reports, members)
    owners = {peer.id: _owners(peer.id, knowing, claims) for peer in view.peers}
    if contested := sorted(raft_id for raft_id, said in owners.items() if len(said) > 1):
        several = " and ".join(sorted(owners[contested[0]]))
        return Unknown(product, f"peer {contested[0]} of {product} is said to be that of {several}")
    return _raft(product, knowing, reports, {raft_id: next(iter(said), None) for raft_id, said in owners.items()})


def _raft(
    product: Product,
    knowing: Sequence[tuple[str, Report]],
    reports: Sequence[tuple[str, Report]],
    owners: Mapping[str, str | None],
) -> Raft:
    """All of `knowing` share one shape. Addresses are the leader's word where it answered: gossip may lag elsewhere."""
    view = next((report for _, report in knowing if report.own_raft_id == report.leader), knowing[0][1])
    unwell = {peer.id for _, report in knowing for peer in report.peers if not peer.healthy}
    peers = tuple(
        Peer(peer.id, owners[peer.id], peer.address, peer.voter, healthy=peer.id not in unwell)
        for peer in sorted(view.peers, key=lambda peer: peer.id)
    )
    return Raft(
        product=product,
        leader=view.leader or "",
        peers=peers,
        observers=frozenset(instance_id for instance_id, _ in knowing),
        stopped=frozenset(instance_id for instance_id, report in reports if not report.running),
        sealed=_sealed(reports),
    )


def _sealed(reports: Sequence[tuple[str, Report]]) -> frozenset[str]:
    return frozenset(instance_id for instance_id, report in reports if report.sealed)


def _parse(heard: Heard) -> Report | str:
    """The report, or why there is none."""
    if heard.error:
        return _short(heard.error)
    try:
        return Report.model_validate(heard.result)
    except ValidationError as error:
        return f"its answer is not the promised JSON ({_short(error.errors()[0]['msg'])})"


def _foreign(product: Product, reports: Sequence[tuple[str, Report]], members: Sequence[Recorded]) -> str:
    """Why not all of them speak of the one cluster that is ours; empty where they do, or cannot say."""
    recorded = {
        member.cluster_ids[product]: member.instance_id for member in members if member.cluster_ids.get(product)
    }
    if len(recorded) > 1:
        first, second = sorted(recorded.values())[:2]
        return f"{first} and {second} became members of two different clusters of {product}"
    ours = next(iter(recorded), "")
    for instance_id, report in reports:
        if report.cluster_id and ours and report.cluster_id != ours:
            return f"{instance_id} answers for another cluster of {product} than ours"
        ours = ours or report.cluster_id or ""
    return ""


def _shape(report: Report) -> tuple[str | None, frozenset[tuple[str, bool]]]:
    """In what all views have to agree."""
    return report.leader, frozenset((peer.id, peer.voter) for peer in report.peers)


def _claims(
    product: Product,
    raft_ids: Collection[str],
    reports: Sequence[tuple[str, Report]],
    members: Sequence[Recorded],
) -> dict[str, set[str]]:
    """Instances by Raft id, as the node itself told it: now, or when it became a member."""
    claims: dict[str, set[str]] = {}
    told = [(report.own_raft_id, instance_id) for instance_id, report in reports]
    told += [(member.raft_ids.get(product), member.instance_id) for member in members]
    for raft_id, instance_id in told:
        if raft_id is not None and raft_id in raft_ids:
            claims.setdefault(raft_id, set()).add(instance_id)
    return claims


def _owners(raft_id: str, knowing: Sequence[tuple[str, Report]], claims: Mapping[str, set[str]]) -> set[str]:
    """Whose peer it is: one, none, or a contradiction.

    Nodes are named by their instance; Nomad adds its region. Where gossip has forgotten a peer, Consul and Nomad name
    it by its address, which may be another's by now: a name counts for nobody who has a peer of his own.
    """
    if raft_id in claims:
        return claims[raft_id]
    taken = {instance_id for several in claims.values() for instance_id in several}
    told = (peer.name or "" for _, report in knowing for peer in report.peers if peer.id == raft_id)
    names = {name.partition(".")[0] for name in told}
    return {name for name in names if INSTANCE_ID.fullmatch(name) and name not in taken}


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= REASON_WORDS else f"{words[: REASON_WORDS - 1]}…"
