"""Formation on real products: Quorate and the plain script in turns, on the same machine, watched by the same eyes."""

import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.bench.figures import Figure, Measured, median_figure
from lab.bench.floor import Floor, FloorFailedError
from lab.bench.last_words import last_words
from lab.bench.launches import launched, per_client, per_server
from lab.bench.machine import load_average
from lab.bench.timeline import Segment, paths
from lab.bench.watch import NotFormedError, Times, Watch
from lab.laboratory import FormationFailedError, Laboratory, LabTimeoutError
from lab.preparation import Prepared, prepare
from lab.products.progress import Report, Step, silent
from lab.survey.products import ProductSurveyor
from lambdas.domain.config import PRODUCTS

PART = "formation"
RATIO_TARGET, RATIO_AIM = 2.0, 1.5
SERVER_TRANSITIONS, SERVER_ROUND_TRIPS = 60, 6
CLIENT_TRANSITIONS, CLIENT_ROUND_TRIPS = 45, 5
SHARE = "with the server's share of form_cluster"
CHECK_SECONDS = 5.0


@dataclass(frozen=True)
class Formed:
    """One run of Quorate."""

    times: Times
    paths: dict[str, list[Segment]]
    """To all voters (`server`) and to the running job (`client`)."""
    server: tuple[float, int]
    client: tuple[int, int]


def measure(cluster: Path, repeats: int, progress: Report) -> Measured:
    prepared = prepare("container", cluster, progress)
    formed: list[Formed] = []
    floors: list[Times] = []
    loads = []
    for number in range(1, repeats + 1):
        loads.append(load_average())
        floors.append(_floor(prepared, f"floor, {number} of {repeats}", progress))
        formed.append(_quorate(prepared, f"quorate, {number} of {repeats}", progress))
    servers, clients = [one.server for one in formed], [one.client for one in formed]
    figures = [
        *_over_the_floor("job runs", [one.times.job_running for one in formed], [one.job_running for one in floors]),
        *_over_the_floor("all vote", [one.times.all_voters for one in formed], [one.all_voters for one in floors]),
        _most("server: state transitions", [states for states, _ in servers], SERVER_TRANSITIONS, SHARE),
        _most("server: round trips in a row", [trips for _, trips in servers], SERVER_ROUND_TRIPS, SHARE),
        _most("client: state transitions", [states for states, _ in clients], CLIENT_TRANSITIONS),
        _most("client: round trips in a row", [trips for _, trips in clients], CLIENT_ROUND_TRIPS),
    ]
    middle = sorted(formed, key=lambda one: one.times.all_voters)[(len(formed) - 1) // 2]
    details = {
        "quorate": [_times(one.times) for one in formed],
        "floor": [_times(one) for one in floors],
        "load_average_before": loads,
        "critical_paths": {goal: [one.as_json() for one in path] for goal, path in middle.paths.items()},
        "critical_path_sums": {goal: _sum(path) for goal, path in middle.paths.items()},
    }
    return Measured(tuple(figures), details)


def _quorate(prepared: Prepared, item: str, progress: Report) -> Formed:
    progress(Step(item, "deploying"))
    with Laboratory("container", prepared=prepared) as lab:
        started, started_at = time.monotonic(), time.time()
        surveyor = ProductSurveyor(lab.apis, lab.servers, lab.run_script)

        def check() -> None:
            if lab.formation().get("status") == "failed":
                raise FormationFailedError(str(lab.formation().get("reason")))

        watch = Watch(
            lab.config,
            surveyor,
            lab.apis,
            lambda: list(lab.servers("nomad").values()),
            lab.submit_job,
            _looking(item, progress, check),
        )
        with lab.data_center.inside():
            try:
                times = watch.until_formed(started)
            except NotFormedError as error:
                groups = {node.instance_id: node.group for node in lab.nodes()}
                raise NotFormedError(f"{error}\n{last_words(lab.data_center, groups)}") from error
        goals = {"server": started_at + times.all_voters, "client": started_at + (times.job_running or 0.0)}
        with suppress(LabTimeoutError):
            lab.wait_in_service(120.0)  # the last launches conclude: their executions are counted whole
        cluster = lab.config.name
        formed = Formed(
            times,
            paths(lab.aws, cluster, started_at, goals),
            per_server(lab.aws, cluster),
            per_client(launched(lab.aws, cluster, "client")),
        )
    progress(Step(item, _said(times), finished=True))
    return formed


def _floor(prepared: Prepared, item: str, progress: Report) -> Times:
    progress(Step(item, "making hosts, certificates and links"))
    with Floor(prepared) as floor:
        times = form_plainly(floor, item, progress)
    progress(Step(item, _said(times), finished=True))
    return times


def form_plainly(floor: Floor, item: str = "floor", progress: Report = silent) -> Times:
    """Switch the floor's hosts on and watch. Raises FloorFailedError, with what they said, if they do not get there."""
    look = _looking(item, progress, floor.check)
    surveyor = ProductSurveyor(floor.apis, floor.servers, floor.run_script)
    watch = Watch(floor.config, surveyor, floor.apis, lambda: list(floor.servers("nomad").values()), None, look)
    started = floor.launch()
    with floor.data_center.inside():
        try:
            return watch.until_formed(started)
        except NotFormedError as error:
            raise FloorFailedError(f"{error}\n{floor.last_words()}") from error


def _looking(item: str, progress: Report, check: Callable[[], None]) -> Callable[[Times, float], None]:
    checked_at = 0.0

    def look(times: Times, now: float) -> None:
        nonlocal checked_at
        if now - checked_at >= CHECK_SECONDS:
            checked_at = now
            check()
            progress(Step(item, _said(times) or "installing", now))

    return look


def _over_the_floor(what: str, ours: list[float | None], floor: list[float | None]) -> list[Figure]:
    a, b = ([one for one in some if one is not None] for some in (ours, floor))
    ratio = statistics.median(a) / statistics.median(b)
    pairs = tuple(round(one / other, 3) for one, other in zip(a, b, strict=True))
    note = "ratio of the medians; samples are the ratios of each turn"
    return [
        median_figure(PART, f"{what}: quorate", a, "s"),
        median_figure(PART, f"{what}: floor", b, "s"),
        Figure(PART, f"{what}: over the floor", round(ratio, 3), "", RATIO_TARGET, RATIO_AIM, pairs, note),
    ]


def _most(name: str, samples: list[float] | list[int], target: float, note: str = "") -> Figure:
    return Figure(
        PART, name, round(max(samples), 1), "", target, None, tuple(round(float(one), 1) for one in samples), note
    )


def _times(times: Times) -> dict[str, Any]:
    rounded = {product: round(at, 2) for product, at in times.voters.items()}
    job = {"job_submitted": times.job_submitted, "job_running": times.job_running}
    return {"voters": rounded, **{key: None if at is None else round(at, 2) for key, at in job.items()}}


def _said(times: Times) -> str:
    parts = [f"{product} votes at {times.voters[product]:.1f} s" for product in PRODUCTS if product in times.voters]
    if times.job_running is not None:
        parts.append(f"the job runs at {times.job_running:.1f} s")
    return ", ".join(parts)


def _sum(path: list[Segment]) -> dict[str, float]:
    return {
        kind: round(sum(getattr(segment, kind) for segment in path), 2)
        for kind in ("seconds", "scripts", "handlers", "waiting")
    }
