"""What a goodbye costs real products: from a host's death to full voters again, and what writers notice of a refresh
of all servers."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lab.bench import decision
from lab.bench.figures import Figure, Measured, median_figure
from lab.bench.machine import load_average
from lab.laboratory import Laboratory, LabTimeoutError
from lab.preparation import prepare
from lab.products.progress import Report, Step
from lab.survey.products import ProductSurveyor
from lab.writers import Writers
from lambdas.domain.config import PRODUCTS, Product

PART = "goodbye"
POLL_SECONDS = 0.25
PATIENCE_SECONDS = 600.0

GAP_SECONDS = 15.0
"""Longest time without an acknowledged write that a refresh may cost: Raft elects within seconds, and each server that
goes hands its leadership over before."""

DEATH_NOTE = "from when EC2 tells of the death; on AWS a failed status check takes it minutes to notice"
REFRESH_NOTE = "of a refresh of all servers, one by one"


def measure(cluster: Path, repeats: int, progress: Report) -> Measured:
    prepared = prepare("container", cluster, progress)
    figures = list(decision.measure(PART, prepared.config))
    loads = [load_average()]
    progress(Step(PART, "forming a cluster"))
    with Laboratory("container", prepared=prepared) as lab:
        lab.wait_formed()
        deaths = []
        for number in range(1, repeats + 1):
            deaths.append(_death(lab, _looking(progress, f"death, {number} of {repeats}")))
            lab.wait_in_service()
        loads.append(load_average())
        started = time.monotonic()
        with Writers(lab) as writers:
            progress(Step(PART, "refreshing all servers"))
            lab.refresh()
            lab.wait_in_service()
        seconds = time.monotonic() - started
        lost = writers.lost()
    loads.append(load_average())
    full = [max(death.values()) for death in deaths]
    figures.append(median_figure(PART, "host dies: all three at full voters again", full, "s", note=DEATH_NOTE))
    figures += [_gap(product, ledger.longest_gap.seconds) for product, ledger in writers.ledgers.items()]
    figures += [_count("failed writes", {product: len(one.failed) for product, one in writers.ledgers.items()})]
    figures += [_count("lost writes", {product: len(numbers) for product, numbers in lost.items()})]
    progress(Step(PART, f"refreshed in {seconds:.0f} s", finished=True))
    details = {
        "deaths": [{product: round(at, 2) for product, at in death.items()} for death in deaths],
        "refresh_seconds": round(seconds, 1),
        "writers": {product: ledger.as_json() for product, ledger in writers.ledgers.items()},
        "load_average": loads,
    }
    return Measured(tuple(figures), details)


def _death(lab: Laboratory, look: Callable[[str], None]) -> dict[Product, float]:
    """Vault's leader loses its power, and EC2 says so. Seconds until each product is whole without it."""
    surveyor = ProductSurveyor(lab.apis, lab.servers, lab.run_script)
    victim = lab.survey().products["vault"].leader
    assert victim is not None
    lab.data_center.faulty.kill(victim)
    lab.aws.client("ec2").terminate_instances(InstanceIds=[victim])
    started, whole = time.monotonic(), dict[Product, float]()
    with lab.data_center.inside():
        while len(whole) < len(PRODUCTS):
            seconds = time.monotonic() - started
            if seconds > PATIENCE_SECONDS:
                raise LabTimeoutError(f"{victim} died {seconds:.0f} s ago, and only {sorted(whole)} are whole again")
            for product in PRODUCTS:
                if product not in whole and _is_whole(surveyor, product, victim, lab.config.voters(product)):
                    whole[product] = time.monotonic() - started
            look(", ".join(f"{product} whole at {at:.1f} s" for product, at in whole.items()) or "not whole")
            time.sleep(POLL_SECONDS)
    return whole


def _is_whole(surveyor: ProductSurveyor, product: Product, victim: str, voters: int) -> bool:
    seen = surveyor.product(product)
    return seen.problem is None and len(seen.voters) == voters and victim not in (*seen.voters, *seen.non_voters)


def _looking(progress: Report, item: str) -> Callable[[str], None]:
    return lambda words: progress(Step(PART, f"{item}: {words}"))


def _gap(product: Product, seconds: float) -> Figure:
    rounded = round(seconds, 2)
    return Figure(PART, f"{product}: longest gap between writes", rounded, "s", GAP_SECONDS, None, (), REFRESH_NOTE)


def _count(name: str, counted: Mapping[Product, int]) -> Figure:
    by_product = ", ".join(f"{product} {number}" for product, number in counted.items())
    return Figure(PART, name, sum(counted.values()), "", 0.0, None, (), f"{by_product}; {REFRESH_NOTE}")
