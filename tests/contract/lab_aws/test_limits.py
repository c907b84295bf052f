"""Time limits of a patient AWS: they run only while the process has nothing to do."""

import threading
import time
from collections.abc import Iterator

import pytest

from lab.aws import EmbeddedAws
from lab.aws.background import Background
from lab.aws.limits import IdleTime, LimitedEvent, Limits
from lab.aws.turns import Turns
from tests.contract.lab_aws.hosts import RecordingHosts
from tests.contract.lab_aws.waiting import wait_until

LIMIT_SECONDS = 0.3
WORK_SECONDS = 1.2


@pytest.fixture
def background() -> Iterator[Background]:
    background = Background()
    yield background
    background.close()


@pytest.fixture
def limits(background: Background) -> Iterator[Limits]:
    idle = IdleTime()
    yield Limits(Turns(), background, idle)
    idle.stop()


def work(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))


def busy(seconds: float) -> threading.Thread:
    thread = threading.Thread(target=work, args=(seconds,))
    thread.start()
    time.sleep(0.05)
    return thread


def test_a_limit_does_not_end_what_has_had_no_chance_to_answer(limits: Limits) -> None:
    event, working = LimitedEvent(limits), busy(WORK_SECONDS)
    began = time.monotonic()
    assert not event.wait(LIMIT_SECONDS)
    assert time.monotonic() - began > WORK_SECONDS, "it ran on while the process worked"
    working.join()


def test_a_timer_waits_for_an_idle_process_as_well(limits: Limits) -> None:
    fired = threading.Event()
    working = busy(WORK_SECONDS)
    limits.timer(LIMIT_SECONDS, fired.set)
    assert not fired.wait(2 * LIMIT_SECONDS)
    working.join()
    assert fired.wait(10)


def test_a_cancelled_timer_never_fires(limits: Limits) -> None:
    fired = threading.Event()
    limits.timer(LIMIT_SECONDS, fired.set).cancel()
    assert not fired.wait(3 * LIMIT_SECONDS)


def test_whoever_is_joined_may_work_for_longer_than_its_limit(limits: Limits) -> None:
    thread = busy(WORK_SECONDS)
    limits.join(thread, LIMIT_SECONDS)
    assert not thread.is_alive()


def test_an_aws_that_is_not_patient_counts_all_time(background: Background) -> None:
    limits, working = Limits(Turns(), background), busy(WORK_SECONDS)
    began = time.monotonic()
    assert not LimitedEvent(limits).wait(LIMIT_SECONDS)
    assert time.monotonic() - began < WORK_SECONDS
    working.join()


def test_a_patient_aws_closes_without_leaving_its_watch_behind(hosts: RecordingHosts) -> None:
    with EmbeddedAws(hosts, patient=True) as aws:
        assert wait_until(lambda: aws.limited_seconds() > 0, timeout=30)
    assert "aws-idle-time" not in {thread.name for thread in threading.enumerate()}
