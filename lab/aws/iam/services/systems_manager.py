"""Systems Manager: parameters, and Run Command, which asks for the document and for each instance."""

from collections.abc import Iterable
from functools import partial

from moto.ec2 import ec2_backends
from moto.ssm.models import ssm_backends

from lab.aws.iam.account import Account, tags_of
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.context import Members
from lab.aws.iam.needs import Need, Row, Rows, anywhere, tagged
from lab.aws.iam.services import kms


def _parameter_arn(account: Account, name: str) -> str:
    if name.startswith("arn:"):
        return name
    path = f"parameter/{name.lstrip('/')}"
    return f"arn:aws:ssm:{account.region}::{path}" if name.startswith("/aws/") else account.arn("ssm", path)


def _read(action: str, *parameters: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        recursive = {"ssm:Recursive": str(call.parameters.get("Recursive", False)).lower()}
        for name in (one for parameter in parameters for one in call.members(parameter)):
            yield Need(f"ssm:{action}", _parameter_arn(account, name), recursive)
            stored = account.of(ssm_backends)._parameters.get(name)
            key_id = stored[-1].keyid if stored and stored[-1].parameter_type == "SecureString" else None
            if key_id and call.parameters.get("WithDecryption"):
                context = {"PARAMETER_ARN": _parameter_arn(account, name)}
                yield kms.through(account, "ssm", "Decrypt", key_id, context)

    return row


def _put(call: ApiCall, account: Account) -> Iterable[Need]:
    overwrite = {"ssm:Overwrite": str(call.parameters.get("Overwrite", False)).lower()}
    arn = _parameter_arn(account, call.text("Name"))
    yield Need("ssm:PutParameter", arn, overwrite)
    if call.text("Type") == "SecureString" and call.text("KeyId"):
        yield kms.through(account, "ssm", "Encrypt", call.text("KeyId"), {"PARAMETER_ARN": arn})


def _send_command(call: ApiCall, account: Account) -> Iterable[Need]:
    name = call.text("DocumentName")
    owned = not name.startswith("AWS-")  # AWS's own documents have no account in their ARN
    arn = account.arn("ssm", f"document/{name}") if owned else f"arn:aws:ssm:{account.region}::document/{name}"
    yield Need("ssm:SendCommand", name if name.startswith("arn:") else arn)
    for instance_id, tags in _targets(call, account):
        instance = account.arn("ec2", f"instance/{instance_id}")
        yield Need("ssm:SendCommand", instance, families=tagged(tags, "ssm"))


def _targets(call: ApiCall, account: Account) -> Iterable[tuple[str, Members]]:
    for instance_id in call.members("InstanceIds"):
        yield instance_id, partial(account.instance_tags, instance_id)
    targets = call.parameters.get("Targets") or ()
    for instance in account.of(ec2_backends).all_instances() if targets else ():
        tags = tags_of(instance.get_tags())
        if instance.state == "running" and all(_meant(instance.id, tags, target) for target in targets):
            yield instance.id, tags


def _meant(instance_id: str, tags: dict[str, str], target: dict[str, list[str]]) -> bool:
    key, values = str(target["Key"]), target["Values"]
    if key == "InstanceIds":
        return instance_id in values
    return (
        tags.get(key.removeprefix("tag:")) in values if key.startswith("tag:") else any(one in tags for one in values)
    )


def _update_agent(call: ApiCall, account: Account) -> Iterable[Need]:
    arn = account.arn("ec2", f"instance/{call.text('InstanceId')}")
    return (Need("ssm:UpdateInstanceInformation", arn),)


ROWS: Rows = {
    "CancelCommand": anywhere("ssm:CancelCommand"),
    "DescribeInstanceInformation": anywhere("ssm:DescribeInstanceInformation"),
    "GetCommandInvocation": anywhere("ssm:GetCommandInvocation"),
    "GetParameter": _read("GetParameter", "Name"),
    "GetParameters": _read("GetParameters", "Names"),
    "GetParametersByPath": _read("GetParametersByPath", "Path"),
    "ListCommandInvocations": anywhere("ssm:ListCommandInvocations"),
    "ListCommands": anywhere("ssm:ListCommands"),
    "PutParameter": _put,
    "SendCommand": _send_command,
    "UpdateInstanceInformation": _update_agent,
}
