"""Systems Manager's Run Command: agents, sending, and what became of a command."""

from botocore.exceptions import ClientError

from lambdas.aws.clients import client
from lambdas.aws.errors import code_of, translated
from lambdas.domain.commands import DELIVERY_SECONDS, Command
from lambdas.domain.errors import BadParameter, NodeNotReady
from lambdas.domain.outcome import Invocation, repeated


def agent_is_online(instance_id: str) -> bool:
    """Whether the instance's agent has registered: SendCommand refuses the instance before."""
    found = client("ssm").describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [instance_id]}])
    return any(one["PingStatus"] == "Online" for one in found["InstanceInformationList"])


def send(command: Command) -> str:
    """Send and return the command id. Raises NodeNotReady (NodeFailed in a goodbye), BadParameter or Throttled."""
    what = f"send {command.component} {command.phase} to {command.instance_id}"
    try:
        with translated(what):
            sent = client("ssm").send_command(
                DocumentName=command.document,
                InstanceIds=[command.instance_id],
                Parameters={name: [value] for name, value in command.parameters.items()},
                TimeoutSeconds=DELIVERY_SECONDS,
                Comment=f"{command.component} {command.phase}"[:100],
            )
    except ClientError as error:
        match code_of(error):
            case "InvalidInstanceId":
                refusal = repeated(NodeNotReady, command.phase)
                raise refusal(f"{what}: the agent is not registered or the instance is not running") from error
            case "InvalidDocument" | "InvalidParameters" | "ValidationException":
                raise BadParameter(f"{what}: {error}") from error
        raise
    return str(sent["Command"]["CommandId"])


def read(command_id: str, instance_id: str) -> Invocation | None:
    """The invocation, or None while Systems Manager does not know it (it is eventually consistent after a send)."""
    try:
        with translated(f"read command {command_id}"):
            found = client("ssm").get_command_invocation(CommandId=command_id, InstanceId=instance_id)
    except ClientError as error:
        if code_of(error) == "InvocationDoesNotExist":
            return None
        raise
    return Invocation(
        status=found["Status"],
        status_details=found["StatusDetails"],
        exit_code=int(found["ResponseCode"]),
        stdout=found["StandardOutputContent"],
        stderr=found["StandardErrorContent"],
    )
