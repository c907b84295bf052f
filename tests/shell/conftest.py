"""A scratch node beside an AWS on loopback."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from moto.moto_api._internal import moto_api_backend

from lambdas.domain.names import SECRET_NAMES
from tests.shell.scratch_node import SECRETS_PREFIX, ScratchNode
from tests.shell.stand_ins.authority import Authority
from tests.shell.stand_ins.cloud import Cloud
from tests.shell.stand_ins.consul import Consul
from tests.shell.stand_ins.metadata import Metadata
from tests.shell.stand_ins.nomad import Nomad
from tests.shell.stand_ins.vault import Vault
from tests.shell.world import World

MEMORY = Path("/dev/shm")
ADDRESSES = [f"127.0.0.{number}" for number in range(1, 5)]
"""Of the servers that live; all lead to the one stand-in of a product."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory, where programs may lie there: a node is many small files, and each costs a disk's file system a third
    of a millisecond. Whoever wants to look at them afterwards says --basetemp."""
    if request.config.option.basetemp or not MEMORY.is_dir() or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        yield tmp_path_factory.mktemp("node")
    else:
        with TemporaryDirectory(dir=MEMORY, prefix="quorate-") as place:
            yield Path(place)


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    service = Metadata()
    yield service
    service.close()


@pytest.fixture
def cloud(authority: Authority, metadata: Metadata) -> Iterator[Cloud]:
    moto_api_backend.reset()
    service = Cloud(authority, metadata.credentials)
    service.make_bucket()
    yield service
    service.close()
    assert service.bad_signatures == []


@pytest.fixture
def node(tmp_path: Path, cloud: Cloud, metadata: Metadata, authority: Authority) -> ScratchNode:
    return ScratchNode(tmp_path, aws_port=cloud.port, metadata_port=metadata.port, authority_file=authority.file)


@pytest.fixture
def world(node: ScratchNode, cloud: Cloud, metadata: Metadata, authority: Authority, tmp_path: Path) -> Iterator[World]:
    certificate, key = authority.issue_files("products", ADDRESSES)
    consul, nomad = (product(certificate, key, authority.file) for product in (Consul, Nomad))
    vault = Vault(certificate, key, authority.file, storage=node.root / "var/lib/vault")
    node.routes = [
        f"{address}:{usual}:127.0.0.1:{product.port}"
        for usual, product in ((8501, consul), (4646, nomad), (8200, vault))
        for address in ADDRESSES
    ]
    cloud.make_secrets(SECRETS_PREFIX, SECRET_NAMES)
    yield World(node, cloud, metadata, authority, consul, nomad, vault)
    for product in (consul, nomad, vault):
        product.close()
