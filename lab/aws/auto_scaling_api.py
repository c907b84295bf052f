"""Auto Scaling's API: moto's operations routed to `AutoScaling`, and those that moto lacks."""

from collections.abc import Mapping
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import (
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
    TerminateInstanceActivity,
    autoscaling_backends,
)
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from lab.aws.auto_scaling import AutoScaling
from lab.aws.cloud import Cloud
from lab.aws.instance_refresh import InstanceRefreshes
from lab.aws.lifecycle_hooks import LifecycleHooks
from lab.aws.scaling_activities import ScalingActivities

POLICIES = {
    "InstanceMaintenancePolicy": "instance_maintenance_policy",
    "InstanceLifecyclePolicy": "instance_lifecycle_policy",
}


class ResourceInUseError(AutoscalingClientError):
    code = "ResourceInUse"
    message = "You cannot delete an AutoScalingGroup while there are instances in it."


class AutoScalingApi:
    def __init__(
        self, cloud: Cloud, auto_scaling: AutoScaling, hooks: LifecycleHooks, activities: ScalingActivities
    ) -> None:
        self._cloud = cloud
        self._auto_scaling = auto_scaling
        self._hooks = hooks
        self._activities = activities
        self._refreshes = InstanceRefreshes(cloud, auto_scaling)

    def install(self) -> None:
        self._install_groups()
        self._install_refreshes()
        self._install_cloud_formation()
        self._install_instances()
        self._install_hooks()

    def _install_groups(self) -> None:
        seams, scaling = self._cloud.seams, self._auto_scaling

        def create(original: Any) -> Any:
            def create_auto_scaling_group(response: AutoScalingResponse) -> ActionResult:
                name, backend = response._get_param("AutoScalingGroupName"), response.autoscaling_backend
                self._register_hooks(backend, name, response._get_params())
                result = original(response)
                self._set_policies(backend.autoscaling_groups[name], response._get_params())
                return result

            return create_auto_scaling_group

        def update(original: Any) -> Any:
            def update_auto_scaling_group(response: AutoScalingResponse) -> ActionResult:
                result = original(response)
                group = response.autoscaling_backend.autoscaling_groups[response._get_param("AutoScalingGroupName")]
                self._set_policies(group, response._get_params())
                return result

            return update_auto_scaling_group

        def set_desired(original: Any) -> Any:
            def set_desired_capacity(response: AutoScalingResponse) -> ActionResult:
                name, desired = response._get_param("AutoScalingGroupName"), response._get_int_param("DesiredCapacity")
                group = _group(response.autoscaling_backend, name)
                for limit, value, broken in (
                    ("above max", group.max_size, desired > group.max_size),
                    ("below min", group.min_size, desired < group.min_size),
                ):
                    if broken:
                        raise ValidationError(
                            f"New SetDesiredCapacity value {desired} is {limit} value {value} for the AutoScalingGroup."
                        )
                return original(response)

            return set_desired_capacity

        def resume(original: Any) -> Any:
            def resume_processes(backend: AutoScalingBackend, group_name: str, processes: list[str]) -> None:
                original(backend, group_name, processes)
                scaling.reconcile(backend.autoscaling_groups[group_name], "its processes were resumed.")

            return resume_processes

        def delete_if_forced(original: Any) -> Any:
            def delete_auto_scaling_group(response: AutoScalingResponse) -> ActionResult:
                group = _group(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
                if group.instance_states and not response._get_bool_param("ForceDelete", False):
                    raise ResourceInUseError
                return original(response)  # type: ignore[no-any-return]

            return delete_auto_scaling_group

        def delete_auto_scaling_group(backend: AutoScalingBackend, group_name: str) -> None:
            if group := backend.autoscaling_groups.get(group_name):  # CloudFormation finds it deleted, and goes on
                scaling.delete(group)
                del backend.autoscaling_groups[group_name]

        def describe_scaling_activities(response: AutoScalingResponse) -> ActionResult:
            return ActionResult({"Activities": self._activities.of_group(response._get_param("AutoScalingGroupName"))})

        seams.wrap(AutoScalingResponse, "create_auto_scaling_group", create)
        seams.wrap(AutoScalingResponse, "update_auto_scaling_group", update)
        seams.wrap(AutoScalingResponse, "set_desired_capacity", set_desired)
        seams.wrap(AutoScalingBackend, "resume_processes", resume)
        seams.wrap(AutoScalingResponse, "delete_auto_scaling_group", delete_if_forced)
        seams.replace(AutoScalingBackend, "delete_auto_scaling_group", delete_auto_scaling_group)
        seams.replace(AutoScalingResponse, "describe_scaling_activities", describe_scaling_activities)
        seams.replace(
            FakeAutoScalingGroup, "set_desired_capacity", lambda group, desired: scaling.set_desired(group, desired)
        )
        seams.replace(FakeAutoScalingGroup, "active_instances", lambda group: scaling.counted(group))

    def _install_cloud_formation(self) -> None:
        create_group = FakeAutoScalingGroup.create_from_cloudformation_json

        def create(
            cls: type, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
        ) -> FakeAutoScalingGroup:
            properties = cloudformation_json["Properties"]
            self._register_hooks(autoscaling_backends[account_id][region_name], resource_name, properties)
            group = create_group(resource_name, cloudformation_json, account_id, region_name, **more)
            self._set_policies(group, properties)
            return group

        def update(
            cls: type,
            original_resource: FakeAutoScalingGroup,
            new_resource_name: str,
            cloudformation_json: Any,
            account_id: str,
            region_name: str,
        ) -> FakeAutoScalingGroup:
            properties, group = cloudformation_json["Properties"], original_resource
            self._register_hooks(group.autoscaling_backend, group.name, properties)
            self._set_policies(group, properties)
            group.tags = properties.get("Tags", [])
            desired = properties.get("DesiredCapacity")
            smallest, largest = int(properties["MinSize"]), int(properties["MaxSize"])
            group.update(
                availability_zones=[],
                desired_capacity=int(desired)
                if desired is not None
                else min(max(group.desired_capacity or 0, smallest), largest),
                max_size=largest,
                min_size=smallest,
                launch_config_name="",
                launch_template=properties.get("LaunchTemplate", {}),
                vpc_zone_identifier=",".join(properties.get("VPCZoneIdentifier", [])),
                health_check_period=properties.get("HealthCheckGracePeriod"),
                health_check_type=properties.get("HealthCheckType"),
            )
            return group

        seams = self._cloud.seams
        seams.replace(FakeAutoScalingGroup, "create_from_cloudformation_json", classmethod(create))
        seams.replace(FakeAutoScalingGroup, "update_from_cloudformation_json", classmethod(update))

    def _install_instances(self) -> None:
        seams, scaling = self._cloud.seams, self._auto_scaling

        def terminate_instance(
            backend: AutoScalingBackend, instance_id: str, should_decrement: bool
        ) -> TerminateInstanceActivity:
            group, state = _managed(backend, instance_id)
            capacity = int(group.desired_capacity or 0)
            if should_decrement:
                group.desired_capacity = capacity - 1
            activity = TerminateInstanceActivity(state.instance, capacity)
            scaling.terminate(group, state, "taken out of service in response to a user request.")
            scaling.reconcile(group, "an instance was launched in place of one that a user terminated.")
            return activity

        def notify_terminate_instances(backend: AutoScalingBackend, instance_ids: list[str]) -> None:
            """EC2 terminated instances behind the group's back; their hooks run although they are gone."""
            for group in list(backend.autoscaling_groups.values()):
                for state in [s for s in group.instance_states if s.instance_id in instance_ids]:
                    scaling.replace_unhealthy(group, state, gone=True)

        def set_instance_health(backend: AutoScalingBackend, instance_id: str, health_status: str) -> None:
            group, state = _managed(backend, instance_id)
            state.health_status = health_status
            if health_status == "Unhealthy":
                scaling.replace_unhealthy(group, state, gone=False)

        seams.replace(AutoScalingBackend, "terminate_instance", terminate_instance)
        seams.replace(AutoScalingBackend, "notify_terminate_instances", notify_terminate_instances)
        seams.replace(AutoScalingBackend, "set_instance_health", set_instance_health)

    def _install_refreshes(self) -> None:
        seams, refreshes = self._cloud.seams, self._refreshes

        def group_of(response: AutoScalingResponse) -> FakeAutoScalingGroup:
            return _group(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))

        def start_instance_refresh(response: AutoScalingResponse) -> ActionResult:
            preferences = response._get_params().get("Preferences") or {}
            return ActionResult({"InstanceRefreshId": refreshes.start(group_of(response), preferences).refresh_id})

        def describe_instance_refreshes(response: AutoScalingResponse) -> ActionResult:
            wanted = response._get_params().get("InstanceRefreshIds")
            found = refreshes.of_group(group_of(response).name)
            return ActionResult(
                {"InstanceRefreshes": [one.described() for one in found if not wanted or one.refresh_id in wanted]}
            )

        def cancel_instance_refresh(response: AutoScalingResponse) -> ActionResult:
            return ActionResult({"InstanceRefreshId": refreshes.cancel(group_of(response)).refresh_id})

        for operation in (start_instance_refresh, describe_instance_refreshes, cancel_instance_refresh):
            seams.add(AutoScalingResponse, operation.__name__, operation)

    def _install_hooks(self) -> None:
        seams, hooks = self._cloud.seams, self._hooks

        def put_lifecycle_hook(response: AutoScalingResponse) -> ActionResult:
            params = response._get_params()
            hooks.register(response.autoscaling_backend, params["AutoScalingGroupName"], params)
            return EmptyResult()

        def found(response: AutoScalingResponse) -> Any:
            get = response._get_param
            return hooks.find(
                get("AutoScalingGroupName"),
                get("LifecycleHookName"),
                get("LifecycleActionToken"),
                get("InstanceId"),
            )

        def complete_lifecycle_action(response: AutoScalingResponse) -> ActionResult:
            hooks.complete(found(response), response._get_param("LifecycleActionResult"))
            return EmptyResult()

        def record_lifecycle_action_heartbeat(response: AutoScalingResponse) -> ActionResult:
            hooks.heartbeat(found(response))
            return EmptyResult()

        seams.replace(AutoScalingResponse, "put_lifecycle_hook", put_lifecycle_hook)
        # moto looks an operation up by its method's name: a method added is an operation added.
        seams.add(AutoScalingResponse, "complete_lifecycle_action", complete_lifecycle_action)
        seams.add(AutoScalingResponse, "record_lifecycle_action_heartbeat", record_lifecycle_action_heartbeat)

    def _register_hooks(self, backend: AutoScalingBackend, group_name: str, properties: Mapping[str, Any]) -> None:
        """Inline hooks exist before the group's first instance."""
        for specification in properties.get("LifecycleHookSpecificationList") or ():
            self._hooks.register(backend, group_name, specification)

    def _set_policies(self, group: FakeAutoScalingGroup, properties: Mapping[str, Any]) -> None:
        for property_name, attribute in POLICIES.items():
            if property_name in properties:
                setattr(group, attribute, properties[property_name])


def _group(backend: AutoScalingBackend, name: str) -> FakeAutoScalingGroup:
    if name not in backend.autoscaling_groups:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return backend.autoscaling_groups[name]


def _managed(backend: AutoScalingBackend, instance_id: str) -> tuple[FakeAutoScalingGroup, InstanceState]:
    for group in backend.autoscaling_groups.values():
        for state in group.instance_states:
            if state.instance_id == instance_id:
                return group, state
    raise ValidationError(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")
