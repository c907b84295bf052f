"""Auto Scaling: how instances enter and leave a group.

    Pending -> Pending:Wait -> InService -> Terminating -> Terminating:Wait -> (gone)
                    |                                            |
                 ABANDON: terminated and replaced             ABANDON with the policy "retain": Terminating:Retained

moto has groups and hooks as records only; its instances go straight into service and out again.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from moto.autoscaling.models import ASG_NAME_TAG, FakeAutoScalingGroup, InstanceState, autoscaling_backends
from moto.ec2.models.instances import Instance

from lab.aws.capacity import Member, next_subnet, to_terminate
from lab.aws.cloud import Cloud
from lab.aws.instances import Instances
from lab.aws.lifecycle_hooks import LAUNCHING, TERMINATING, LifecycleHooks
from lab.aws.scaling_activities import ScalingActivities

RETAINED = "Terminating:Retained"

# A group whose launches keep failing launches more slowly (Auto Scaling guide, "Troubleshoot"); no figures are public.
FIRST_RELAUNCH_DELAY_SECONDS = 5.0
LONGEST_RELAUNCH_DELAY_SECONDS = 300.0

# Status checks run every minute, and two failed ones make an instance impaired (EC2 guide, "Status checks").
STATUS_CHECK_SECONDS = 120.0


class AutoScaling:
    """The life of groups and their instances. All methods are called with the big lock held."""

    def __init__(
        self, cloud: Cloud, instances: Instances, hooks: LifecycleHooks, activities: ScalingActivities
    ) -> None:
        self._cloud = cloud
        self._hooks = hooks
        self._activities = activities
        self._failures_in_a_row: dict[str, int] = {}
        self.when_settled: Callable[[FakeAutoScalingGroup], None] = lambda group: None
        """An instance of the group has come into service, or has left it for good."""
        hooks.finish = self._finish
        instances.when_running = self._running
        instances.when_boot_failed = self._boot_failed

    # Capacity.

    def set_desired(self, group: FakeAutoScalingGroup, desired: int | None) -> None:
        before = getattr(group, "desired_capacity", 0) or 0
        group.desired_capacity = int(group.min_size if desired is None else desired)
        self.reconcile(
            group,
            "an instance was started in response to a difference between desired and actual capacity, "
            f"changing the capacity from {before} to {group.desired_capacity}.",
        )

    def reconcile(self, group: FakeAutoScalingGroup, cause: str) -> None:
        """Launch or terminate until the group has its desired capacity, as far as its processes are not suspended."""
        counted = self.counted(group)
        missing = int(group.desired_capacity or 0) - len(counted)
        if missing > 0 and not _suspended(group, "Launch"):
            for _ in range(missing):
                self._launch(group, cause)
        elif missing < 0 and not _suspended(group, "Terminate"):
            newest_first = "NewestInstance" in group.termination_policies
            by_id = {state.instance_id: state for state in counted}
            members = [_member(state) for state in counted]
            for member in to_terminate(members, -missing, newest_first=newest_first):
                self.terminate(group, by_id[member.instance_id], f"taken out of service: {cause}")

    @staticmethod
    def counted(group: FakeAutoScalingGroup) -> list[InstanceState]:
        """The instances that count towards desired capacity: launching or in service, and not being replaced."""
        return [
            state
            for state in group.instance_states
            if state.lifecycle_state.startswith(("Pending", "InService"))
            and not getattr(state, "replaced_when_possible", False)
        ]

    # Launch.

    def _launch(self, group: FakeAutoScalingGroup, cause: str) -> None:
        backend = group.autoscaling_backend.ec2_backend
        members = [_member(state) for state in self.counted(group)]
        subnet = next_subnet(group.vpc_zone_identifier.split(","), members) if group.vpc_zone_identifier else None
        zone = backend.get_subnet(subnet).availability_zone if subnet else group.availability_zones[0]
        template = group.ec2_launch_template
        reservation = backend.run_instances(
            group.image_id,
            1,
            group.user_data,
            group.security_groups,
            instance_type=group.instance_type,
            tags={"instance": group.instance_tags | group.get_propagated_tags() | {ASG_NAME_TAG: group.name}},
            placement=zone,
            launch_config=group.launch_config,
            launch_template={"LaunchTemplateId": template.id, "Version": group.launch_template_version}
            if template
            else None,
            is_instance_type_default=False,
            associate_public_ip=None,
            subnet_id=subnet,
        )
        instance = reservation.instances[0]
        instance.autoscaling_group = group
        state = InstanceState(
            instance,
            lifecycle_state="Pending",
            protected_from_scale_in=group.new_instances_protected_from_scale_in,
        )
        state.launched_at = time.monotonic()
        group.instance_states.append(state)
        self._activities.begin("Launch", group, state, cause)

    def _running(self, instance: Instance) -> None:
        with self._cloud.lock:
            group, state = self._find_instance(instance)
            if state is None or state.lifecycle_state != "Pending":
                return
            state.lifecycle_state = "Pending:Wait"
            if not self._hooks.begin(group, state, LAUNCHING):
                self._finish(group, state, LAUNCHING, "CONTINUE")

    def _boot_failed(self, instance: Instance, error: Exception) -> None:
        with self._cloud.lock:
            group, state = self._find_instance(instance)
            if state is not None:
                self._launch_failed(group, state, f"Instance failed to start: {error}")

    def _launch_failed(self, group: FakeAutoScalingGroup, state: InstanceState, reason: str) -> None:
        self._activities.end("Launch", state, failure=reason)
        self._remove(group, state)
        failures = self._failures_in_a_row[group.name] = self._failures_in_a_row.get(group.name, 0) + 1
        if failures == 1:
            self.reconcile(group, "an instance was launched in place of one that failed to launch.")
            return
        delay = min(FIRST_RELAUNCH_DELAY_SECONDS * 2 ** (failures - 2), LONGEST_RELAUNCH_DELAY_SECONDS)
        self._cloud.background.timer(self._cloud.clock.wait(delay), lambda: self._relaunch(group))

    def _relaunch(self, group: FakeAutoScalingGroup) -> None:
        with self._cloud.lock:
            if group.autoscaling_backend.autoscaling_groups.get(group.name) is group:
                self.reconcile(group, "an instance was launched in place of one that failed to launch.")

    # Terminate.

    def terminate(self, group: FakeAutoScalingGroup, state: InstanceState, cause: str) -> None:
        """Take an instance out through its termination hooks; from Retained, out at once."""
        if state.lifecycle_state == RETAINED:
            self._activities.begin("Terminate", group, state, f"instance {state.instance_id} was {cause}")
            self._activities.end("Terminate", state)
            self._remove(group, state)
            return
        if state.lifecycle_state.startswith("Terminat"):
            return
        self._hooks.cancel(state)
        self._activities.end("Launch", state, failure=f"Instance was terminated: {cause}")
        self._activities.begin("Terminate", group, state, f"instance {state.instance_id} was {cause}")
        state.lifecycle_state = "Terminating:Wait"
        if not self._hooks.begin(group, state, TERMINATING):
            self._finish(group, state, TERMINATING, "CONTINUE")

    def fail_status_checks(self, instance_id: str) -> None:
        """The machine does not answer EC2 any more: its group hears of it once that is certain."""

        def told() -> None:
            with self._cloud.lock:
                for group, state in self._all_states():
                    if state.instance_id == instance_id and state.lifecycle_state == "InService":
                        self.replace_unhealthy(group, state, gone=False)

        self._cloud.background.timer(self._cloud.clock.wait(STATUS_CHECK_SECONDS), told)

    def _all_states(self) -> list[tuple[FakeAutoScalingGroup, InstanceState]]:
        groups = autoscaling_backends[self._cloud.account][self._cloud.region].autoscaling_groups
        return [(group, state) for group in groups.values() for state in group.instance_states]

    def replace_unhealthy(self, group: FakeAutoScalingGroup, state: InstanceState, *, gone: bool) -> None:
        """Replace an instance; before it is terminated when the maintenance policy asks for it and it still runs."""
        state.health_status = "Unhealthy"
        cause = "taken out of service in response to an EC2 health check."
        if _suspended(group, "ReplaceUnhealthy") or _suspended(group, "HealthCheck"):
            return
        policy = getattr(group, "instance_maintenance_policy", None) or {}
        self.replace(group, state, cause, launch_first=not gone and int(policy.get("MinHealthyPercentage", -1)) == 100)

    def replace(self, group: FakeAutoScalingGroup, state: InstanceState, cause: str, *, launch_first: bool) -> None:
        """Another instance in place of this one, which leaves before that or after it."""
        if launch_first and state.lifecycle_state == "InService":
            state.replaced_when_possible = True
        elif not _suspended(group, "Terminate"):
            self.terminate(group, state, cause)
        self.reconcile(group, f"an instance was launched in place of {state.instance_id}, which was {cause}")

    def delete(self, group: FakeAutoScalingGroup) -> None:
        """Every instance ends at once, without hooks, as with ForceDelete."""
        group.desired_capacity = 0
        for state in list(group.instance_states):
            self._hooks.cancel(state)
            self._remove(group, state)

    # The end of a transition.

    def _finish(self, group: FakeAutoScalingGroup, state: InstanceState, transition: str, result: str) -> None:
        if transition == LAUNCHING and result == "CONTINUE":
            self._in_service(group, state)
        elif transition == LAUNCHING:
            self._launch_failed(group, state, "Instance launch was abandoned by a lifecycle hook")
        elif result == "ABANDON" and _retains(group):
            state.lifecycle_state = RETAINED
            self._activities.end("Terminate", state, failure="Instance was retained: its lifecycle hook abandoned")
            self.when_settled(group)
        else:
            self._activities.end("Terminate", state)
            self._remove(group, state)

    def _in_service(self, group: FakeAutoScalingGroup, state: InstanceState) -> None:
        self._failures_in_a_row.pop(group.name, None)
        state.lifecycle_state = "InService"
        self._activities.end("Launch", state)
        group.autoscaling_backend.update_attached_target_groups(group.name)
        replaced = [s for s in group.instance_states if getattr(s, "replaced_when_possible", False)]
        if replaced and not _suspended(group, "Terminate"):
            replaced[0].replaced_when_possible = False
            self.terminate(group, replaced[0], "replaced after its replacement came into service.")
        self.when_settled(group)

    def _remove(self, group: FakeAutoScalingGroup, state: InstanceState) -> None:
        state.lifecycle_state = "Terminated"
        group.instance_states = [other for other in group.instance_states if other is not state]
        if state.instance.state != "terminated":
            state.instance.terminate()
        self.when_settled(group)

    def _find_instance(self, instance: Instance) -> tuple[FakeAutoScalingGroup, InstanceState | None]:
        group = getattr(instance, "autoscaling_group", None)
        states: Sequence[Any] = group.instance_states if group else ()
        return group, next((state for state in states if state.instance is instance), None)


def _member(state: InstanceState) -> Member:
    return Member(
        instance_id=state.instance_id,
        zone=str(state.availability_zone),
        subnet_id=str(state.instance.subnet_id),
        launched_at=getattr(state, "launched_at", 0.0),
        protected=bool(state.protected_from_scale_in),
    )


def _suspended(group: FakeAutoScalingGroup, process: str) -> bool:
    return process in group._suspended_processes


def _retains(group: FakeAutoScalingGroup) -> bool:
    policy = getattr(group, "instance_lifecycle_policy", None) or {}
    return policy.get("RetentionTriggers", {}).get("TerminateHookAbandon") == "retain"
