"""No test reaches a real account: credentials are fake, and what the caller's environment says of AWS is gone."""

import gc
import logging
import os
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# A line for each request of a stand-in buries what a failure says.
logging.getLogger("werkzeug").setLevel(logging.WARNING)

ONE_SYNTH = "tests/infrastructure/"
"""Its tests read the templates of one synth."""

# The collector took a sixth of a suite's time, going again and again through half a million objects that stay.
gc.set_threshold(10_000, 20, 20)


def pytest_collection_finish() -> None:
    """What is there by now, modules above all, stays to the end."""
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden anew from what the code renders")


@pytest.fixture(autouse=True)
def _no_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class _ByFile(LoadFileScheduling):
    """A process takes a whole file, or a whole folder whose tests look at the same dear thing."""

    def _split_scope(self, nodeid: str) -> str:
        return ONE_SYNTH if nodeid.startswith(ONE_SYNTH) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile:
    return _ByFile(config, log)
