"""Places of an account: what AWS shows of a cluster to whoever may look at anything but its secrets."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from lab.laboratory import Laboratory
from lab.leak_hunt.hunt import Place


def places(lab: Laboratory, function_log: str) -> Iterator[Place]:
    """`function_log` is what handlers logged (`lab.function_log`)."""
    yield from _templates(lab)
    yield from _user_data(lab)
    yield from _executions(lab)
    yield from _commands(lab)
    yield from _parameters(lab)
    yield from _table(lab)
    yield from _bucket(lab)
    yield from _messages(lab)
    yield from _metrics_and_logs(lab)
    yield Place("functions' log", function_log.encode())


def _templates(lab: Laboratory) -> Iterator[Place]:
    cloud_formation = lab.aws.client("cloudformation")
    for page in cloud_formation.get_paginator("list_stacks").paginate():
        for stack in page["StackSummaries"]:
            yield _told(f"template of {stack['StackName']}", cloud_formation.get_template(StackName=stack["StackId"]))


def _user_data(lab: Laboratory) -> Iterator[Place]:
    ec2 = lab.aws.client("ec2")
    for template in ec2.describe_launch_templates()["LaunchTemplates"]:
        versions = ec2.describe_launch_template_versions(LaunchTemplateId=template["LaunchTemplateId"])
        for version in versions["LaunchTemplateVersions"]:
            data = version["LaunchTemplateData"]
            where = f"user data of {template['LaunchTemplateName']}"
            yield Place(where, base64.b64decode(data.get("UserData", "")))
            yield _told(f"launch template {template['LaunchTemplateName']}", data)
    yield _told("instances", ec2.describe_instances()["Reservations"])


def _executions(lab: Laboratory) -> Iterator[Place]:
    for execution in lab.aws.executions():
        yield _told(f"history of {execution.name}", execution.events)
        yield _told(f"execution {execution.name}", [execution.input, execution.output, execution.cause])


def _commands(lab: Laboratory) -> Iterator[Place]:
    ssm = lab.aws.client("ssm")
    for page in ssm.get_paginator("list_commands").paginate():
        for command in page["Commands"]:
            yield _told(f"parameters of {command['DocumentName']}", command)
    for page in ssm.get_paginator("list_command_invocations").paginate(Details=True):
        for one in page["CommandInvocations"]:
            ended = ssm.get_command_invocation(CommandId=one["CommandId"], InstanceId=one["InstanceId"])
            yield _told(f"output of {one['DocumentName']}", [one, ended])


def _parameters(lab: Laboratory) -> Iterator[Place]:
    pages = lab.aws.client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/quorate", Recursive=True)
    for page in pages:
        for parameter in page["Parameters"]:
            yield _told(f"parameter {parameter['Name']}", parameter)


def _table(lab: Laboratory) -> Iterator[Place]:
    for page in lab.aws.client("dynamodb").get_paginator("scan").paginate(TableName=lab.table_name):
        for item in page["Items"]:
            yield _told(f"item {item['pk']['S']}", item)


def _bucket(lab: Laboratory) -> Iterator[Place]:
    """Without the artifacts: their bytes are the vendor's, known by their checksums before any secret was made."""
    s3 = lab.aws.client("s3")
    known = {str(artifact.sha256) for artifact in lab.prepared.artifacts}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=lab.bucket):
        for found in page.get("Contents", []):
            if any(digest in found["Key"] for digest in known):
                continue
            answer = s3.get_object(Bucket=lab.bucket, Key=found["Key"])
            yield Place(f"object {found['Key']}", answer["Body"].read())
            yield _told(f"metadata of {found['Key']}", answer["Metadata"])


def _messages(lab: Laboratory) -> Iterator[Place]:
    sqs = lab.aws.client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get(
            "Messages", []
        ):
            yield _told("dead letters", message)


def _metrics_and_logs(lab: Laboratory) -> Iterator[Place]:
    for page in lab.aws.client("cloudwatch").get_paginator("list_metrics").paginate():
        yield _told("metrics", page["Metrics"])
    logs = lab.aws.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]:
                events = logs.get_log_events(
                    logGroupName=group["logGroupName"], logStreamName=stream["logStreamName"], startFromHead=True
                )
                yield _told(f"log group {group['logGroupName']}", events["events"])


def _told(where: str, value: Any) -> Place:
    return Place(where, json.dumps(value, default=str).encode())
