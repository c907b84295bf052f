"""What a launch costs the control plane: states, round trips, and AWS calls, read from what really happened."""

from collections.abc import Sequence

from lab.aws import EmbeddedAws, ExecutionRecord
from lambdas.domain import names


def launched(aws: EmbeddedAws, cluster: str, kind: str) -> list[ExecutionRecord]:
    """Launches of one kind of node that succeeded, oldest first."""
    machine = names.state_machine(cluster, "node_launch")
    return [one for one in aws.executions(machine) if one.status == "SUCCEEDED" and kind_of(one) == kind]


def formation(aws: EmbeddedAws, cluster: str) -> ExecutionRecord:
    """The attempt that formed the cluster."""
    attempts = aws.executions(names.state_machine(cluster, "form_cluster"))
    return next(one for one in reversed(attempts) if one.status == "SUCCEEDED")


def kind_of(execution: ExecutionRecord) -> str:
    """`server` or `client`, as its plan found; empty for a launch that another execution owns."""
    for event in execution.events:
        output = str((event.get("stateExitedEventDetails") or {}).get("output", "")).replace(" ", "")
        for kind in ("server", "client"):
            if f'"kind":"{kind}"' in output:
                return kind
    return ""


def instance_of(execution: ExecutionRecord) -> str:
    return str(execution.input["detail"]["EC2InstanceId"])


def round_trips(execution: ExecutionRecord) -> int:
    """Run Command round trips one after another: the Maps that sent anything. Those inside of one run side by side."""
    trips, depth, sent = 0, 0, False
    for event in execution.events:
        kind = str(event["type"])
        if kind.endswith("StateEntered"):
            if depth == 0:
                sent = False
            depth += 1
        elif kind.endswith("StateExited"):
            depth -= 1
            if depth == 0 and sent:
                trips += 1
        elif kind == "TaskSubmitted" or kind == "TaskScheduled":
            sent = sent or depth > 1
    return trips


def per_server(aws: EmbeddedAws, cluster: str) -> tuple[float, int]:
    """Most transitions that a founder took, with its share of formation's; and its round trips with formation's."""
    founders, forming = launched(aws, cluster, "server"), formation(aws, cluster)
    share = forming.transitions / len(founders)
    trips = max(map(round_trips, founders)) + round_trips(forming)
    return max(one.transitions for one in founders) + share, trips


def per_client(executions: Sequence[ExecutionRecord]) -> tuple[int, int]:
    return max(one.transitions for one in executions), max(map(round_trips, executions))
