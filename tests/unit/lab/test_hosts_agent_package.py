"""The stand-in for the SSM agent's Debian package: dpkg takes it, and it is the same each time."""

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from cdk_app.image import user_data_of
from lab.hosts import agent_package
from tests.builders import a_config


def members(archive: bytes) -> dict[str, bytes]:
    """An ar archive's, read by what ar(5) says."""
    assert archive[:8] == b"!<arch>\n"
    position, found = 8, {}
    while position < len(archive):
        header = archive[position : position + 60]
        assert header[58:] == b"`\n"
        size = int(header[48:58])
        found[header[:16].decode().rstrip()] = archive[position + 60 : position + 60 + size]
        position += 60 + size + size % 2
    return found


def test_the_package_is_the_same_each_time() -> None:
    assert agent_package.package("arm64") == agent_package.package("arm64")
    assert agent_package.package("arm64") != agent_package.package("amd64")


def test_the_package_holds_one_unit() -> None:
    parts = members(agent_package.package("arm64"))
    assert list(parts) == ["debian-binary", "control.tar", "data.tar"]
    assert parts["debian-binary"] == b"2.0\n"
    with tarfile.open(fileobj=io.BytesIO(parts["control.tar"])) as control:
        assert control.getnames() == ["./control"]
    with tarfile.open(fileobj=io.BytesIO(parts["data.tar"])) as data:
        assert data.getnames() == [f".{agent_package.UNIT_FILE}"]
        assert {(entry.uid, entry.gid, entry.mode, entry.mtime) for entry in data} == {(0, 0, 0o644, 0)}


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_dpkg_reads_the_package(tmp_path: Path) -> None:
    deb = tmp_path / "amazon-ssm-agent.deb"
    deb.write_bytes(agent_package.package("arm64"))
    fields = subprocess.run(["dpkg-deb", "--field", deb], check=True, capture_output=True, text=True).stdout
    assert "Package: amazon-ssm-agent\n" in fields
    assert "Architecture: arm64\n" in fields
    subprocess.run(["dpkg-deb", "--extract", deb, tmp_path / "root"], check=True)
    assert (tmp_path / f"root{agent_package.UNIT_FILE}").read_text() == agent_package.UNIT


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_it_lies_where_user_data_looks(region: str) -> None:
    with mock_aws():
        client = boto3.client("s3", region_name=region)
        agent_package.publish(client, region, "arm64")
        bucket, key = agent_package.bucket_of(region), agent_package.key_of("arm64")
        assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == agent_package.package("arm64")
        policy = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    assert [(one["Principal"], one["Action"]) for one in policy["Statement"]] == [("*", "s3:GetObject")]
    script = user_data_of(a_config(region=region, architecture="arm64")).render()
    found = script.replace("${REGION}", region).replace("${ARCHITECTURE}", "arm64")
    assert f"https://s3.{region}.amazonaws.com/{bucket}/{key}" in found
