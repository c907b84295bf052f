"""CNI reference plugins, which Nomad's bridge networks are made with."""

from lambdas.domain.component import Component
from lambdas.domain.phases import Phase

CNI = Component(
    name="cni",
    takes_part=lambda role: role.kind == "client",
    phases={Phase.INSTALL: 600},
    artifact="cni_plugins",
)
