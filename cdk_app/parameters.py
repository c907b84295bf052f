"""The cluster file as the Lambdas read it."""

from aws_cdk import aws_ssm as ssm
from constructs import Construct, IDependable

from cdk_app.limits import parameter_tier
from lambdas.domain import names
from lambdas.domain.config import ClusterConfig


class Parameters(Construct):
    """The CA's certificate is a parameter too, which the first node's launch writes: only the CA's key can sign it.

    The config is written last: where it is, all that a launch needs is there, so node groups wait for it alone.
    """

    def __init__(self, scope: Construct, id: str, *, config: ClusterConfig) -> None:
        super().__init__(scope, id)
        name, value = names.config_parameter(config.name), config.model_dump_json()
        self.config = ssm.CfnParameter(
            self,
            "Config",
            name=name,
            type="String",
            value=value,
            tier=parameter_tier(name, value),
            description=f"Cluster file of Quorate cluster {config.name}",
        )

    def wait_for(self, *dependencies: IDependable) -> None:
        self.config.node.add_dependency(*dependencies)
