"""How long the cloud assembly takes, as `cdk synth` makes it: a fresh interpreter, nothing of an earlier assembly."""

import tempfile
import time
from pathlib import Path

from lab.assembly import run_application
from lab.bench.figures import Measured, median_figure
from lab.products.progress import Report, Step

PART = "synthesis"
SYNTH_SECONDS = 6.0


def measure(cluster: Path, repeats: int, progress: Report) -> Measured:
    samples = []
    for number in range(repeats):
        progress(Step(PART, f"synthesising {cluster.name}", number, repeats))
        with tempfile.TemporaryDirectory(prefix="quorate-bench-") as directory:
            started = time.monotonic()
            run_application([cluster], Path(directory))
            samples.append(time.monotonic() - started)
    progress(Step(PART, f"{repeats} times", finished=True))
    return Measured((median_figure(PART, "synthesis", samples, "s", target=SYNTH_SECONDS),))
