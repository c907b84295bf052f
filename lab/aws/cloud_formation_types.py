"""CloudFormation resource types that moto lacks, each over the service's own API."""

import json
from collections.abc import Mapping
from typing import Any

from moto.core.common_models import CloudFormationModel

from lab.aws.cloud_formation_resource import ApiResource, Properties, numbers, without


class Secret(ApiResource, CloudFormationModel):
    cfn_type, name_property, service = "AWS::SecretsManager::Secret", "Name", "secretsmanager"

    @classmethod
    def create(cls, api: Any, name: str, properties: Properties) -> str:
        value = _secret_value(api, properties)
        more = {key: properties[key] for key in ("Description", "KmsKeyId", "Tags") if key in properties}
        if value is not None:
            more["SecretString"] = value
        return str(api.create_secret(Name=name, **more)["ARN"])

    def change(self, api: Any, properties: Properties) -> None:
        more = {key: properties[key] for key in ("Description", "KmsKeyId") if key in properties}
        if "SecretString" in properties:
            more["SecretString"] = properties["SecretString"]
        api.update_secret(SecretId=self.ref, **more)

    def remove(self, api: Any) -> None:
        api.delete_secret(SecretId=self.ref, ForceDeleteWithoutRecovery=True)

    def attributes(self) -> Mapping[str, str]:
        return {"Id": self.ref}


def _secret_value(api: Any, properties: Properties) -> str | None:
    """None makes a secret that has no value yet."""
    if "SecretString" in properties:
        return str(properties["SecretString"])
    generate = properties.get("GenerateSecretString")
    if generate is None:
        return None
    switches = ("ExcludePunctuation", "ExcludeNumbers", "ExcludeUppercase", "ExcludeLowercase", "IncludeSpace")
    options: dict[str, Any] = {key: str(generate[key]).lower() == "true" for key in switches if key in generate}
    if "ExcludeCharacters" in generate:
        options["ExcludeCharacters"] = generate["ExcludeCharacters"]
    length = int(generate.get("PasswordLength", 32))
    password = str(api.get_random_password(PasswordLength=length, **options)["RandomPassword"])
    template = generate.get("SecretStringTemplate")
    return json.dumps({**json.loads(template), generate["GenerateStringKey"]: password}) if template else password


class LifecycleHook(ApiResource, CloudFormationModel):
    cfn_type, name_property, service = "AWS::AutoScaling::LifecycleHook", "LifecycleHookName", "autoscaling"

    @classmethod
    def create(cls, api: Any, name: str, properties: Properties) -> str:
        api.put_lifecycle_hook(**{**numbers(properties, HeartbeatTimeout=int), "LifecycleHookName": name})
        return name

    def change(self, api: Any, properties: Properties) -> None:
        self.create(api, self.ref, properties)

    def remove(self, api: Any) -> None:
        api.delete_lifecycle_hook(
            LifecycleHookName=self.ref, AutoScalingGroupName=self.properties["AutoScalingGroupName"]
        )


class Alarm(ApiResource, CloudFormationModel):
    cfn_type, name_property, service = "AWS::CloudWatch::Alarm", "AlarmName", "cloudwatch"

    @classmethod
    def create(cls, api: Any, name: str, properties: Properties) -> str:
        wanted = numbers(properties, Period=int, EvaluationPeriods=int, DatapointsToAlarm=int, Threshold=float)
        api.put_metric_alarm(**{**wanted, "AlarmName": name})
        return name

    def change(self, api: Any, properties: Properties) -> None:
        self.create(api, self.ref, properties)

    def remove(self, api: Any) -> None:
        api.delete_alarms(AlarmNames=[self.ref])

    def attributes(self) -> Mapping[str, str]:
        api = self._api(self.region)
        return {"Arn": api.describe_alarms(AlarmNames=[self.ref])["MetricAlarms"][0]["AlarmArn"]}


