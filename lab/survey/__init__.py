"""What a cluster is right now, in the products' own words: who leads, who votes, what is sealed, what runs.

`lab.survey.apis` asks real products over their APIs, `lab.survey.models` asks simulated hosts. Both fill these.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ProductSurvey:
    """One product's servers, by instance id. `problem` says why anything is unknown; unknown is never healthy."""

    product: str
    leader: str | None = None
    voters: tuple[str, ...] = ()
    non_voters: tuple[str, ...] = ()
    sealed: Mapping[str, bool] = field(default_factory=dict)
    """Vault only: each server that answered."""
    clusters: int = 1
    """More than one is a split brain."""
    problem: str | None = None


@dataclass(frozen=True)
class Allocation:
    allocation_id: str
    instance_id: str
    status: str
    address: str | None = None
    """host:port of its first port."""


@dataclass(frozen=True)
class JobSurvey:
    name: str
    status: str
    allocations: tuple[Allocation, ...] = ()
    healthy_in_consul: int = 0
    """Instances of its service whose checks all pass."""
    problem: str | None = None

    @property
    def running(self) -> bool:
        return any(allocation.status == "running" for allocation in self.allocations)


@dataclass(frozen=True)
class Survey:
    products: Mapping[str, ProductSurvey]
    clients_ready: tuple[str, ...] = ()
    """Instance ids of Nomad clients that are ready and eligible."""
    job: JobSurvey | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
