"""The instance metadata service, version 2 only, for all hosts: the source address says which one asks.

`lab.hosts.metadata_server` serves it.
"""

import base64
import datetime
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Union

from lab.hosts.name_server import host_name
from lab.hosts.network import mac_address
from lab.hosts.seam import Machine

TOKEN_PATH = "/latest/api/token"
TOKEN_HEADER = "X-aws-ec2-metadata-token"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
LONGEST_TOKEN_SECONDS = 21_600
CREDENTIAL_LIFE = datetime.timedelta(hours=6)
ACCESS_KEY_PREFIX = "ASIA"  # what keys of temporary credentials begin with

# A leaf is its value, or is asked for it when somebody reads it; None means that it is not there now.
Leaf = str | Callable[[], str | None]
Catalogue = Mapping[str, Union[Leaf, "Catalogue"]]


class Headers(Protocol):
    """HTTP header fields; names compare without case."""

    def get(self, name: str, default: str) -> str: ...

    def __contains__(self, name: str, /) -> bool: ...


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Metadata:
    """What the service answers. It knows no sockets, so that its protocol can be tried without any."""

    def __init__(
        self,
        machine_at: Callable[[str], Machine | None],
        lifecycle_state: Callable[[str], str | None] = lambda instance_id: None,
        account: str = "123456789012",
    ) -> None:
        self._machine_at = machine_at
        self._lifecycle_state = lifecycle_state
        self._account = account
        self._secret = secrets.token_bytes(32)
        self._tokens: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, headers: Headers, source: str) -> Answer:
        """Answer one request of the host at `source`."""
        machine = self._machine_at(source)
        if machine is None:
            return Answer(404)
        path = path.partition("?")[0]
        if method == "PUT":
            return self._grant(machine, path, headers)
        if method not in ("GET", "HEAD"):
            return Answer(405)
        if not self._is_good(headers.get(TOKEN_HEADER, ""), machine):
            return Answer(401)
        return _look_up(self._catalogue(machine), path)

    def _grant(self, machine: Machine, path: str, headers: Headers) -> Answer:
        if path != TOKEN_PATH:
            return Answer(405)
        if "X-Forwarded-For" in headers:  # the service's own guard against proxies that are open to the world
            return Answer(403)
        ttl = headers.get(TTL_HEADER, "")
        if not (ttl.isdecimal() and 1 <= int(ttl) <= LONGEST_TOKEN_SECONDS):
            return Answer(400)
        token = base64.urlsafe_b64encode(secrets.token_bytes(42)).decode()
        now = time.monotonic()
        with self._lock:
            self._tokens = {key: value for key, value in self._tokens.items() if value[1] > now}
            self._tokens[token] = (machine.instance_id, now + int(ttl))
        return Answer(200, token, ((TTL_HEADER, ttl),))

    def _is_good(self, token: str, machine: Machine) -> bool:
        with self._lock:
            instance_id, expires_at = self._tokens.get(token, ("", 0.0))
        return instance_id == machine.instance_id and time.monotonic() < expires_at

    def _catalogue(self, machine: Machine) -> Catalogue:
        name = host_name(machine.private_ip, machine.region)
        mac = mac_address(machine.private_ip)
        metadata: dict[str, Any] = {
            "ami-id": machine.image_id,
            "hostname": name,
            "instance-id": machine.instance_id,
            "instance-life-cycle": "on-demand",
            "instance-type": machine.instance_type,
            "local-hostname": name,
            "local-ipv4": machine.private_ip,
            "mac": mac,
            "network": {"interfaces": {"macs": {mac: self._interface(machine, name, mac)}}},
            "placement": {"availability-zone": machine.availability_zone, "region": machine.region},
            "services": {"domain": "amazonaws.com", "partition": "aws"},
        }
        if machine.tags:
            metadata["tags"] = {"instance": dict(machine.tags)}
        if machine.role_name:
            metadata["iam"] = {
                "info": self._profile(machine),
                "security-credentials": {machine.role_name: self._credentials(machine)},
            }
        if machine.autoscaling_group:
            metadata["autoscaling"] = {
                "target-lifecycle-state": lambda: target_of(self._lifecycle_state(machine.instance_id)),
            }
        identity = {"document": self._identity(machine)}
        latest: dict[str, Any] = {"meta-data": metadata, "dynamic": {"instance-identity": identity}}
        if machine.user_data:
            latest["user-data"] = machine.user_data
        return {"latest": latest}

    def _interface(self, machine: Machine, name: str, mac: str) -> Catalogue:
        return {
            "device-number": "0",
            "local-hostname": name,
            "local-ipv4s": machine.private_ip,
            "mac": mac,
            "owner-id": self._account,
            "subnet-ipv4-cidr-block": machine.subnet_cidr,
            "vpc-ipv4-cidr-block": machine.vpc_cidr,
            "vpc-ipv4-cidr-blocks": machine.vpc_cidr,
        }

    def _profile(self, machine: Machine) -> str:
        arn = machine.instance_profile_arn or ""
        return _document(
            {"Code": "Success", "LastUpdated": _utc(), "InstanceProfileArn": arn, "InstanceProfileId": "AIPALAB"}
        )

    def _credentials(self, machine: Machine) -> str:
        """Good for nothing outside the lab; each instance has its own, and keeps it."""
        return _document(
            {
                "Code": "Success",
                "LastUpdated": _utc(),
                "Type": "AWS-HMAC",
                "AccessKeyId": access_key_of(machine.instance_id),
                "SecretAccessKey": self._derived(machine, "secret access key")[:40],
                "Token": self._derived(machine, "session token"),
                "Expiration": _utc(CREDENTIAL_LIFE),
            }
        )

    def _derived(self, machine: Machine, purpose: str) -> str:
        message = f"{purpose} of {machine.instance_id}".encode()
        return base64.b64encode(hmac.digest(self._secret, message, hashlib.sha256)).decode()

    def _identity(self, machine: Machine) -> str:
        return _document(
            {
                "accountId": self._account,
                "architecture": architecture(machine.instance_type),
                "availabilityZone": machine.availability_zone,
                "imageId": machine.image_id,
                "instanceId": machine.instance_id,
                "instanceType": machine.instance_type,
                "privateIp": machine.private_ip,
                "region": machine.region,
                "version": "2017-09-30",
            }
        )


