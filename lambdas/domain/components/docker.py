"""Docker from the cluster's own bucket, with the pause image that bridge networks need."""

from lambdas.domain.component import Component
from lambdas.domain.phases import Phase

DOCKER = Component(
    name="docker",
    takes_part=lambda role: "docker" in role.drivers,
    phases={Phase.INSTALL: 900},
    artifact="docker",
)
