"""Trust: the node's key pair and request, then the certificate that the cluster's authority signed."""

from lambdas.domain.component import Component, File, FileSet, Surroundings
from lambdas.domain.components.host import CA_FILE, CERTIFICATE_FILE
from lambdas.domain.config import ClusterConfig
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase


def _configure(config: ClusterConfig, node: Node, surroundings: Surroundings) -> FileSet:
    return FileSet(
        files=(
            File(path=CA_FILE, mode="0644", content=surroundings.authority),
            File(path=CERTIFICATE_FILE, mode="0644", content=surroundings.certificate),
        )
    )


CA = Component(
    name="ca",
    takes_part=lambda role: True,
    phases={Phase.INSTALL: 300, Phase.CONFIGURE: 120, Phase.REQUEST: 60},
    renders={Phase.CONFIGURE: _configure},
)
