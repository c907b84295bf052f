"""What befalls a cluster, as data: a deed is the name of a method of `Machines` and its arguments."""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

Deed = tuple[Any, ...]

SIZES, HOW_OFTEN = (1, 3, 5, 7), (8, 9, 2, 1)
"""Voters. A goodbye asks every server in every turn, so that large clusters cost most and show little more."""

LARGEST = 7
MERCILESS = 0.08
"""Share of the histories in which faults alone cost a product its quorum. The cluster has to be made anew then."""

FUNCTIONS = (
    "plan_terminate",
    "take_turn",
    "send_command",
    "complete_command",
    "decide_step",
    "end_turn",
    "complete_terminate",
    "plan_launch",
    "plan_membership",
    "complete_launch",
    "plan_sweep",
    "triage",
)
MOST_CALLS = 6
"""AWS calls after which a function dies: few make more."""

EVENTS = ("terminate Lifecycle Action", "launch Lifecycle Action", "Command Invocation Status-change", "")
APIS = (
    ("ssm", "SendCommand"),
    ("ssm", "GetCommandInvocation"),
    ("dynamodb", "UpdateItem"),
    ("dynamodb", "PutItem"),
    ("dynamodb", "GetItem"),
    ("dynamodb", "Query"),
    ("ec2", "DescribeInstances"),
    ("autoscaling", "DescribeAutoScalingGroups"),
    ("autoscaling", "CompleteLifecycleAction"),
    ("autoscaling", "RecordLifecycleActionHeartbeat"),
    ("stepfunctions", "SendTaskSuccess"),
    ("stepfunctions", "StartExecution"),
)
PRODUCTS = ("consul", "vault", "nomad")


class History(NamedTuple):
    seed: int
    size: int
    merciful: bool
    """Never so many faults at a time that a product would lose its quorum by them."""
    deeds: tuple[Deed, ...]


def _server(random: Random) -> int:
    return random.randrange(LARGEST)


# Each draws the arguments. A server is told by its place among those in service.
DISTURBANCES: dict[str, Callable[[Random], Deed]] = {
    "duplicate": lambda random: (random.choice(EVENTS), random.choice((0, 5, 300))),
    "delay": lambda random: (random.choice(EVENTS), random.choice((5, 30, 300)), random.randint(1, 3)),
    "drop": lambda random: (random.choice(EVENTS[:3]), random.randint(1, 2)),
    "kill_lambda": lambda random: (random.choice(FUNCTIONS), random.randint(0, MOST_CALLS)),
    "throttle": lambda random: (*random.choice(APIS), random.randint(1, 4)),
    "lose_answer": lambda random: random.choice(APIS),
    "expire_lease": lambda random: (),
    "stop_execution": lambda random: (random.choice(("node_terminate", "node_terminate", "node_launch", "sweep")),),
    "pause_agent": lambda random: (_server(random),),
    "end_hook": lambda random: (),
    "sweep": lambda random: (),
    "mistaken_goodbye": lambda random: (_server(random),),
}
DEPARTURES: dict[str, Callable[[Random], Deed]] = {
    "terminate": lambda random: (_server(random),),
    "scale_out": lambda random: (),
    "scale_in": lambda random: (),
}
LOSSES: dict[str, Callable[[Random], Deed]] = {
    "kill_host": lambda random: (_server(random),),
    "terminate_host": lambda random: (_server(random),),
    "partition": lambda random: (_server(random),),
    "stop_product": lambda random: (_server(random), random.choice(PRODUCTS)),
}
"""Each takes a voter from a product. What a cluster bears of them is (voters - 1) / 2."""


def borne(size: int) -> int:
    return (size - 1) // 2


def draw(seed: int) -> History:
    """The history of that seed, the same on any machine."""
    random = Random(seed)
    size = random.choices(SIZES, HOW_OFTEN)[0]
    merciful = random.random() >= MERCILESS
    kinds = random.sample(sorted(DISTURBANCES), random.randint(1, 3))
    deeds: list[Deed] = []
    for kind in random.choices(kinds, k=random.randint(1, 4)):
        deeds.append((kind, *DISTURBANCES[kind](random)))
    for kind in random.choices(sorted(DEPARTURES), (1, 1, 4), k=random.choice((1, 1, 1, 2))):
        deeds.insert(random.randint(0, len(deeds)), (kind, *DEPARTURES[kind](random)))
    losses = random.randint(0, borne(size)) if merciful else borne(size) + 1
    for kind in random.choices(sorted(LOSSES), k=losses):
        deeds.insert(random.randint(0, len(deeds)), (kind, *LOSSES[kind](random)))
    return History(seed, size, merciful, tuple(_with_pauses(random, deeds)))


def _with_pauses(random: Random, deeds: list[Deed]) -> list[Deed]:
    """Between two deeds some handlers run, so that the next one meets the cluster at work."""
    paced: list[Deed] = []
    for deed in deeds:
        paced.append(deed)
        if random.random() < 0.7:
            paced.append(("pass", random.choice((1, 3, 10, 30))))
    return paced


def tell(deed: Deed) -> str:
    kind, *arguments = deed
    return " ".join([str(kind), *(repr(one) if one == "" else str(one) for one in arguments)])
