"""Many histories, in processes: an embedded AWS is one in a process, and a formed cluster serves for many."""

import json
import os
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from lab.assembly import synthesize
from lab.histories import mutants
from lab.histories.machines.cluster import Machines
from lab.histories.machines.deeds import SIZES, Deed, History, draw, tell
from lab.histories.machines.live import Lived, live
from lab.preparation import Prepared, prepare
from lab.products.artifact import cache_directory

CLUSTER = Path(__file__).parent / "cluster.yaml"
CHUNK = 12
"""Histories on one cluster: it costs as much to form as one of them."""


class Clusters:
    """The cluster of this process, formed when it is needed."""

    def __init__(self, assembly: Path) -> None:
        self._assembly = assembly
        self._open: Machines | None = None

    def live(self, history: History) -> Lived:
        machines = self._of(history.size)
        try:
            lived = live(machines, history)
        except Exception as error:  # a history that cannot be told to its end is broken as well
            why = "".join(traceback.format_exception_only(error)).strip()
            lived = Lived(history.seed, history.size, history.deeds, why, False, 0, 0, 0.0, 0.0)
        print(json.dumps({"lived": lived.as_json()}), flush=True)  # among what handlers log
        if not lived.reusable:
            self.close()
        return lived

    def close(self) -> None:
        machines, self._open = self._open, None
        if machines:
            with suppress(RuntimeError):  # threads of what never ended
                machines.__exit__()

    def _of(self, size: int) -> Machines:
        if self._open and self._open.size != size:
            self.close()
        if self._open is None:
            self._open = Machines(prepared(size, self._assembly)).__enter__()
        return self._open


def assemble(*sizes: int) -> Path:
    """One synthesis for clusters of these sizes."""
    return synthesize(*(cluster_file(size) for size in sizes))


def prepared(size: int, assembly: Path) -> Prepared:
    return prepare("simulated", cluster_file(size), assembly=assembly)


def cluster_file(size: int) -> Path:
    content = yaml.safe_load(CLUSTER.read_text())
    content["name"] = f"histories-{size}"
    content["server_groups"][0]["size"] = size
    place = cache_directory() / "clusters" / f"histories-{size}.yaml"
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_suffix(f".{os.getpid()}")
    unfinished.write_text(yaml.safe_dump(content, sort_keys=False))
    unfinished.replace(place)
    return place


def live_all(
    first: int, count: int, processes: int, log: Path, progress: Callable[[Lived], None], mutant: str = ""
) -> list[Lived]:
    """In the order of their seeds."""
    assembly = assemble(*SIZES)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(live_chunk, chunk, assembly, log, mutant) for chunk in chunks(first, count)]
        lived = [one for part in as_completed(parts) for one in told(part.result(), progress)]
    return sorted(lived, key=lambda one: one.seed)


def told(part: Sequence[Lived], progress: Callable[[Lived], None]) -> Sequence[Lived]:
    for one in part:
        progress(one)
    return part


def chunks(first: int, count: int) -> Iterator[list[History]]:
    """Of one size each, the dearest first: nobody waits for a long one at the end."""
    histories = [draw(seed) for seed in range(first, first + count)]
    for size in reversed(SIZES):
        those = [history for history in histories if history.size == size]
        for start in range(0, len(those), CHUNK):
            yield those[start : start + CHUNK]


def live_chunk(histories: Sequence[History], assembly: Path, log: Path, mutant: str) -> list[Lived]:
    clusters = Clusters(assembly)
    with quiet(log), mutants.made(mutant):
        try:
            return [clusters.live(history) for history in histories]
        finally:
            clusters.close()


def retry(history: History, tries: int, log: Path, mutant: str = "") -> Lived:
    """The history on a fresh cluster, again until it breaks; how often it takes is a matter of threads."""
    clusters = Clusters(assemble(history.size))
    with quiet(log), mutants.made(mutant):
        try:
            return _until_broken(clusters, history, tries)
        finally:
            clusters.close()


def shrink(history: History, tries: int, log: Path, mutant: str = "") -> History:
    """Without each deed that it breaks without. A deed whose absence heals it `tries` times in a row is kept."""
    clusters = Clusters(assemble(history.size))
    with quiet(log), mutants.made(mutant):
        try:
            for place in reversed(range(len(history.deeds))):
                shorter = history._replace(deeds=history.deeds[:place] + history.deeds[place + 1 :])
                if _until_broken(clusters, shorter, tries).why:
                    history = shorter
        finally:
            clusters.close()
    return history


def _until_broken(clusters: Clusters, history: History, tries: int) -> Lived:
    lived = clusters.live(history)
    for _ in range(tries - 1):
        if lived.why:
            break
        lived = clusters.live(history)
    return lived


def kept(history: History, short: History) -> str:
    """Which deeds of a history are left, for the command line."""
    places, left = [], list(short.deeds)
    for place, deed in enumerate(history.deeds, 1):
        if left and deed == left[0]:
            places.append(str(place))
            left.pop(0)
    return ",".join(places)


def only(history: History, places: str) -> History:
    """The history with these of its deeds alone: "1,4,5". All of them where nothing is said."""
    if not places:
        return history
    wanted = [int(place) for place in places.split(",")]
    if not all(1 <= place <= len(history.deeds) for place in wanted):
        raise ValueError(f"seed {history.seed} has the deeds 1 to {len(history.deeds)}, not {places}")
    return history._replace(deeds=tuple(history.deeds[place - 1] for place in wanted))


def summary(lived: Sequence[Lived], seconds: float) -> dict[str, Any]:
    return {
        "histories": len(lived),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(sum(one.cpu_seconds for one in lived), 1),
        "outcomes": dict(Counter(one.outcome for one in lived).most_common()),
        "sizes": dict(sorted(Counter(one.size for one in lived).items())),
        "changes": sum(one.changes for one in lived),
        "sweeps": sum(one.sweeps for one in lived),
        "deeds": dict(Counter(str(deed[0]) for one in lived for deed in one.deeds).most_common()),
        "broken": [one.as_json() for one in lived if one.why],
        "slowest": [one.as_json() for one in sorted(lived, key=lambda one: -one.cpu_seconds)[:5]],
    }


def story(history: History) -> Iterator[str]:
    yield f"{history.size} voters" if history.size > 1 else "1 voter"
    for place, deed in enumerate(history.deeds, 1):
        yield f"{place:3}. {tell(deed)}"
    yield "     then all faults end, and sweeps come"


def told_deeds(deeds: Sequence[Deed]) -> str:
    return ", ".join(tell(deed) for deed in deeds)


@contextmanager
def quiet(log: Path) -> Iterator[None]:
    """Handlers log to stdout, as Lambda has it."""
    log.parent.mkdir(exist_ok=True)
    real = os.dup(1)
    try:
        with log.open("a") as file:
            os.dup2(file.fileno(), 1)
            yield
    finally:
        os.dup2(real, 1)
        os.close(real)
