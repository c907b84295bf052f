"""The Lambda zip: its size, and how long its handlers take to import in an interpreter that has just started."""

import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from cdk_app import lambda_package
from lab.bench.figures import Figure, Measured, median_figure
from lab.bench.machine import REPOSITORY
from lab.products.progress import Report, Step

PART = "package"
IMPORT_SECONDS = 0.6
MEGABYTE = 1_000_000
SCREENINGS = 2
HEAVIEST_IMPORTS = 12

_IMPORT = """
import sys, time
sys.path.insert(0, sys.argv[1])
before = time.perf_counter()
__import__(sys.argv[2])
print(time.perf_counter() - before)
"""


def measure(repeats: int, progress: Report) -> Measured:
    progress(Step(PART, "packing"))
    archive = lambda_package.build()
    handlers = sorted(path.stem for path in (REPOSITORY / "lambdas" / "handlers").glob("[a-z]*.py"))
    with tempfile.TemporaryDirectory(prefix="quorate-bench-") as directory:
        place = Path(directory)
        compiled = _ships_bytecode(archive)
        _our_code(place)
        seconds: dict[str, float] = {}
        for number, handler in enumerate(handlers):
            progress(Step(PART, f"importing {handler}", number, len(handlers)))
            tries = [_import_seconds(place, handler, bytecode=True) for _ in range(1 + SCREENINGS)]
            seconds[handler] = statistics.median(tries[1:])  # the first one wrote the bytecode
        heaviest = max(seconds, key=lambda handler: seconds[handler])
        samples = {}
        for bytecode in (True, False):
            progress(Step(PART, f"importing {heaviest} {'with' if bytecode else 'without'} bytecode"))
            samples[bytecode] = [_import_seconds(place, heaviest, bytecode=bytecode) for _ in range(repeats)]
        by_module = _heaviest_imports(place, heaviest)
    note = f"Python {sys.version_info.major}.{sys.version_info.minor} of this machine; "
    note += f"the zip built here ships {'bytecode' if compiled else 'no bytecode, as this machine has no python3.14'}"
    figures = (
        Figure(PART, "zip", round(archive.stat().st_size / MEGABYTE, 2), "MB", lambda_package.LIMIT_BYTES / MEGABYTE),
        median_figure(PART, f"cold import of {heaviest}", samples[True], "s", target=IMPORT_SECONDS, note=note),
        median_figure(PART, f"the same, compiled each time: {heaviest}", samples[False], "s"),
    )
    progress(Step(PART, f"{len(handlers)} handlers", finished=True))
    details = {"handlers": {name: round(one, 3) for name, one in seconds.items()}, "heaviest_imports": by_module}
    return Measured(figures, details | {"zip_ships_bytecode": compiled})


def _our_code(place: Path) -> None:
    """`lambdas` alone, as the zip has it: what it needs beside comes from the environment, by the same pins."""
    for path in (REPOSITORY / "lambdas").rglob("*.py"):
        target = place / path.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())


def _import_seconds(place: Path, handler: str, *, bytecode: bool) -> float:
    """Of one handler, in an interpreter of its own. Without bytecode, all modules are compiled from their source."""
    with tempfile.TemporaryDirectory(prefix="quorate-bench-") as empty:
        options = [] if bytecode else ["-B", "-X", f"pycache_prefix={empty}"]
        done = _python(*options, "-c", _IMPORT, str(place), f"lambdas.handlers.{handler}")
    return float(done.stdout.split()[-1])


def _heaviest_imports(place: Path, handler: str) -> dict[str, float]:
    """The modules that take most of it, by the milliseconds of their own."""
    done = _python("-X", "importtime", "-c", _IMPORT, str(place), f"lambdas.handlers.{handler}")
    own = {}
    for line in done.stderr.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[0].strip().isdigit():
            own[parts[2].strip()] = int(parts[0]) / 1000
    return dict(sorted(own.items(), key=lambda item: -item[1])[:HEAVIEST_IMPORTS])


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, cwd="/")


def _ships_bytecode(archive: Path) -> bool:
    with zipfile.ZipFile(archive) as packed:
        return any(name.endswith(".pyc") for name in packed.namelist())
