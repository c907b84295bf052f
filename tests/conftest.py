"""No test reaches a real account: credentials are fake, and what the caller's environment says of AWS is gone."""

import gc
import logging
import os

import pytest

# A line for each request of a stand-in buries what a failure says.
logging.getLogger("werkzeug").setLevel(logging.WARNING)

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
