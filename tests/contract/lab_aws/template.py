"""A small application in CloudFormation: a group whose launches go through a state machine and a command."""

import json
from pathlib import Path
from typing import Any

from tests.contract.lab_aws.roles import policy, trust

HANDLERS = "tests.contract.lab_aws.handlers"
STACK = "small"

DOCUMENT = {
    "schemaVersion": "2.2",
    "parameters": {
        "Greeting": {"type": "String", "allowedPattern": "^[a-z]+$", "interpolationType": "ENV_VAR"},
        "Name": {"type": "String", "default": "world"},
    },
    "mainSteps": [
        {
            "action": "aws:runShellScript",
            "name": "greet",
            "inputs": {"runCommand": ["echo $SSM_Greeting", "echo {{ Name }}"], "timeoutSeconds": "60"},
        }
    ],
}

MACHINE = {
    "StartAt": "Install",
    "States": {
        "Install": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {
                "FunctionName": "${SendCommandArn}",
                "Payload": {"instance_id.$": "$.detail.EC2InstanceId", "token.$": "$$.Task.Token"},
            },
            "TimeoutSeconds": 60,
            "ResultPath": "$.installed",
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Abandon"}],
            "Next": "Complete",
        },
        "Complete": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "${CompleteArn}", "Payload": {"event.$": "$", "result": "CONTINUE"}},
            "End": True,
        },
        "Abandon": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "${CompleteArn}", "Payload": {"event.$": "$", "result": "ABANDON"}},
            "ResultPath": None,
            "Next": "Failed",
        },
        "Failed": {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"},
    },
}

MAY: tuple[tuple[tuple[str, ...], str], ...] = (
    (("dynamodb:GetItem", "dynamodb:PutItem"), "arn:aws:dynamodb:*:*:table/*"),
    (("ssm:SendCommand",), "*"),
    (("ssm:GetCommandInvocation",), "*"),
    (("states:SendTaskSuccess", "states:SendTaskFailure", "states:StartExecution"), "*"),
    (("autoscaling:CompleteLifecycleAction",), "*"),
    (("lambda:InvokeFunction",), "*"),
)
"""What functions, machine and rule of the small application may do: one role for all of them."""


def function(handler: str, **environment: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"ZipFile": "pass"},
            "Handler": f"{HANDLERS}.{handler}",
            "Runtime": "python3.13",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Timeout": 10,
            "Environment": {"Variables": environment},
        },
    }


def hook(name: str, transition: str, **more: Any) -> dict[str, Any]:
    return {
        "LifecycleHookName": name,
        "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{transition}",
        "DefaultResult": "ABANDON",
        "HeartbeatTimeout": 300,
        **more,
    }


def network() -> dict[str, Any]:
    def subnet(number: int, zone: str) -> dict[str, Any]:
        return {
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "CidrBlock": f"10.0.{number}.0/24",
                "AvailabilityZone": {"Fn::Sub": "${AWS::Region}" + zone},
            },
        }

    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "SubnetA": subnet(1, "a"),
        "SubnetB": subnet(2, "b"),
        "SubnetC": subnet(3, "c"),
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": trust(),
                "Policies": [{"PolicyName": "own", "PolicyDocument": policy(*MAY)}],
                "RoleName": "node",
            },
        },
        "Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [{"Ref": "Role"}]}},
        "Template": {
            "Type": "AWS::EC2::LaunchTemplate",
            "Properties": {
                "LaunchTemplateData": {
                    "ImageId": "ami-12345678",
                    "InstanceType": "t3.small",
                    "UserData": {"Fn::Base64": "#!/bin/bash\necho hello\n"},
                    "IamInstanceProfile": {"Arn": {"Fn::GetAtt": ["Profile", "Arn"]}},
                    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
                    "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "from", "Value": "template"}]}],
                }
            },
        },
    }


def group(name: str, hooks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {
            "AutoScalingGroupName": name,
            "MinSize": "0",
            "MaxSize": "9",
            "VPCZoneIdentifier": [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}, {"Ref": "SubnetC"}],
            "LaunchTemplate": {
                "LaunchTemplateId": {"Ref": "Template"},
                "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]},
            },
            "LifecycleHookSpecificationList": hooks,
            "Tags": [{"Key": "cluster", "Value": "small", "PropagateAtLaunch": True}],
            **more,
        },
    }


def small_application() -> dict[str, Any]:
    resources = network() | {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": "small",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            },
        },
        "Document": {
            "Type": "AWS::SSM::Document",
            "Properties": {"Name": "small-greet", "DocumentType": "Command", "Content": DOCUMENT},
        },
        "SendCommand": function("send_command", DOCUMENT={"Ref": "Document"}, TABLE={"Ref": "Table"}),
        "CompleteCommand": function("complete_command", TABLE={"Ref": "Table"}),
        "CompleteLaunch": function("complete_launch"),
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": "small-launch",
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": json.dumps(MACHINE),
                "DefinitionSubstitutions": {
                    "SendCommandArn": {"Fn::GetAtt": ["SendCommand", "Arn"]},
                    "CompleteArn": {"Fn::GetAtt": ["CompleteLaunch", "Arn"]},
                },
            },
        },
        "LaunchRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {
                    "source": ["aws.autoscaling"],
                    "detail-type": ["EC2 Instance-launch Lifecycle Action"],
                    "detail": {"AutoScalingGroupName": ["small"]},
                },
                "Targets": [{"Id": "machine", "Arn": {"Ref": "Machine"}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}],
            },
        },
        "CommandRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {
                    "source": ["aws.ssm"],
                    "detail-type": ["EC2 Command Invocation Status-change Notification"],
                },
                "Targets": [{"Id": "function", "Arn": {"Fn::GetAtt": ["CompleteCommand", "Arn"]}}],
            },
        },
        "CommandPermission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Fn::GetAtt": ["CompleteCommand", "Arn"]},
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": ["CommandRule", "Arn"]},
            },
        },
        "Group": group("small", [hook("launch", "LAUNCHING", NotificationMetadata='{"kind": "server"}')])
        | {"DependsOn": ["LaunchRule", "CommandPermission"]},
    }
    return {"Resources": resources, "Outputs": {"MachineArn": {"Value": {"Ref": "Machine"}}}}


def write_assembly(directory: Path, template: dict[str, Any], stack: str = STACK) -> Path:
    (directory / f"{stack}.template.json").write_text(json.dumps(template))
    return directory
