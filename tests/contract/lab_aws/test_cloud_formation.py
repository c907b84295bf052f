"""Stacks: the types that moto lacks, refusals, updates and deletion."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws import EmbeddedAws
from tests.contract.lab_aws.template import DOCUMENT, STACK, group, hook, network, small_application, write_assembly

ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Principal": "*", "Resource": "*"}]}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def deploy(aws: EmbeddedAws, directory: Path, resources: dict[str, Any], **outputs: Any) -> dict[str, str]:
    template = {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in outputs.items()}}
    return aws.deploy(write_assembly(directory, template), STACK)


def test_secrets_are_generated_given_or_empty(aws: EmbeddedAws, tmp_path: Path) -> None:
    generate = {"SecretStringTemplate": '{"user": "x"}', "GenerateStringKey": "password", "PasswordLength": 20}
    outputs = deploy(
        aws,
        tmp_path,
        {
            "Generated": resource("SecretsManager::Secret", Name="generated", GenerateSecretString=generate),
            "Given": resource("SecretsManager::Secret", Name="given", SecretString="text"),
            "Empty": resource("SecretsManager::Secret", Name="empty"),
        },
        EmptyArn={"Ref": "Empty"},
    )
    api = aws.client("secretsmanager")
    made = json.loads(api.get_secret_value(SecretId="generated")["SecretString"])
    assert made["user"] == "x"
    assert len(made["password"]) == 20
    assert api.get_secret_value(SecretId="given")["SecretString"] == "text"
    with pytest.raises(ClientError) as error:
        api.get_secret_value(SecretId=outputs["EmptyArn"])
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_version_of_a_secret_is_written_once(aws: EmbeddedAws) -> None:
    api = aws.client("secretsmanager")
    api.create_secret(Name="once")
    token = "0" * 31 + "1"
    for _ in range(2):  # the same content again is fine
        api.put_secret_value(SecretId="once", SecretString="first", ClientRequestToken=token)
    with pytest.raises(ClientError) as error:
        api.put_secret_value(SecretId="once", SecretString="second", ClientRequestToken=token)
    assert error.value.response["Error"]["Code"] == "ResourceExistsException"
    assert api.get_secret_value(SecretId="once")["SecretString"] == "first"


def test_hooks_alarms_policies_and_subscriptions_exist(aws: EmbeddedAws, tmp_path: Path) -> None:
    topic, queue, bucket = {"Ref": "Topic"}, {"Ref": "Queue"}, {"Ref": "Bucket"}
    alarm = {"Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": "60", "EvaluationPeriods": "1"}
    alarm |= {"Threshold": "1", "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": [topic]}
    endpoint = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]}}
    separate = {"AutoScalingGroupName": {"Ref": "Group"}, "HeartbeatTimeout": "600"}
    separate |= {"LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "NotificationMetadata": "kind"}
    egress = {"GroupId": {"Fn::GetAtt": ["Security", "GroupId"]}, "IpProtocol": "tcp", "CidrIp": "10.0.0.0/8"}
    outputs = deploy(
        aws,
        tmp_path,
        network()
        | {
            "Topic": resource("SNS::Topic"),
            "Queue": resource("SQS::Queue", QueueName="q"),
            "Bucket": resource("S3::Bucket", BucketName="bucket"),
            "Alarm": resource("CloudWatch::Alarm", AlarmName="alarm", **alarm),
            "QueuePolicy": resource("SQS::QueuePolicy", Queues=[queue], PolicyDocument=ALLOW),
            "TopicPolicy": resource("SNS::TopicPolicy", Topics=[topic], PolicyDocument=ALLOW),
            "BucketPolicy": resource("S3::BucketPolicy", Bucket=bucket, PolicyDocument=ALLOW),
            "Subscription": resource("SNS::Subscription", **endpoint),
            "Group": group("group", []),
            "Hook": resource("AutoScaling::LifecycleHook", LifecycleHookName="leave", **separate),
            "Security": resource("EC2::SecurityGroup", GroupDescription="d", VpcId={"Ref": "Vpc"}),
            "Egress": resource("EC2::SecurityGroupEgress", FromPort=443, ToPort=443, **egress),
            "Metadata": resource("CDK::Metadata", Analytics="x"),
        },
        AlarmArn={"Fn::GetAtt": ["Alarm", "Arn"]},
    )
    assert outputs["AlarmArn"].endswith(":alarm:alarm")
    [made] = aws.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName="group")["LifecycleHooks"]
    assert (made["LifecycleHookName"], made["HeartbeatTimeout"]) == ("leave", 600)
    assert json.loads(aws.client("s3").get_bucket_policy(Bucket="bucket")["Policy"]) == ALLOW
    assert len(aws.client("sns").list_subscriptions()["Subscriptions"]) == 1


def test_an_unsupported_type_is_refused_by_name(aws: EmbeddedAws, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"Pool \(AWS::Cognito::Nothing\), Wall \(AWS::WAFv2::Nothing\)"):
        deploy(aws, tmp_path, {"Wall": resource("WAFv2::Nothing"), "Pool": resource("Cognito::Nothing")})


def test_assets_are_published_to_the_bootstrap_bucket(aws: EmbeddedAws, tmp_path: Path) -> None:
    (tmp_path / "asset.code").mkdir()
    (tmp_path / "asset.code" / "index.py").write_text("pass\n")
    bucket = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
    destination = {"bucketName": bucket, "objectKey": "code.zip", "region": "${AWS::Region}"}
    source = {"path": "asset.code", "packaging": "zip"}
    manifest = {"files": {"x": {"source": source, "destinations": {"current": destination}}}}
    (tmp_path / f"{STACK}.assets.json").write_text(json.dumps(manifest))
    deploy(aws, tmp_path, {"Topic": resource("SNS::Topic")})
    filled = f"cdk-hnb659fds-assets-{aws.account}-{aws.region}"
    body = aws.client("s3").get_object(Bucket=filled, Key="code.zip")["Body"].read()
    assert body.startswith(b"PK")


def test_a_second_deployment_changes_what_is_there(aws: EmbeddedAws, tmp_path: Path) -> None:
    template = small_application()
    aws.deploy(write_assembly(tmp_path, template), STACK)
    scaling = aws.client("autoscaling")
    scaling.set_desired_capacity(AutoScalingGroupName="small", DesiredCapacity=2)
    assert aws.drain(20)
    before = {i["InstanceId"] for i in scaling.describe_auto_scaling_instances()["AutoScalingInstances"]}
    properties = template["Resources"]["Group"]["Properties"]
    properties |= {"MaxSize": "5", "LifecycleHookSpecificationList": [hook("launch", "LAUNCHING", HeartbeatTimeout=60)]}
    template["Resources"]["Document"]["Properties"]["Content"]["description"] = "changed"
    template["Resources"]["Secret"] = resource("SecretsManager::Secret", Name="new", SecretString="x")
    aws.deploy(write_assembly(tmp_path, template), STACK)
    assert aws.drain(20)
    [found] = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert (found["MaxSize"], found["DesiredCapacity"]) == (5, 2)
    assert {i["InstanceId"] for i in found["Instances"]} == before
    content = aws.client("ssm").get_document(Name="small-greet")["Content"]
    assert json.loads(content)["description"] == "changed"
    assert aws.client("secretsmanager").get_secret_value(SecretId="new")["SecretString"] == "x"


def test_a_deleted_stack_leaves_nothing(application: EmbeddedAws) -> None:
    scaling = application.client("autoscaling")
    scaling.set_desired_capacity(AutoScalingGroupName="small", DesiredCapacity=1)
    assert application.drain(20)
    application.client("cloudformation").delete_stack(StackName=STACK)
    assert application.drain(20)
    assert scaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert application.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert application.client("lambda").list_functions()["Functions"] == []
    assert application.client("events").list_rules()["Rules"] == []
    reservations = application.client("ec2").describe_instances()["Reservations"]
    assert {i["State"]["Name"] for r in reservations for i in r["Instances"]} == {"terminated"}


def test_what_a_template_retains_stays(aws: EmbeddedAws, tmp_path: Path) -> None:
    kept = resource("SecretsManager::Secret", Name="kept", SecretString="x") | {
        "DeletionPolicy": "RetainExceptOnCreate"
    }
    deploy(aws, tmp_path, {"Kept": kept, "Gone": resource("SecretsManager::Secret", Name="gone", SecretString="x")})
    aws.client("cloudformation").delete_stack(StackName=STACK)
    assert [secret["Name"] for secret in aws.client("secretsmanager").list_secrets()["SecretList"]] == ["kept"]


def test_a_network_with_everything_in_it_can_be_deleted(aws: EmbeddedAws, tmp_path: Path) -> None:
    vpc = {"VpcId": {"Ref": "Vpc"}}
    table, group_id = {"RouteTableId": {"Ref": "Table"}}, {"Fn::GetAtt": ["Security", "GroupId"]}
    rule = {"GroupId": group_id, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Description": "d"}
    endpoint = {"ServiceName": "com.amazonaws.eu-west-1.s3", "RouteTableIds": [{"Ref": "Table"}], **vpc}
    deploy(
        aws,
        tmp_path,
        network()
        | {
            "Table": resource("EC2::RouteTable", **vpc),
            "Association": resource("EC2::SubnetRouteTableAssociation", SubnetId={"Ref": "SubnetA"}, **table),
            "Endpoint": resource("EC2::VPCEndpoint", VpcEndpointType="Gateway", **endpoint),
            "Security": resource("EC2::SecurityGroup", GroupDescription="d", **vpc),
            "FromNetwork": resource("EC2::SecurityGroupIngress", CidrIp="10.0.0.0/8", **rule),
            "FromItself": resource("EC2::SecurityGroupIngress", SourceSecurityGroupId=group_id, **rule),
        },
    )
    ec2 = aws.client("ec2")
    before = len(ec2.describe_vpcs()["Vpcs"])
    aws.client("cloudformation").delete_stack(StackName=STACK)
    assert len(ec2.describe_vpcs()["Vpcs"]) == before - 1


def test_a_change_that_cannot_be_made_is_refused_by_name(aws: EmbeddedAws, tmp_path: Path) -> None:
    log = resource("Logs::LogGroup", LogGroupName="log", RetentionInDays=1)
    deploy(aws, tmp_path, {"Log": log})
    log["Properties"]["RetentionInDays"] = 3
    with pytest.raises(ClientError, match=r"cannot change Log \(AWS::Logs::LogGroup\)"):
        deploy(aws, tmp_path, {"Log": log})


def assembly_with_nested(directory: Path, nested: dict[str, Any], **beside: Any) -> Path:
    """What the CDK makes of a stack in a stack: the inner template is an asset, named by its content."""
    content = json.dumps({"Resources": nested})
    key = f"{hashlib.sha256(content.encode()).hexdigest()}.json"
    (directory / "inner.nested.template.json").write_text(content)
    bucket = "cdk-hnb659fds-assets-${AWS::AccountId}-eu-west-1"
    asset = {
        "source": {"path": "inner.nested.template.json", "packaging": "file"},
        "destinations": {"current": {"bucketName": bucket, "objectKey": key, "region": "eu-west-1"}},
    }
    (directory / f"{STACK}.assets.json").write_text(json.dumps({"files": {key: asset}}))
    url = ["https://s3.eu-west-1.", {"Ref": "AWS::URLSuffix"}, "/", {"Fn::Sub": bucket}, f"/{key}"]
    inner = resource("CloudFormation::Stack", TemplateURL={"Fn::Join": ["", url]}) | {"DeletionPolicy": "Delete"}
    return write_assembly(directory, {"Resources": {"Inner": inner, **beside}})


def document(text: str) -> dict[str, Any]:
    return resource("SSM::Document", Name="greet", Content=DOCUMENT | {"description": text}, UpdateMethod="NewVersion")


def test_a_stack_in_a_stack_is_made_changed_in_place_and_deleted(aws: EmbeddedAws, tmp_path: Path) -> None:
    ssm, stacks = aws.client("ssm"), aws.client("cloudformation")
    kept = resource("SecretsManager::Secret", Name="kept", SecretString="x")
    aws.deploy(assembly_with_nested(tmp_path, {"Greet": document("first"), "Kept": kept}), STACK)
    before = aws.client("secretsmanager").describe_secret(SecretId="kept")["ARN"]

    topic = resource("SNS::Topic", TopicName="new")
    aws.deploy(assembly_with_nested(tmp_path, {"Greet": document("second"), "Kept": kept, "New": topic}), STACK)
    assert json.loads(ssm.get_document(Name="greet")["Content"])["description"] == "second"
    assert aws.client("secretsmanager").describe_secret(SecretId="kept")["ARN"] == before
    assert len(aws.client("sns").list_topics()["Topics"]) == 1
    assert len(stacks.describe_stacks()["Stacks"]) == 2

    stacks.delete_stack(StackName=STACK)
    assert stacks.describe_stacks()["Stacks"] == []
    assert "greet" not in {one["Name"] for one in ssm.list_documents()["DocumentIdentifiers"]}


def test_what_a_stack_in_a_stack_cannot_have_is_refused_by_name(aws: EmbeddedAws, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"Wall \(AWS::WAFv2::Nothing\)"):
        aws.deploy(assembly_with_nested(tmp_path, {"Wall": resource("WAFv2::Nothing")}), STACK)