def access_key_of(instance_id: str) -> str:
    """The access key id of an instance's role credentials says whose they are."""
    return ACCESS_KEY_PREFIX + instance_id.removeprefix("i-").upper()


def instance_of(access_key_id: str) -> str | None:
    """The instance whose role credentials these are; None for keys of any other kind."""
    number = access_key_id.removeprefix(ACCESS_KEY_PREFIX).lower()
    known = access_key_id.startswith(ACCESS_KEY_PREFIX) and len(number) == 17
    return f"i-{number}" if known and all(digit in "0123456789abcdef" for digit in number) else None


def target_of(lifecycle_state: str | None) -> str | None:
    """Where Auto Scaling is taking an instance that is in that state: what the metadata service says, which knows no
    state on the way (Auto Scaling user guide, "Retrieve the target lifecycle state through instance metadata")."""
    if lifecycle_state is None:
        return None
    on_the_way = lifecycle_state.partition(":")[0]  # without :Wait and :Proceed; Warmed:... is left as it is
    return _TARGETS.get(on_the_way, lifecycle_state)


_TARGETS = {
    "Pending": "InService",
    "Terminating": "Terminated",
    "EnteringStandby": "Standby",
    "Detaching": "Detached",
}


def architecture(instance_type: str) -> str:
    """`arm64` for Graviton families (t4g, m7gd, x2gd ...), else `x86_64`."""
    family = instance_type.partition(".")[0]
    after_generation = family.lstrip("abcdefghijklmnopqrstuvwxyz").lstrip("0123456789")
    return "arm64" if "g" in after_generation or family == "a1" else "x86_64"


def _look_up(catalogue: Catalogue, path: str) -> Answer:
    """A leaf is its value; a category lists its members, one a line, categories with a slash."""
    found: Leaf | Catalogue = catalogue
    for part in path.strip("/").split("/"):
        if not isinstance(found, Mapping) or part not in found:
            return Answer(404)
        found = found[part]
    if not isinstance(found, Mapping):
        value = found if isinstance(found, str) else found()
        return Answer(404) if value is None else Answer(200, value)
    # Roles and tags are leaves in fact and in the listing; only what has members gets the slash.
    return Answer(200, "\n".join(f"{name}/" if isinstance(found[name], Mapping) else name for name in found))


def _document(content: Mapping[str, str]) -> str:
    return json.dumps(content, indent=2)


def _utc(later: datetime.timedelta = datetime.timedelta()) -> str:
    return (datetime.datetime.now(datetime.UTC) + later).strftime("%Y-%m-%dT%H:%M:%SZ")
