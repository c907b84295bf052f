"""How long the cloud assembly takes, as `cdk synth` makes it: a fresh interpreter, nothing of an earlier assembly."""

import resource
import tempfile
import time
from pathlib import Path

from lab.assembly import run_application
from lab.bench.figures import Measured, median_figure
from lab.products.progress import Report, Step

PART = "synthesis"
SYNTH_SECONDS = 6.0


def measure(cluster: Path, repeats: int, progress: Report) -> Measured:
    samples: list[float] = []
    busy: list[float] = []
    for number in range(repeats):
        progress(Step(PART, f"synthesising {cluster.name}", number, repeats))
        with tempfile.TemporaryDirectory(prefix="quorate-bench-") as directory:
            before, started = _processor_seconds(), time.monotonic()
            run_application([cluster], Path(directory))
            samples.append(time.monotonic() - started)
            busy.append(_processor_seconds() - before)
    progress(Step(PART, f"{repeats} times", finished=True))
    figures = (
        median_figure(PART, "synthesis", samples, "s", target=SYNTH_SECONDS),
        median_figure(PART, "its processor time", busy, "s"),
    )
    return Measured(figures)


def _processor_seconds() -> float:
    """Of all processes that we started and that have ended: what the load of others does not stretch as much."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