class QueuePolicy(ApiResource, CloudFormationModel):
    cfn_type, service = "AWS::SQS::QueuePolicy", "sqs"

    @classmethod
    def create(cls, api: Any, name: str, properties: Properties) -> str:
        for queue_url in properties["Queues"]:
            policy = json.dumps(properties["PolicyDocument"])
            api.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
        return name

    def change(self, api: Any, properties: Properties) -> None:
        self.create(api, self.ref, properties)


class TopicPolicy(ApiResource, CloudFormationModel):
    cfn_type, service = "AWS::SNS::TopicPolicy", "sns"

    @classmethod
    def create(cls, api: Any, name: str, properties: Properties) -> str:
        for topic_arn in properties["Topics"]:
            policy = json.dumps(properties["PolicyDocument"])
            api.set_topic_attributes(TopicArn=topic_arn, AttributeName="Policy", AttributeValue=policy)
        return name

    def change(self, api: Any, properties: Properties) -> None:
        self.create(api, self.ref, properties)


class Subscription(ApiResource, CloudFormationModel):
    cfn_type, service = "AWS::SNS::Subscription", "sns"

    @classmethod
    def create(cls, api: Any, name: str, properties: Properties) -> str:
        wanted = {key: properties[key] for key in ("TopicArn", "Protocol", "Endpoint")}
        return str(api.subscribe(**wanted, ReturnSubscriptionArn=True)["SubscriptionArn"])

    def remove(self, api: Any) -> None:
        api.unsubscribe(SubscriptionArn=self.ref)


class BucketPolicy(ApiResource, CloudFormationModel):
    cfn_type, service = "AWS::S3::BucketPolicy", "s3"

    @classmethod
    def create(cls, api: Any, name: str, properties: Properties) -> str:
        api.put_bucket_policy(Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"]))
        return name

    def change(self, api: Any, properties: Properties) -> None:
        self.create(api, self.ref, properties)

    def remove(self, api: Any) -> None:
        api.delete_bucket_policy(Bucket=self.properties["Bucket"])


class SecurityGroupEgress(ApiResource, CloudFormationModel):
    cfn_type, service = "AWS::EC2::SecurityGroupEgress", "ec2"

    @classmethod
    def create(cls, api: Any, name: str, properties: Properties) -> str:
        api.authorize_security_group_egress(GroupId=properties["GroupId"], IpPermissions=[_permission(properties)])
        return name

    def remove(self, api: Any) -> None:
        api.revoke_security_group_egress(
            GroupId=self.properties["GroupId"], IpPermissions=[_permission(self.properties)]
        )


def _permission(properties: Properties) -> dict[str, Any]:
    permission: dict[str, Any] = {"IpProtocol": str(properties["IpProtocol"])}
    permission |= {key: int(properties[key]) for key in ("FromPort", "ToPort") if key in properties}
    if "CidrIp" in properties:
        permission["IpRanges"] = [{"CidrIp": properties["CidrIp"]}]
    if "DestinationSecurityGroupId" in properties:
        permission["UserIdGroupPairs"] = [{"GroupId": properties["DestinationSecurityGroupId"]}]
    return permission


class EventInvokeConfig(ApiResource, CloudFormationModel):
    cfn_type, service = "AWS::Lambda::EventInvokeConfig", "lambda"

    @classmethod
    def create(cls, api: Any, name: str, properties: Properties) -> str:
        wanted = numbers(properties, MaximumRetryAttempts=int, MaximumEventAgeInSeconds=int)
        api.put_function_event_invoke_config(**without(wanted, "Qualifier"))
        return name

    def change(self, api: Any, properties: Properties) -> None:
        self.create(api, self.ref, properties)

    def remove(self, api: Any) -> None:
        api.delete_function_event_invoke_config(FunctionName=self.properties["FunctionName"])


class Metadata(ApiResource, CloudFormationModel):
    """What the CDK tells about itself; nothing to make."""

    cfn_type = "AWS::CDK::Metadata"
