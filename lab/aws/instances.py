"""EC2 instances: what RunInstances decided becomes a machine of the hosts, and its end ends the machine.

moto's instances are `running` the moment they exist. Here they are `pending` until the machine has booted, and every
change of state is an event, as on AWS.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from moto.core.types import Base64EncodedString
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.iam.models import iam_backends

from lab.aws.cloud import Cloud
from lab.aws.event_bridge import EventBridge
from lab.hosts.seam import Machine

STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48}

InstanceListener = Callable[[Instance], None]


class Instances:
    """`when_running` and `when_boot_failed` tell the owner of the instance (its Auto Scaling group) how boot ended."""

    def __init__(self, cloud: Cloud, event_bridge: EventBridge) -> None:
        self._cloud = cloud
        self._event_bridge = event_bridge
        self.when_running: InstanceListener = lambda instance: None
        self.when_boot_failed: Callable[[Instance, Exception], None] = lambda instance, error: None

    def install(self) -> None:
        instances = self

        def booting(run_instances: Any) -> Any:
            def run(backend: InstanceBackend, image_id: str, count: int, *arguments: Any, **options: Any) -> Any:
                if template := options.get("launch_template"):
                    data = backend._get_template_from_args(template).data
                    options |= instances._from_launch_template(data, options)
                reservation = run_instances(backend, image_id, count, *arguments, **options)
                for instance in reservation.instances:
                    instances._set_state(instance, "pending")
                    instances._cloud.background.go(instances._boot, instance)
                return reservation

            return run

        def ending(terminate: Any) -> Any:
            def end(instance: Instance) -> Any:
                if instance.state == "terminated":
                    return terminate(instance)
                instances._emit_state(instance, "shutting-down")
                previous = terminate(instance)
                instances._cloud.background.go(instances._power_off, instance)
                return previous

            return end

        self._cloud.seams.wrap(InstanceBackend, "run_instances", booting)
        self._cloud.seams.wrap(Instance, "terminate", ending)

    def machine(self, instance: Instance) -> Machine:
        backend = instance.ec2_backend
        subnet = backend.get_subnet(instance.subnet_id)
        group = getattr(instance, "autoscaling_group", None)
        profile = self._instance_profile(instance)
        return Machine(
            instance_id=instance.id,
            private_ip=str(instance.private_ip),
            subnet_cidr=subnet.cidr_block,
            vpc_cidr=backend.get_vpc(subnet.vpc_id).cidr_block,
            region=self._cloud.region,
            availability_zone=str(instance.availability_zone),
            instance_type=instance.instance_type,
            image_id=instance.image_id,
            user_data=_decoded(instance.user_data),
            instance_profile_arn=profile.arn if profile else None,
            role_name=profile.roles[0].name if profile and profile.roles else None,
            autoscaling_group=group.name if group else None,
            tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
        )

    def _boot(self, instance: Instance) -> None:
        with self._cloud.lock:
            if instance.state != "pending":
                return
            machine = self.machine(instance)
        try:
            self._cloud.hosts.boot(machine)
        except Exception as error:
            self.when_boot_failed(instance, error)
            raise
        with self._cloud.lock:
            if instance.state != "pending":  # terminated while it booted
                self._cloud.background.go(self._power_off, instance)
                return
            self._set_state(instance, "running")
        self.when_running(instance)

    def _power_off(self, instance: Instance) -> None:
        self._cloud.hosts.terminate(instance.id)
        self._emit_state(instance, "terminated")

    def _set_state(self, instance: Instance, state: str) -> None:
        instance._state.name, instance._state.code = state, STATE_CODES[state]
        self._emit_state(instance, state)

    def _emit_state(self, instance: Instance, state: str) -> None:
        self._event_bridge.emit(
            "aws.ec2",
            "EC2 Instance State-change Notification",
            {"instance-id": instance.id, "state": state},
            [self._cloud.arn("ec2", f"instance/{instance.id}")],
        )

    def _instance_profile(self, instance: Instance) -> Any:
        reference = instance.iam_instance_profile
        return self._profile_named(reference["Arn"]) if reference else None

    def _profile_named(self, name_or_arn: str) -> Any:
        return iam_backends[self._cloud.account]["aws"].get_instance_profile(name_or_arn.rsplit("/", 1)[-1])

    def _from_launch_template(self, data: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        """What moto forgets to carry from a launch template to the instance."""
        more: dict[str, Any] = {}
        if "MetadataOptions" in data and not options.get("metadata_options"):
            more["metadata_options"] = data["MetadataOptions"]
        reference = data.get("IamInstanceProfile")
        if reference and not options.get("iam_instance_profile"):
            profile = self._profile_named(reference.get("Arn") or reference["Name"])
            more["iam_instance_profile"] = {"Arn": profile.arn, "Id": profile.id}
        return more


def _decoded(user_data: Base64EncodedString | bytes | str | None) -> str:
    if not user_data:
        return ""
    if isinstance(user_data, Base64EncodedString):
        return user_data.decode()
    raw = user_data if isinstance(user_data, bytes) else user_data.encode()
    try:
        return base64.b64decode(raw, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return raw.decode()
