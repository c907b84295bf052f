"""Deploying a cloud assembly (the output of `cdk synth`): assets into the bootstrap bucket, templates into stacks."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from lab.aws.cloud import Cloud
from lab.aws.cloud_formation import read_template
from lab.aws.public_parameters import publish_images


def deploy(cloud: Cloud, assembly: Path, stack_name: str) -> dict[str, str]:
    """Create the stack, or update it when it exists; returns its outputs."""
    template = assembly / f"{stack_name}.template.json"
    assets = assembly / f"{stack_name}.assets.json"
    if assets.exists():
        publish_assets(cloud, assembly, json.loads(assets.read_text()))
    body = template.read_text()
    publish_images(cloud, read_template(body))
    request = {
        "StackName": stack_name,
        "TemplateBody": body,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    }
    api = cloud.client("cloudformation")
    exists = stack_name in {stack["StackName"] for stack in api.describe_stacks()["Stacks"]}
    if exists:
        api.update_stack(**request)
    else:
        api.create_stack(**request)
    return outputs(cloud, stack_name)


def outputs(cloud: Cloud, stack_name: str) -> dict[str, str]:
    stack = cloud.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    status = stack["StackStatus"]
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise RuntimeError(f"stack {stack_name} is {status}: {stack.get('StackStatusReason', 'no reason given')}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def publish_assets(cloud: Cloud, assembly: Path, manifest: dict[str, Any]) -> None:
    s3 = cloud.client("s3")
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for asset in manifest["files"].values():
        source = assembly / asset["source"]["path"]
        body = _zipped(source) if asset["source"]["packaging"] == "zip" else source.read_bytes()
        for destination in asset["destinations"].values():
            bucket = _filled(cloud, destination["bucketName"])
            if bucket not in buckets:
                location = {"LocationConstraint": cloud.region}
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
                buckets.add(bucket)
            s3.put_object(Bucket=bucket, Key=_filled(cloud, destination["objectKey"]), Body=body)


def _filled(cloud: Cloud, text: str) -> str:
    values = {"AWS::AccountId": cloud.account, "AWS::Region": cloud.region, "AWS::Partition": "aws"}
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def _zipped(source: Path) -> bytes:
    if source.is_file():
        return source.read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(source).as_posix())
    return archive.getvalue()
