"""What the stack is to the domain."""

from dataclasses import dataclass
from typing import Protocol, Self

from lambdas.domain.config import ClusterConfig


class Deployment(Protocol):
    """What is asked of `lambdas.settings`, which the domain does not know."""

    @property
    def bucket_name(self) -> str: ...
    @property
    def unseal_key_id(self) -> str: ...
    @property
    def table_name(self) -> str: ...


@dataclass(frozen=True)
class Site:
    """What the stack is to the domain: the cluster file and the names that only a deployment knows."""

    config: ClusterConfig
    bucket: str
    unseal_key_id: str
    table: str
    """Where the membership lease is."""

    @classmethod
    def of(cls, config: ClusterConfig, deployed: Deployment) -> Self:
        return cls(config, deployed.bucket_name, deployed.unseal_key_id, deployed.table_name)
