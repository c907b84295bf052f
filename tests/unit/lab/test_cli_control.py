"""The way between commands and the lab's background process."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control import ControlServer, RefusedError, UnreachableError, ask
from lab.state import Record, State


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    def refuse() -> None:
        raise LookupError("no such node")

    def fail() -> None:
        raise RuntimeError("broken")

    path = str(tmp_path / "control.sock")
    verbs = {"double": lambda number: number * 2, "refuse": refuse, "fail": fail}
    control = ControlServer(path, verbs)
    yield path
    control.close()


def test_a_verb_is_answered(server: str) -> None:
    assert ask(server, "double", number=21) == 42


def test_a_refusal_says_why(server: str) -> None:
    with pytest.raises(RefusedError, match="no such node"):
        ask(server, "refuse")


def test_an_unexpected_failure_is_named(server: str) -> None:
    with pytest.raises(RefusedError, match="RuntimeError: broken"):
        ask(server, "fail")


def test_an_unknown_verb_is_refused(server: str) -> None:
    with pytest.raises(RefusedError, match="make down"):
        ask(server, "dance")


def test_only_the_user_may_open_the_socket(server: str) -> None:
    assert stat.S_IMODE(os.stat(server).st_mode) == 0o600


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        ask(str(tmp_path / "nothing.sock"), "double", number=1)


def test_a_record_tells_the_living_from_the_dead(tmp_path: Path) -> None:
    state = State(tmp_path / "lab")
    assert state.read() is None
    record = state.write("simulated", "clusters/lab.yaml")
    assert state.read() == record
    assert record.alive
    state.forget()
    assert state.read() is None


def test_a_number_that_another_process_got_is_not_the_lab(tmp_path: Path) -> None:
    record = State(tmp_path).write("simulated", "clusters/lab.yaml")
    assert not Record(record.pid, record.started_at_ticks - 1, "simulated", "", "").alive


def test_a_dead_process_is_recognised(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not Record(ended.pid, 1, "simulated", "", "").alive


def test_the_socket_s_path_is_never_too_long(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    record = State(deep).write("simulated", "clusters/lab.yaml")
    ControlServer(record.socket, {}).close()
