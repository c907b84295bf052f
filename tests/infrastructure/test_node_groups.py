"""Launch templates and Auto Scaling groups: what the first instance meets, and what no instance may have."""

import json

import pytest

from cdk_app.image import IMAGES, parameter_of
from cdk_app.node_group import room_for_one_more
from lambdas.domain import names
from lambdas.domain.config import ServerGroup
from tests.infrastructure.template import Template


def test_hooks_are_in_the_group_itself(template: Template) -> None:
    """As resources of their own they would come after the group, and its first instances would miss them."""
    assert "AWS::AutoScaling::LifecycleHook" not in {one["Type"] for one in template.content["Resources"].values()}
    for group in template.config.groups:
        hooks = template.autoscaling_group(group.name)["Properties"]["LifecycleHookSpecificationList"]
        assert {(hook["LifecycleHookName"], hook["LifecycleTransition"]) for hook in hooks} == {
            (names.LAUNCH_HOOK, "autoscaling:EC2_INSTANCE_LAUNCHING"),
            (names.TERMINATE_HOOK, "autoscaling:EC2_INSTANCE_TERMINATING"),
        }
        assert {hook["DefaultResult"] for hook in hooks} == {"ABANDON"}


def test_sizes_are_bounds_and_never_a_desired_capacity(template: Template) -> None:
    for group in template.config.groups:
        properties = template.autoscaling_group(group.name)["Properties"]
        minimum = group.size if isinstance(group, ServerGroup) else group.minimum
        assert (properties["MinSize"], properties["MaxSize"]) == (str(minimum), str(group.maximum))
        assert "DesiredCapacity" not in properties


def test_only_servers_are_retained(template: Template) -> None:
    for group in template.config.groups:
        policy = template.autoscaling_group(group.name)["Properties"].get("InstanceLifecyclePolicy")
        expected = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}} if isinstance(group, ServerGroup) else None
        assert policy == expected


@pytest.mark.parametrize(("size", "percentage"), [(0, 200), (1, 200), (2, 150), (3, 134), (5, 120), (7, 115)])
def test_there_is_room_for_one_more(size: int, percentage: int) -> None:
    assert room_for_one_more(size) == percentage
    assert size * percentage // 100 >= size + (1 if size else 0)


def test_the_group_waits_for_everything_its_first_instance_needs(template: Template) -> None:
    kinds = {
        "AWS::Events::Rule",
        "AWS::StepFunctions::StateMachine",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::CloudFormation::Stack",  # of the documents
        "AWS::SSM::Parameter",
        "AWS::SecretsManager::Secret",
        "AWS::EC2::SecurityGroupIngress",
    }
    needed = {name for kind in kinds for name in template.of(kind)}
    last, _ = template.one("AWS::SSM::Parameter")
    waits_for = {last, *template.content["Resources"][last]["DependsOn"]}
    assert needed <= waits_for
    for group in template.config.groups:
        assert template.autoscaling_group(group.name)["DependsOn"] == [last]
        role = template.role_of_group(group.name)
        policies = {
            name
            for name, policy in template.of("AWS::IAM::Policy").items()
            if {"Ref": role} in policy["Properties"]["Roles"]
        }
        assert policies
        assert policies <= waits_for


def test_instances_have_imdsv2_out_of_containers_reach_and_encrypted_disks(template: Template) -> None:
    for group in template.config.groups:
        data = template.launch_template(group.name)
        assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
        (disk,) = data["BlockDeviceMappings"]
        assert disk["DeviceName"] == IMAGES[template.config.system].root_device
        assert disk["Ebs"] == {
            "Encrypted": True,
            "VolumeType": "gp3",
            "VolumeSize": group.volume_gib,
            "DeleteOnTermination": True,
        }
        assert data["InstanceType"] == group.instance_type
        assert "KeyName" not in data


def test_images_are_the_publishers_latest(template: Template) -> None:
    wanted = parameter_of(template.config.system, template.config.architecture)
    for group in template.config.groups:
        parameter = template.content["Parameters"][template.launch_template(group.name)["ImageId"]["Ref"]]
        assert parameter == {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": wanted}


@pytest.mark.parametrize(
    ("system", "architecture", "name"),
    [
        ("debian_12", "arm64", "/aws/service/debian/release/12/latest/arm64"),
        ("debian_12", "amd64", "/aws/service/debian/release/12/latest/amd64"),
        (
            "ubuntu_24_04",
            "amd64",
            "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
        ),
        ("amazon_linux_2023", "amd64", "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"),
        ("amazon_linux_2023", "arm64", "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"),
    ],
)
def test_publishers_spell_architectures_their_way(system: str, architecture: str, name: str) -> None:
    assert parameter_of(system, architecture) == name  # type: ignore[arg-type]


def test_user_data_installs_an_agent_and_tells_nothing(template: Template) -> None:
    """It is plain text without a reference: whatever the stack knows, it cannot have got in."""
    for group in template.config.groups:
        script = template.launch_template(group.name)["UserData"]["Fn::Base64"]
        assert isinstance(script, str), json.dumps(script)
        assert template.config.name not in script
        assert ("amazon-ssm-agent" in script) == (template.config.system == "debian_12")
        if template.config.system != "debian_12":
            assert script == "#!/usr/bin/env bash\n"


def test_tags_reach_instances(template: Template) -> None:
    cluster = template.config.name
    for group in template.config.groups:
        tags = template.autoscaling_group(group.name)["Properties"]["Tags"]
        assert all(tag["PropagateAtLaunch"] for tag in tags)
        found = {tag["Key"]: tag["Value"] for tag in tags}
        assert found[names.CLUSTER_TAG] == cluster
        assert found[names.GROUP_TAG] == group.name
        serving = {key for key in found if key.startswith("quorate:serves:")}
        serves = group.serves if isinstance(group, ServerGroup) else ()
        assert serving == {names.serves_tag(product) for product in serves}
        assert template.config.tags.items() <= found.items()
