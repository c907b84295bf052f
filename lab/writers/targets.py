"""What is written to each product, and how all of it is read again."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Protocol

from lab.writers.client import Client, RefusedError
from lab.writers.vault_access import MOUNT
from lambdas.domain.config import Product


class Target(Protocol):
    """`run` keeps the writes of one run apart from those of another."""

    product: Product

    def write(self, client: Client, run: str, number: int) -> tuple[str, ...]:
        """What servers said that did not take it before one did. Raises RefusedError."""

    def read(self, client: Client, run: str, numbers: list[int]) -> set[int]:
        """Those of `numbers` that are there, with the value that was written. Raises RefusedError."""


class ConsulKeys:
    product: Product = "consul"

    def write(self, client: Client, run: str, number: int) -> tuple[str, ...]:
        answer, refusals = client.request("PUT", f"kv/{MOUNT}/{run}/{number}", value(run, number).encode())
        if answer is not True:
            raise RefusedError((*refusals, f"answered {answer}"))
        return refusals

    def read(self, client: Client, run: str, numbers: list[int]) -> set[int]:
        entries, _ = client.request("GET", f"kv/{MOUNT}/{run}/?recurse&consistent")
        found = {int(one["Key"].rpartition("/")[2]): base64.b64decode(one["Value"] or "").decode() for one in entries}
        return _same(run, numbers, found)


class VaultKeys:
    """In a KV engine of version 2, as applications use it."""

    product: Product = "vault"

    def write(self, client: Client, run: str, number: int) -> tuple[str, ...]:
        body = json.dumps({"data": {"value": value(run, number)}}).encode()
        return client.request("POST", f"{MOUNT}/data/{run}/{number}", body)[1]

    def read(self, client: Client, run: str, numbers: list[int]) -> set[int]:
        listed, _ = client.request("GET", f"{MOUNT}/metadata/{run}?list=true")
        there = {int(key) for key in listed["data"]["keys"]}
        found = {
            number: client.request("GET", f"{MOUNT}/data/{run}/{number}")[0]["data"]["data"]["value"]
            for number in numbers
            if number in there
        }
        return _same(run, numbers, found)


class NomadJobs:
    """Parameterised batch jobs, which are kept and never placed: nobody dispatches them."""

    product: Product = "nomad"

    def write(self, client: Client, run: str, number: int) -> tuple[str, ...]:
        return client.request("PUT", "jobs", json.dumps({"Job": _job(run, number)}).encode())[1]

    def read(self, client: Client, run: str, numbers: list[int]) -> set[int]:
        listed, _ = client.request("GET", f"jobs?prefix={MOUNT}-{run}-&meta=true")
        found = {int(one["ID"].rpartition("-")[2]): (one.get("Meta") or {}).get("value") for one in listed}
        return _same(run, numbers, found)


TARGETS: tuple[Target, ...] = (ConsulKeys(), VaultKeys(), NomadJobs())


def value(run: str, number: int) -> str:
    return f"{run}-{number}"


def _same(run: str, numbers: list[int], found: Mapping[int, str | None]) -> set[int]:
    return {number for number in numbers if found.get(number) == value(run, number)}


def _job(run: str, number: int) -> dict[str, Any]:
    name = f"{MOUNT}-{run}-{number}"
    task = {"Name": "nothing", "Driver": "docker", "Config": {"image": "none"}}
    return {
        "ID": name,
        "Name": name,
        "Type": "batch",
        "Datacenters": ["*"],
        "Meta": {"value": value(run, number)},
        "ParameterizedJob": {},
        "TaskGroups": [{"Name": "nothing", "Tasks": [task]}],
    }
