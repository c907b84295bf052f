"""What end-to-end tests ask of a cluster whose servers come and go."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from lab.bench.timeline import read_scripts
from lab.laboratory import Laboratory
from lab.survey.products import ProductSurveyor
from lambdas.domain import names
from lambdas.domain.config import PRODUCTS, Product
from tests.e2e.cluster import assert_quorate

GROUP = "servers"
CHANGES = ("hand_over", "leave", "remove")
FAILED = 4
"""serf's status of a member that is gone and that nobody took out; 1 is alive, 3 left."""

LOOK_SECONDS = 1.0

TRANSFERS = {"consul": ("POST", "transfer-leader"), "nomad": ("PUT", "transfer-leadership")}

LOOKED_AT: tuple[Product, ...] = ("consul", "nomad")


def group_name(lab: Laboratory) -> str:
    return names.autoscaling_group(lab.config.name, GROUP)


def terminate(lab: Laboratory, instance_id: str, *, smaller: bool = False) -> None:
    """As an operator or an instance refresh does: through the group, so that the hook is met."""
    lab.aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=instance_id, ShouldDecrementDesiredCapacity=smaller
    )


def servers(lab: Laboratory) -> set[str]:
    return set(lab.servers("consul"))


def state_of(lab: Laboratory, instance_id: str) -> str:
    """Auto Scaling's lifecycle state; empty for one that has left its group."""
    return next((node.state for node in lab.nodes() if node.instance_id == instance_id), "")


def in_service(lab: Laboratory) -> int:
    return sum(node.state == "InService" for node in lab.nodes() if node.group == GROUP)


def settle(lab: Laboratory, voters: int, timeout_seconds: float = 300.0) -> None:
    """Until every goodbye is over: then exactly the living are peers of all three, and nobody is remembered as failed.

    What went wrong is told with the journal.
    """
    try:
        lab.wait_in_service(timeout_seconds)
        survey, living = lab.survey(), servers(lab)
        assert_quorate(survey, voters)
        for product in PRODUCTS:
            assert set(survey.products[product].voters) == living, product
        assert not ghosts(lab), "members that gossip counts as failed"
        assert one_after_the_other(lab)
        assert not lab.aws.errors
    except Exception as error:
        for entry in journal(lab):
            error.add_note(told(entry))
        raise


def journal(lab: Laboratory, node: str | None = None) -> list[dict[str, str]]:
    """Oldest first."""
    return [entry for entry in lab.journal() if node in (None, entry["node"])]


def told(entry: dict[str, str]) -> str:
    outcome = f" -> {entry['outcome']}" if entry["outcome"] else ""
    return f"{entry['at'][11:23]} {entry['node']} {entry['decision']}: {entry['reason']}{outcome}"


def ghosts(lab: Laboratory) -> list[str]:
    """Members of Consul's and Nomad's gossip that failed and are still remembered."""
    with lab.data_center.inside():
        consul = lab.apis.first("consul", list(lab.servers("consul").values()), "agent/members")
        nomad = lab.apis.first("nomad", list(lab.servers("nomad").values()), "agent/members")["Members"]
    return [one["Name"] for one in consul if one["Status"] == FAILED] + [
        one["Name"] for one in nomad if one["Status"] == "failed"
    ]


@dataclass(frozen=True)
class Ring:
    """How many members of a product's gossip are alive, and how many of them have each key."""

    members: int
    keys: dict[str, int]


def rings(lab: Laboratory) -> dict[Product, Ring]:
    with lab.data_center.inside():
        [consul] = lab.apis.first("consul", list(lab.servers("consul").values()), "operator/keyring")
        nomad = lab.apis.first("nomad", list(lab.servers("nomad").values()), "agent/keyring/list")
    return {"consul": Ring(consul["NumNodes"], consul["Keys"]), "nomad": Ring(nomad["NumNodes"], nomad["Keys"])}


@dataclass(frozen=True)
class Change:
    """A command that may change a server's membership, from its script's start to its end."""

    document: str
    instance_id: str
    began_at: float
    ended_at: float


def changes(lab: Laboratory) -> list[Change]:
    """Those under the membership lease, in the order in which they began. A client's goodbye needs no lease."""
    client = {
        (command["DocumentName"], instance_id)
        for page in lab.aws.client("ssm").get_paginator("list_commands").paginate()
        for command in page["Commands"]
        if command["Parameters"].get("Fencing") == ["-"]
        for instance_id in command["InstanceIds"]
    }
    found = [
        Change(script.document.removeprefix(f"quorate-{lab.config.name}-"), script.instance_id, *script.span)
        for script in read_scripts(lab.aws)
        if script.document.endswith(tuple(f"-{phase}" for phase in CHANGES))
        and (script.document, script.instance_id) not in client
    ]
    return sorted(found, key=lambda change: change.began_at)


def one_after_the_other(lab: Laboratory) -> bool:
    """Whether no two changes of membership overlapped, in any product."""
    made = changes(lab)
    return all(before.ended_at <= after.began_at for before, after in pairwise(made))


def lead_all(lab: Laboratory) -> str:
    """One server leads all three products, as it may happen: Vault's leader gets the others' leadership too."""
    leader = lab.survey().products["vault"].leader
    assert leader is not None
    with lab.data_center.inside():
        for product in LOOKED_AT:
            addresses = list(lab.servers(product).values())
            peers = lab.apis.first(product, addresses, "operator/raft/configuration")["Servers"]
            wanted = next(peer for peer in peers if peer["Node"].partition(".")[0] == leader)
            if not wanted["Leader"]:
                method, verb = TRANSFERS[product]
                lab.apis.call(product, addresses[0], f"operator/raft/{verb}?id={wanted['ID']}", method=method)
    lab.wait_until(
        lambda: {lab.survey().products[product].leader for product in PRODUCTS} == {leader},
        30,
        lambda: str(lab.survey()),
    )
    return leader


@contextmanager
def fewest_voters(lab: Laboratory) -> Iterator[dict[str, int]]:
    """The fewest voters that Consul and Nomad had meanwhile. Vault's would cost its node a login at each look."""
    surveyor = ProductSurveyor(lab.apis, lab.servers, lab.run_script)

    def look() -> dict[str, int]:
        seen = {product: surveyor.product(product) for product in LOOKED_AT}
        # Else somebody was asked who was just going.
        return {product: len(one.voters) for product, one in seen.items() if one.problem is None}

    with _fewest(lab, look) as fewest:
        yield fewest


@contextmanager
def fewest_healthy(lab: Laboratory, service: str) -> Iterator[dict[str, int]]:
    """The fewest instances of a service that Consul counted as healthy meanwhile."""

    def look() -> dict[str, int]:
        addresses = list(lab.servers("consul").values())
        return {service: len(lab.apis.first("consul", addresses, f"health/service/{service}?passing=true"))}

    with _fewest(lab, look) as fewest:
        yield fewest


@contextmanager
def _fewest(lab: Laboratory, look: Callable[[], Mapping[str, int]]) -> Iterator[dict[str, int]]:
    """The least of each number that was seen, once a second."""
    fewest: dict[str, int] = {}
    stopping = threading.Event()

    def watch() -> None:
        with lab.data_center.inside():
            while not stopping.wait(LOOK_SECONDS):
                for name, number in look().items():
                    fewest[name] = min(number, fewest.get(name, number))

    with ThreadPoolExecutor(max_workers=1) as threads:
        watching = threads.submit(watch)
        try:
            yield fewest
        finally:
            stopping.set()
        watching.result()
