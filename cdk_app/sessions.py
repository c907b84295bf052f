"""Shells that people open on nodes: encrypted between the two ends, and written down as they go.

A document of our own, since what an account's preferences say of sessions is no cluster's to change. It counts for
sessions that name it; `docs/sessions.md` says how to let people open no others.
"""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from cdk_app.log_group import log_group
from lambdas.domain import names

LONGEST_IDLE = Duration.minutes(15)
LONGEST_SESSION = Duration.hours(4)

OF_A_SESSION = "kms:EncryptionContext:aws:ssm:TargetId"
"""What the caller's end of a session says of the data key that it makes; the agent decrypts that key and nothing else
(amazon-ssm-agent, agent/session/crypto)."""


class Sessions(Construct):
    def __init__(self, scope: Construct, id: str, *, cluster: str, data_key: kms.IKey) -> None:
        super().__init__(scope, id)
        self._data_key = data_key
        self._log_group = log_group(self, "Log", name=names.log_group(cluster, "sessions"), key=data_key)
        self.document = names.session_document(cluster)
        ssm.CfnDocument(
            self,
            "Document",
            name=self.document,
            document_type="Session",
            document_format="JSON",
            content={
                "schemaVersion": "1.0",
                "description": f"A shell on a node of Quorate cluster {cluster}, encrypted and logged",
                "sessionType": "Standard_Stream",
                "inputs": {
                    "kmsKeyId": data_key.key_arn,
                    "cloudWatchLogGroupName": self._log_group.log_group_name,
                    # The agent begins no session where it cannot see that the group is encrypted.
                    "cloudWatchEncryptionEnabled": True,
                    # Not at the end: by then the node may be gone.
                    "cloudWatchStreamingEnabled": True,
                    "s3BucketName": "",
                    "s3KeyPrefix": "",
                    "s3EncryptionEnabled": True,
                    "idleSessionTimeout": str(LONGEST_IDLE.to_minutes()),
                    "maxSessionDuration": str(LONGEST_SESSION.to_minutes()),
                    "runAsEnabled": False,
                    "runAsDefaultUser": "",
                },
            },
            update_method="NewVersion",
        )

    def let_happen_on(self, role: iam.Role) -> None:
        """What an agent needs for them. It looks for the group by its name, which no resource can say."""
        self._log_group.grant(role, "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
        role.add_to_policy(iam.PolicyStatement(actions=["logs:DescribeLogGroups"], resources=["*"]))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[self._data_key.key_arn],
                conditions={"Null": {OF_A_SESSION: "false"}},
            )
        )
