"""One stack for each cluster file."""

import os
from typing import Any

from aws_cdk import App, CfnOutput, DefaultStackSynthesizer, Environment, Stack
from constructs import Construct

from cdk_app.cluster import Cluster
from lambdas.domain.config import ClusterConfig


class ClusterStack(Stack):
    def __init__(self, scope: Construct, id: str, *, config: ClusterConfig, account: str | None = None) -> None:
        super().__init__(
            scope,
            id,
            env=Environment(account=account, region=config.region),
            description=f"Quorate cluster {config.name}: Consul, Vault and Nomad",
            # The CLI checks the bootstrap's version itself; the rule would add a parameter to the template.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self.cluster = Cluster(self, "Cluster", config=config)
        CfnOutput(self, "BucketName", value=self.cluster.storage.bucket.bucket_name)
        CfnOutput(self, "AlarmTopicArn", value=self.cluster.alarm_topic.topic_arn)


def stack_name(cluster: str) -> str:
    return f"quorate-{cluster}"


def synthesize() -> None:
    """Read the cluster files that the context names and write the cloud assembly. Raises InvalidConfig."""
    from lambdas.domain import cluster_file

    app = App()
    configs = [cluster_file.load(path) for path in _paths(app.node.try_get_context("clusters"))]
    for config in configs:
        ClusterStack(app, stack_name(config.name), config=config, account=os.environ.get("CDK_DEFAULT_ACCOUNT"))
    app.synth()


def _paths(context: Any) -> list[str]:
    """A list in cdk.json; a string, with commas between several, from the command line."""
    return context.split(",") if isinstance(context, str) else list(context or ())
