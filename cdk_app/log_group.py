"""A log group of the cluster's: encrypted, kept as long as an execution's history, gone with the stack."""

from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_app.removal import LOG_RETENTION, REMOVED_WITH_STACK


def log_group(scope: Construct, id: str, *, name: str, key: kms.IKey) -> logs.LogGroup:
    return logs.LogGroup(
        scope,
        id,
        log_group_name=name,
        encryption_key=key,
        retention=LOG_RETENTION,
        removal_policy=REMOVED_WITH_STACK,
    )
