"""A scratch node beside an AWS on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.moto_api._internal import moto_api_backend

from tests.shell.scratch_node import ScratchNode
from tests.shell.stand_ins.authority import Authority
from tests.shell.stand_ins.cloud import BUCKET, REGION, Cloud
from tests.shell.stand_ins.metadata import Metadata


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    service = Metadata()
    yield service
    service.close()


@pytest.fixture
def cloud(authority: Authority, metadata: Metadata) -> Iterator[Cloud]:
    moto_api_backend.reset()
    service = Cloud(authority, metadata.credentials)
    service.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield service
    service.close()
    assert service.bad_signatures == []


@pytest.fixture
def node(tmp_path: Path, cloud: Cloud, metadata: Metadata, authority: Authority) -> ScratchNode:
    return ScratchNode(tmp_path, aws_port=cloud.port, metadata_port=metadata.port, authority_file=authority.file)
