"""What every service module of the embedded AWS shares."""

import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from lab.aws.background import Background
from lab.aws.big_lock import BigLock
from lab.aws.calls import CallCounter
from lab.aws.chaos import Chaos
from lab.aws.clock import Clock
from lab.aws.seams import Seams
from lab.hosts.seam import Hosts

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
    _clients: dict[str, Any] = field(default_factory=dict)
    _clients_lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str) -> Any:
        """A boto3 client, one per service, shared between threads. It does not retry: its users want to see errors."""
        with self._clients_lock:
            if service not in self._clients:
                self._clients[service] = boto3.client(service, region_name=self.region, config=ONCE)
            return self._clients[service]

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"
