"""No test reaches a real account: credentials are fake, and what the caller's environment says of AWS is gone."""

import gc
import logging
import os
from collections import Counter
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# A line for each request of a stand-in buries what a failure says.
logging.getLogger("werkzeug").setLevel(logging.WARNING)

ONE_SYNTH = "tests/infrastructure/"
"""Its tests read the templates of one synth."""

WAITS_MOST = "tests/integration/test_histories.py"
"""Begun first, it waits beside what computes; begun late, others have nothing to compute by then."""

# The collector took a sixth of a suite's time, going again and again through half a million objects that stay.
gc.set_threshold(10_000, 20, 20)


def pytest_collection_finish() -> None:
    """What is there by now, modules above all, stays to the end."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """What is left goes with the process: pytest would look through all of it five times."""
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


def _scope_of(nodeid: str) -> str:
    """What one process takes: a file, or a folder whose tests look at the same dear thing."""
    return ONE_SYNTH if nodeid.startswith(ONE_SYNTH) else nodeid.split("::", 1)[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Processes take a file of each suite in turn, as stories wait where scripts compute; the many short ones last."""
    if not hasattr(config, "workerinput"):
        return
    turns: dict[str, int] = {}
    taken: Counter[str] = Counter()
    for item in items:
        scope = _scope_of(item.nodeid)
        if scope not in turns:
            suite = scope.split("/")[1]
            turns[scope] = taken[suite]
            taken[suite] += 1
    items.sort(
        key=lambda item: (
            not item.nodeid.startswith(WAITS_MOST),
            item.nodeid.startswith("tests/unit/"),
            turns[_scope_of(item.nodeid)],
        )
    )


class _ByFile(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _scope_of(nodeid)


@pytest.hookimpl(optionalhook=True)  # without xdist there is nothing to schedule
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile:
    return _ByFile(config, log)
