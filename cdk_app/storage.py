"""The cluster's record and its artifacts."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_app.nag import acknowledge
from cdk_app.removal import KEPT
from lambdas.domain import names

DELIVERY_DAYS = 90
"""A delivery is read when a node is configured; after that it only tells what was configured."""


class Storage(Construct):
    def __init__(self, scope: Construct, id: str, *, cluster: str, data_key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.table = dynamodb.Table(
            self,
            "Records",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,  # it holds task tokens
            encryption_key=data_key,
            removal_policy=KEPT,
        )
        stack = Stack.of(self)
        self.bucket = s3.Bucket(
            self,
            "Artifacts",
            bucket_name=names.bucket(cluster, stack.account, stack.region),
            versioned=True,
            encryption=s3.BucketEncryption.S3_MANAGED,  # releases and rendered configuration: no secret is ever in it
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=KEPT,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="deliveries",
                    prefix="nodes/",
                    expiration=Duration.days(DELIVERY_DAYS),
                    noncurrent_version_expiration=Duration.days(1),
                ),
                s3.LifecycleRule(
                    id="replaced",
                    noncurrent_version_expiration=Duration.days(DELIVERY_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                ),
            ],
        )
        acknowledge(
            self.bucket,
            "AwsSolutions-S1",
            "Releases and rendered configuration, no secret; CloudTrail's data events tell who read them",
        )
