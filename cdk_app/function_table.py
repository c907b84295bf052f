"""What each Lambda function calls: a row for each file in `lambdas/handlers`."""

from collections.abc import Callable
from dataclasses import dataclass

from cdk_app.permissions import (
    LAUNCH_FLOW,
    RENEWAL_FLOW,
    ROTATION_FLOW,
    TERMINATE_FLOW,
    Arns,
    of_clients,
    of_executions,
    of_machines,
    of_sealed,
    of_servers,
)
from lambdas.domain import rotation


@dataclass(frozen=True)
class Row:
    """`calls` are the functions of `lambdas/aws` that the handler calls: its permissions follow from them.

    Memory is CPU too: at 512 MiB an import takes about a quarter of a core's time.
    """

    handler: str
    calls: tuple[str, ...]
    timeout_seconds: int = 30
    memory_mib: int = 512
    narrow: Callable[[Arns], Arns] = lambda arns: arns
    """What of the cluster's resources the handler acts on, where it is less than its calls could."""
    by_event: bool = False
    """Invoked by EventBridge, not by a state machine: a failure that nobody waits for goes to the dead-letter queue."""


FUNCTIONS: tuple[Row, ...] = (
    Row(
        "abandon_launch",
        (
            "breakers.counted",
            "breakers.failed",
            "formation_record.leave",
            "lifecycle.complete",
            "lifecycle.keep_open",
            "lifecycle.stop_launching",
        ),
    ),
    Row("await_agent", ("run_command.agent_is_online",), timeout_seconds=60),
    Row(
        "await_formation",
        (
            "cluster_config.load",
            "executions.is_running",
            "executions.start",
            "executions.succeed_task",
            "formation_record.arrivals",
            "formation_record.arrive",
            "formation_record.read",
            "instances.alive",
            "lifecycle.keep_open",
            "members.every",
        ),
    ),
    Row(
        "begin_formation",
        (
            "bucket.deliver",
            "cluster_config.load",
            "formation_record.arrivals",
            "formation_record.claim",
            "formation_record.keep_members",
            "instances.alive",
            "seals.open_to",
        ),
    ),
    Row(
        "check_certificates",
        (
            "certificates.every",
            "cluster_config.load",
            "executions.running",
            "executions.start_for",
            "members.every",
            "servers.every",
        ),
        narrow=of_machines(RENEWAL_FLOW),
    ),
    Row("complete_command", ("answers.answer_if_ended", "dispatches.waiting"), by_event=True),
    Row(
        "complete_formation",
        (
            "executions.succeed_task",
            "formation_record.arrivals",
            "formation_record.conclude",
            "formation_record.read",
            "seals.close",
        ),
    ),
    Row(
        "complete_launch",
        ("breakers.succeeded", "certificates.write", "formation_record.leave", "lifecycle.complete", "members.write"),
    ),
    Row("complete_renewal", ("certificates.write", "journal.write")),
    Row(
        "complete_terminate",
        (
            "certificates.forget",
            "journal.write",
            "lease.holds",
            "lease.release",
            "lifecycle.complete",
            "lifecycle.find",
            "lifecycle.terminate_retained",
            "members.forget",
        ),
    ),
    Row("decide_step", ("cluster_config.load", "journal.write", "lease.renew", "members.every", "servers.find")),
    Row(
        "drain_client",
        ("cluster_config.load", "lifecycle.keep_open", "members.every", "servers.find"),
        narrow=of_clients,
    ),
    Row("end_turn", ("journal.write", "lease.release")),
    Row(
        "fail_formation",
        (
            "executions.fail_task",
            "formation_record.arrivals",
            "formation_record.conclude",
            "formation_record.leave",
            "formation_record.read",
            "run_command.agent_is_online",
            "seals.close",
        ),
        by_event=True,
    ),
    Row("fail_renewal", ("journal.write",)),
    Row(
        "hold_instance",
        ("instances.describe_if_running", "journal.write", "lease.release", "lifecycle.complete"),
        narrow=of_servers,
    ),
    Row(
        "judge_rotation",
        (
            "journal.write",
            "lease.release",
            "rotation_record.advance",
            "rotation_record.follow",
            "rotation_record.read",
            "seals.close",
        ),
    ),
    Row(
        "plan_launch",
        (
            "bucket.read_manifest",
            "claims.take",
            "cluster_config.load",
            "instances.describe",
            "lifecycle.find",
            "lifecycle.keep_open",
        ),
        narrow=of_executions(LAUNCH_FLOW),
    ),
    Row("plan_leave", ("cluster_config.load", "members.every", "servers.find")),
    Row(
        "plan_membership",
        ("bucket.deliver", "cluster_config.load", "formation_record.read", "members.every", "servers.find"),
    ),
    Row("plan_reload", ("cluster_config.load",)),
    Row(
        "plan_renewal",
        (
            "certificates.every",
            "claims.take",
            "cluster_config.load",
            "lease.release",
            "lease.take",
            "members.every",
            "servers.every",
        ),
        narrow=of_executions(RENEWAL_FLOW),
    ),
    Row(
        "plan_rotation",
        (
            "bucket.deliver",
            "cluster_config.load",
            "dispatches.under_way",
            "formation_record.read",
            "lease.take",
            "members.every",
            "rotation_record.advance",
            "rotation_record.begin",
            "rotation_record.go_on",
            "seals.open_to",
            "servers.every",
        ),
        timeout_seconds=60,
        narrow=of_sealed(rotation.OPENED),
    ),
    Row("plan_start", ()),
    Row("plan_sweep", ("cluster_config.load", "formation_record.read", "members.every", "servers.find")),
    Row(
        "plan_terminate",
        (
            "claims.take",
            "cluster_config.load",
            "formation_record.read",
            "instances.describe_if_running",
            "lifecycle.find",
            "members.find",
        ),
        narrow=of_executions(TERMINATE_FLOW),
    ),
    Row(
        "send_command",
        (
            "answers.answer_if_ended",
            "answers.answer_success",
            "dispatches.find",
            "dispatches.record",
            "dispatches.wait",
            "run_command.send",
        ),
    ),
    Row(
        "sign_certificate",
        (
            "authority.KmsSigner",
            "authority.keep_certificate",
            "authority.read_certificate",
            "bucket.deliver",
            "cluster_config.load",
            "journal.write",
            "observability.once",
        ),
        memory_mib=1024,
    ),
    Row(
        "take_turn",
        ("cluster_config.load", "lease.take", "lifecycle.keep_open", "members.every", "servers.find"),
        narrow=of_servers,
    ),
    Row(
        "triage",
        (
            "answers.answer_if_ended",
            "claims.every",
            "cluster_config.load",
            "dispatches.overdue",
            "executions.running",
            "executions.start_for",
            "journal.write",
            "lifecycle.every",
            "lifecycle.set_unhealthy",
            "members.every",
            "rotation_record.read",
            "servers.find",
            "sweep_record.read",
            "sweep_record.write",
        ),
        timeout_seconds=60,
        narrow=of_machines(LAUNCH_FLOW, TERMINATE_FLOW, ROTATION_FLOW),
    ),
)
