from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.aws import EmbeddedAws
from tests.contract.lab_aws.hosts import RecordingHosts
from tests.contract.lab_aws.template import STACK, small_application, write_assembly


@pytest.fixture
def hosts() -> RecordingHosts:
    return RecordingHosts()


@pytest.fixture
def aws(hosts: RecordingHosts) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(hosts, time_scale=0.001) as embedded:
        yield embedded


@pytest.fixture
def application(aws: EmbeddedAws, tmp_path: Path) -> EmbeddedAws:
    """The embedded AWS with the small application deployed."""
    aws.deploy(write_assembly(tmp_path, small_application()), STACK)
    return aws
