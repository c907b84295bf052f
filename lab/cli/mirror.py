"""`make artifacts`: the mirror, for a cluster in an AWS account."""

from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from lab.cli.output import Output
from lab.products.bundle import FAILURES, gather
from lab.products.catalogue import VERSIONS
from lab.products.distribution import DISTRIBUTIONS
from lab.products.manifest import manifest_of, upload
from lab.products.progress import Bars
from lambdas.domain import cluster_file, names
from lambdas.domain.errors import InvalidConfig


def mirror(output: Output, cluster: Path) -> None:
    try:
        config = cluster_file.load(cluster, available={name: [version] for name, version in VERSIONS.items()})
        account = boto3.client("sts", region_name=config.region).get_caller_identity()["Account"]
    except (InvalidConfig, BotoCoreError, ClientError) as error:
        output.fail(str(error), "mend the cluster file or your AWS credentials, then make artifacts again")
    bucket = names.bucket(config.name, account, config.region)
    with Bars(output.console) as report:
        try:
            artifacts = gather(report, config.architecture, config.system)
        except FAILURES as error:
            output.fail(str(error), "nothing was uploaded: mend what it says, then make artifacts again")
        try:
            upload(boto3.client("s3", region_name=config.region), bucket, artifacts, manifest_of(artifacts), report)
        except (BotoCoreError, ClientError) as error:
            output.fail(f"s3://{bucket}: {error}", f"make deploy CLUSTER={cluster}, which makes the bucket")
    output.say(f"s3://{bucket} holds {len(artifacts)} artifacts")
    if config.system not in DISTRIBUTIONS:
        output.say(f"jq, unzip and Docker nodes take from {config.system}'s own repositories, in S3")
    output.result({"bucket": bucket, "artifacts": [artifact.name for artifact in artifacts]})
    output.next("nothing: nodes that wait for the mirror go on by themselves")
