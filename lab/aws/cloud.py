"""What every service module of the embedded AWS shares."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from lab.aws.background import Background
from lab.aws.big_lock import BigLock
from lab.aws.calls import CallCounter
from lab.aws.chaos import Chaos
from lab.aws.clock import Clock
from lab.aws.limits import Limits
from lab.aws.seams import Seams
from lab.aws.turns import Turns
from lab.hosts.seam import Hosts

Refusal = Callable[[Callable[[], Any]], str | None]
"""Why the current caller may not make the API call that the argument reads; None where it may. See `lab.aws.iam`."""


def _never(read: Callable[[], Any]) -> str | None:
    return None


ONCE = Config(retries={"total_max_attempts": 1})


@dataclass
class Cloud:
    """One account in one region, the machines under it, and the means by which moto is bent into shape."""

    hosts: Hosts
    region: str
    account: str
    clock: Clock
    chaos: Chaos
    lock: BigLock = field(default_factory=BigLock)
    background: Background = field(default_factory=Background)
    seams: Seams = field(default_factory=Seams)
    calls: CallCounter = field(default_factory=CallCounter)
    turns: Turns = field(default_factory=Turns)
    refusal: Refusal = _never

    limits: Limits = field(init=False)

    def __post_init__(self) -> None:
        self.limits = Limits(self.turns, self.background)

    def client(self, service: str) -> Any:
        """A boto3 client, shared between threads. It does not retry: its users want to see errors."""
        return _client(service, self.region)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


@functools.cache
def _client(service: str, region: str) -> Any:
    # For the life of the process: a client knows nothing of the embedded AWS that answers it, and takes 20 ms to make.
    return boto3.client(service, region_name=region, config=ONCE)
