"""The bucket's manifest and its contents.

    artifacts/manifest.json     {"artifacts": {name: {"key", "sha256", "version", "bytes"}}}, written last
    artifacts/<file>            as the vendor names it; what the lab makes has a digest in its name

Names say what an artifact runs on, and end in Debian's word for the architecture (amd64, arm64):

    <product>_linux_<arch>      consul, vault, nomad, cni_plugins: any distribution
    <packages>_<system>_<arch>  prerequisites, docker: one distribution (debian_12, ubuntu_24_04)
    <image>_image_<arch>        pause, hello: any container runtime
"""

import base64
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from lab.products.artifact import Artifact
from lab.products.progress import Report, Step, silent
from lambdas.domain.artifacts import MANIFEST_KEY, Manifest
from lambdas.domain.artifacts import Artifact as Entry


def manifest_of(artifacts: Iterable[Artifact]) -> Manifest:
    return Manifest(
        artifacts={
            artifact.name: Entry(
                key=artifact.key, sha256=artifact.sha256, version=artifact.version, bytes=artifact.bytes
            )
            for artifact in artifacts
        }
    )


def upload(
    s3_client: Any, bucket: str, artifacts: Iterable[Artifact], manifest: Manifest, progress: Report = silent
) -> None:
    """Fill the bucket. What it holds already is left alone; S3 refuses what arrives with another checksum.

    The manifest comes last: whoever reads it finds all that it names.
    """
    artifacts = list(artifacts)
    for number, artifact in enumerate(artifacts):
        progress(Step("bucket", artifact.path.name, number, len(artifacts)))
        if _sha256_in_bucket(s3_client, bucket, artifact.key) == artifact.sha256:
            continue
        with artifact.path.open("rb") as body:
            s3_client.put_object(
                Bucket=bucket,
                Key=artifact.key,
                Body=body,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(artifact.sha256)).decode(),
                Metadata={"sha256": artifact.sha256},
            )
    s3_client.put_object(
        Bucket=bucket,
        Key=MANIFEST_KEY,
        Body=manifest.model_dump_json(indent=2).encode(),
        ContentType="application/json",
    )
    progress(Step("bucket", f"{len(artifacts)} artifacts", finished=True))


def _sha256_in_bucket(s3_client: Any, bucket: str, key: str) -> str | None:
    try:
        return s3_client.head_object(Bucket=bucket, Key=key)["Metadata"].get("sha256")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return None
        raise
