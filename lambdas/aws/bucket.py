"""The cluster's bucket: the manifest of artifacts, and what is delivered to nodes."""

from collections.abc import Iterable
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from lambdas.aws.clients import client
from lambdas.aws.errors import code_of
from lambdas.domain.artifacts import MANIFEST_KEY, Manifest
from lambdas.domain.delivery import Parcel
from lambdas.domain.errors import NodeNotReady
from lambdas.domain.names import NODE_TAG
from lambdas.settings import Settings


def read_manifest(bucket: str) -> Manifest:
    """Raise NodeNotReady while nobody has mirrored: the first nodes may be faster than the mirror."""
    try:
        body = client("s3").get_object(Bucket=bucket, Key=MANIFEST_KEY)["Body"].read()
    except ClientError as error:
        if code_of(error) == "NoSuchKey":
            raise NodeNotReady(f"s3://{bucket}/{MANIFEST_KEY} does not exist yet: run the mirror") from error
        raise
    return Manifest.model_validate_json(body)


def deliver(settings: Settings, parcels: Iterable[Parcel]) -> None:
    """Put each parcel at its content's key, for its node alone; a repetition writes the same bytes."""
    for parcel in parcels:
        client("s3").put_object(
            Bucket=settings.bucket_name,
            Key=parcel.delivery.key,
            Body=parcel.body,
            ContentType="application/json",
            Tagging=urlencode({NODE_TAG: settings.instance_arn(parcel.instance_id)}),
        )
