"""AWS timestamps, and how fast the lab's time passes."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """`time_scale` shortens what AWS waits on purpose: Wait states, back-off, retry delays.

    `timeout_scale` shortens what AWS waits at most: heartbeats of lifecycle hooks, delivery of commands. It has its own
    knob because a timeout bounds real work, which a test does not speed up; hence also the shortest that it is cut to.
    """

    time_scale: float = 1.0
    timeout_scale: float = 1.0
    shortest_timeout_seconds: float = 0.0

    def wait(self, seconds: float) -> float:
        return seconds * self.time_scale

    def timeout(self, seconds: float) -> float:
        return max(seconds * self.timeout_scale, min(seconds, self.shortest_timeout_seconds))


def timestamp(at: float | None = None, *, milliseconds: bool = False) -> str:
    """ISO 8601 in UTC, as events and APIs write it."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    fraction = f".{moment.microsecond // 1000:03d}" if milliseconds else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
