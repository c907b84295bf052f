"""Tells Vault where Nomad's public keys are, so that workloads log in: beside Nomad's bootstrap, after Vault's own."""

from lambdas.domain.component import Component, FileSet, Surroundings
from lambdas.domain.components.workload_identity import vault_keys
from lambdas.domain.config import ClusterConfig
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase


def _bootstrap(config: ClusterConfig, node: Node, surroundings: Surroundings) -> FileSet:
    return FileSet(values=vault_keys(config))


VAULT_WORKLOADS = Component(
    name="vault_workloads",
    product="vault",
    takes_part=lambda role: "vault" in role.serves,
    phases={Phase.BOOTSTRAP: 300},
    renders={Phase.BOOTSTRAP: _bootstrap},
)
