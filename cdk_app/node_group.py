"""A node group: launch template and Auto Scaling group, with hooks that the very first instance meets."""

from math import ceil

from aws_cdk import Tags
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_app.image import IMAGES, parameter_of, user_data_of
from cdk_app.nag import acknowledge
from lambdas.domain import names
from lambdas.domain.config import ClientPool, ClusterConfig, ServerGroup

HEARTBEAT_SECONDS = 1800
"""Silence after which Auto Scaling gives the hook's default answer; the flows keep the action open while they wait."""


Group = ServerGroup | ClientPool


class NodeGroup(Construct):
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: ClusterConfig,
        group: Group,
        subnet_ids: list[str],
        security_groups: list[ec2.ISecurityGroup],
        role: iam.IRole,
    ) -> None:
        super().__init__(scope, id)
        self._config = config
        self._group = group
        template = self._launch_template(security_groups, role)
        minimum = group.size if isinstance(group, ServerGroup) else group.minimum
        # No desired capacity: with one, every deployment would set it back. See docs/decisions/0011.
        self.autoscaling_group = autoscaling.CfnAutoScalingGroup(
            self,
            "Group",
            auto_scaling_group_name=names.autoscaling_group(config.name, group.name),
            min_size=str(minimum),
            max_size=str(group.maximum),
            vpc_zone_identifier=subnet_ids,
            launch_template=autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty(
                launch_template_id=template.launch_template_id, version=template.latest_version_number
            ),
            lifecycle_hook_specification_list=[
                self._hook(names.LAUNCH_HOOK, "autoscaling:EC2_INSTANCE_LAUNCHING"),
                self._hook(names.TERMINATE_HOOK, "autoscaling:EC2_INSTANCE_TERMINATING"),
            ],
            instance_lifecycle_policy=self._lifecycle_policy(),
            instance_maintenance_policy=autoscaling.CfnAutoScalingGroup.InstanceMaintenancePolicyProperty(
                min_healthy_percentage=100, max_healthy_percentage=room_for_one_more(minimum)
            ),
            termination_policies=["OldestLaunchTemplate", "OldestInstance"],
            health_check_type="EC2",
            health_check_grace_period=0,  # it starts at InService, and a node is a member by then
        )
        for key, value in self._tags().items():
            Tags.of(self).add(key, value)
        acknowledge(
            self,
            "AwsSolutions-AS3",
            "Every launch and goodbye is an execution with its reason; alarms ring for those that fail",
        )

    def _launch_template(self, security_groups: list[ec2.ISecurityGroup], role: iam.IRole) -> ec2.LaunchTemplate:
        config, group = self._config, self._group
        template = ec2.LaunchTemplate(
            self,
            "Template",
            instance_type=ec2.InstanceType(group.instance_type),
            machine_image=ec2.MachineImage.from_ssm_parameter(parameter_of(config.system, config.architecture)),
            user_data=user_data_of(config),
            role=role,
            security_group=security_groups[0],
            require_imdsv2=True,
            http_put_response_hop_limit=1,  # a container is one hop further and gets no credentials of the node
            block_devices=[
                ec2.BlockDevice(
                    device_name=IMAGES[config.system].root_device,
                    volume=ec2.BlockDeviceVolume.ebs(
                        group.volume_gib,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        encrypted=True,
                        delete_on_termination=True,
                    ),
                )
            ],
        )
        for membership in security_groups[1:]:
            template.add_security_group(membership)
        return template

    def _hook(self, name: str, transition: str) -> autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty:
        return autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty(
            lifecycle_hook_name=name,
            lifecycle_transition=transition,
            default_result="ABANDON",
            heartbeat_timeout=HEARTBEAT_SECONDS,
        )

    def _lifecycle_policy(self) -> autoscaling.CfnAutoScalingGroup.InstanceLifecyclePolicyProperty | None:
        """A server whose goodbye was not shown to be safe lives on; a client holds no vote and may always go."""
        if isinstance(self._group, ClientPool):
            return None
        return autoscaling.CfnAutoScalingGroup.InstanceLifecyclePolicyProperty(
            retention_triggers=autoscaling.CfnAutoScalingGroup.RetentionTriggersProperty(
                terminate_hook_abandon="retain"
            )
        )

    def _tags(self) -> dict[str, str]:
        cluster, group = self._config.name, self._group
        serves = group.serves if isinstance(group, ServerGroup) else ()
        return {
            "Name": f"{cluster}-{group.name}",
            names.CLUSTER_TAG: cluster,
            names.GROUP_TAG: group.name,
            **{names.serves_tag(product): cluster for product in serves},
        }


def room_for_one_more(size: int) -> int:
    """Percentage of `size` that one instance more is: Auto Scaling takes 100 to 200 (InstanceMaintenancePolicy)."""
    return min(200, ceil(100 * (size + 1) / size)) if size else 200
