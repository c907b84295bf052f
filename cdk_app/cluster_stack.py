"""One stack for each cluster file."""

import json
import os
from pathlib import Path
from typing import Any

from aws_cdk import App, CfnOutput, DefaultStackSynthesizer, Environment, Stack
from constructs import Construct

from cdk_app.cluster import Cluster
from cdk_app.limits import check_template
from lambdas.domain import cluster_file
from lambdas.domain.config import ClusterConfig
from lambdas.domain.errors import InvalidConfig

SETTINGS = Path(__file__).resolve().parent.parent / "cdk.json"


class ClusterStack(Stack):
    def __init__(self, scope: Construct, id: str, *, config: ClusterConfig, account: str | None = None) -> None:
        super().__init__(
            scope,
            id,
            env=Environment(account=account, region=config.region),
            description=f"Quorate cluster {config.name}: Consul, Vault and Nomad",
            suppress_template_indentation=True,  # CloudFormation takes 1 MB, white space included
            # The CLI checks the bootstrap's version itself; the rule would add a parameter to the template.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self.cluster = Cluster(self, "Cluster", config=config)
        CfnOutput(self, "BucketName", value=self.cluster.storage.bucket.bucket_name)
        CfnOutput(self, "BreakGlassRoleArn", value=self.cluster.break_glass.role.role_arn)
        CfnOutput(self, "SessionDocument", value=self.cluster.sessions.document)
        CfnOutput(self, "AlarmTopicArn", value=self.cluster.alarm_topic.topic_arn)


def stack_name(cluster: str) -> str:
    return f"quorate-{cluster}"


def synthesize() -> None:
    """Read the cluster files that the context names and write the cloud assembly. Raises InvalidConfig."""
    context = json.loads(SETTINGS.read_text("utf-8"))["context"]  # the command line's own comes on top
    app = App(context=context, outdir=os.environ.get("CDK_OUTDIR", "cdk.out"))
    configs = [cluster_file.load(path) for path in _paths(app.node.try_get_context("clusters"))]
    account = os.environ.get("CDK_DEFAULT_ACCOUNT")
    for config in configs:
        ClusterStack(app, stack_name(config.name), config=config, account=account)
    assembly = Path(app.synth().directory)
    for stack in (one for one in app.node.find_all() if isinstance(one, Stack)):  # nested ones too
        check_template(assembly / stack.template_file)


def _paths(context: Any) -> list[str]:
    """A list in cdk.json; a string, with commas between several, from the command line."""
    paths = [path for path in (context.split(",") if isinstance(context, str) else context or ()) if path]
    if not paths:
        raise InvalidConfig("no cluster file is named: give `-c clusters=clusters/<name>.yaml`, or a list in cdk.json")
    return paths
