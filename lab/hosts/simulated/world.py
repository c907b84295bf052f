"""What simulated hosts share: the products' servers, the clock, and the AWS that documents talk to."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lab.hosts.simulated.host import CancelledRunError, ExitError, Host, HostLostError, RunTimedOutError
from lab.hosts.simulated.introductions import Introductions
from lab.hosts.simulated.servers import Servers
from lambdas.domain.names import SEALED_SECRETS

PRODUCTS = ("consul", "vault", "nomad")
STABILIZATION_SECONDS = 10.0
"""Consul's, Vault's and Nomad's default server_stabilization_time."""

CACHE_SECONDS = 5.0
"""How long a secret or a checksum that one host read serves the others: reading costs 10 ms of processor time."""

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Change:
    """A change of membership that a document made. `fencing` is the turn of the lease that it was made in."""

    at: float
    product: str
    phase: str
    server: str
    on: str
    fencing: int
    quorum: bool
    """Whether the product has a leader without it; before it had one, or the document would have refused."""


class World:
    """`lock` guards all that hosts share; AWS is never called while it is held."""

    def __init__(self, client: Client, time_scale: float) -> None:
        self.client = client
        self.time_scale = time_scale
        self.now: Callable[[], float] = time.monotonic
        """The clock of documents' time limits and of their patience."""
        self.hosts: dict[str, Host] = {}
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.servers = {
            product: Servers(
                product,
                time.monotonic,
                STABILIZATION_SECONDS * time_scale,
                self._alive,
                bootstraps_itself=product != "vault",
            )
            for product in PRODUCTS
        }
        self.introductions = Introductions(self.hosts, time_scale)
        self.changes: list[Change] = []
        """By documents, in order."""
        self.tokens_before: dict[str, str] = {}
        """What a secret held before a rotation, by its name; gone once it is retired."""
        self.cut_off: set[str] = set()
        """Hosts that still used a token when it was retired: there must be none."""
        self._secrets: dict[tuple[str | None, str], tuple[float, str]] = {}
        self._digests: dict[tuple[str, str, str], tuple[float, str]] = {}

    def _alive(self, instance_id: str) -> bool:
        host = self.hosts.get(instance_id)
        return host is not None and not host.lost

    def check(self, host: Host, command_id: str) -> None:
        """Raise where the process that asks has been ended from outside."""
        if host.lost:
            raise HostLostError
        if command_id in host.cancelled:
            raise CancelledRunError

    def await_agent(self, host: Host, command_id: str) -> None:
        """Nothing begins while the agent is paused."""
        with self.changed:
            while host.agent_paused:
                self.check(host, command_id)
                self.changed.wait(0.3)

    def sleep(self, host: Host, command_id: str, seconds: float, ends_at: float) -> None:
        """Take time, as a process that can be cancelled, lose its host or run out of time."""
        until = time.monotonic() + seconds
        with self.changed:
            while (left := until - time.monotonic()) > 0:
                self.check(host, command_id)
                if (limit := ends_at - self.now()) <= 0:
                    raise RunTimedOutError
                self.changed.wait(min(left, limit))
            self.check(host, command_id)

    def wait_until(
        self, host: Host, command_id: str, obstacle: Callable[[], str | None], ends_at: float, patience_seconds: float
    ) -> None:
        """Ask again until there is no obstacle; exit 75 with the last one when patience ends. Called with the lock."""
        gives_up_at = self.now() + patience_seconds
        while True:
            self.check(host, command_id)
            self.settle()
            what = obstacle()
            if what is None:
                return
            now = self.now()
            if now >= ends_at:
                raise RunTimedOutError
            if now >= gives_up_at:
                raise ExitError(75, what)
            # Votes come by the clock and not by a change, hence the short wait.
            self.changed.wait(min(0.3 * max(self.time_scale, 0.05), gives_up_at - now, ends_at - now))

    def settle(self) -> None:
        for servers in self.servers.values():
            servers.settle()
            for raft in servers.clusters:
                raft.settle()

    # What documents do to AWS.

    def digest(self, host: Host, bucket: str, key: str) -> str:
        """SHA-256 of an object, read for real and remembered for a moment: what one role may read says nothing of
        another."""
        now, read = time.monotonic(), (host.machine.role_name, bucket, key)
        read_at, digest = self._digests.get(read, (-CACHE_SECONDS, ""))
        if now - read_at >= CACHE_SECONDS:
            digest = hashlib.sha256(self.read(bucket, key)).hexdigest()
            self._digests[read] = (now, digest)
        return digest

    def read(self, bucket: str, key: str) -> bytes:
        try:
            return bytes(self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
        except ClientError as error:
            raise ExitError(70, f"reading {key}: {_code(error)}") from error

    def secret(self, host: Host, name: str, label: str = "AWSCURRENT") -> str | None:
        """A secret's value, or None where it has none yet. What one role may read says nothing of another, and what one
        host may read of a sealed secret nothing of its neighbour."""
        sealed = name.split("/", 2)[-1] in SEALED_SECRETS
        reader = host.machine.instance_id if sealed else host.machine.role_name
        now, key = time.monotonic(), (reader, f"{name} {label}")
        read_at, value = self._secrets.get(key, (-CACHE_SECONDS, ""))
        if now - read_at < CACHE_SECONDS:
            return value
        try:
            read = self.client("secretsmanager").get_secret_value(SecretId=name, VersionStage=label)
            value = str(read.get("SecretString") or "")
        except ClientError as error:
            if _code(error) == "ResourceNotFoundException":
                return None
            raise ExitError(70, f"reading secret {name} answered {_code(error)}") from error
        if value:
            self._secrets[key] = (now, value)
        return value or None

    def version_of(self, name: str) -> tuple[str, list[str]]:
        """Id and labels of a secret's current version, whose value stays unread; nothing where there is none."""
        try:
            versions = self.client("secretsmanager").describe_secret(SecretId=name).get("VersionIdsToStages", {})
        except ClientError as error:
            raise ExitError(70, f"asking for secret {name} answered {_code(error)}") from error
        return next(((one, labels) for one, labels in versions.items() if "AWSCURRENT" in labels), ("", []))

    def store_secret(self, name: str, value: str, generation: str) -> bool:
        """False where this generation has stored another value already."""
        return self.store_version(name, value, f"{name} AWSCURRENT generation {generation}")

    def store_version(self, name: str, value: str, mark: str, *labels: str) -> bool:
        """False where another value was stored for `mark` already."""
        try:
            self.client("secretsmanager").put_secret_value(
                SecretId=name,
                SecretString=value,
                ClientRequestToken=write_token(mark),
                VersionStages=list(labels or ("AWSCURRENT",)),
            )
        except ClientError as error:
            if _code(error) == "ResourceExistsException":
                return False
            raise ExitError(70, f"storing secret {name} answered {_code(error)}") from error
        for key in [key for key in self._secrets.copy() if key[1].startswith(f"{name} ")]:
            self._secrets.pop(key, None)
        return True


def write_token(mark: str) -> str:
    """By which a second writer for the same mark is known, a UUID; it becomes the id of the version that it stores."""
    digest = hashlib.sha256(mark.encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
