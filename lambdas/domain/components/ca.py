"""Trust: the node's key pair and request, then the certificate that the cluster's authority signed."""

from lambdas.domain.component import Component
from lambdas.domain.phases import Phase

CA = Component(
    name="ca",
    takes_part=lambda role: True,
    phases={Phase.INSTALL: 300, Phase.CONFIGURE: 120},
)
