"""Vault as people and as tasks reach it in end-to-end tests."""

import http.client
import ssl
from contextlib import AbstractContextManager

from lab.laboratory import Laboratory
from lab.survey import Allocation
from lab.writers import vault_access
from lab.writers.client import Client
from tests.e2e.cluster import PORTS, get

READ_TOKEN = """#!/bin/bash
cat /var/lib/nomad/alloc/{allocation}/{task}/secrets/vault_token
"""


def as_root(lab: Laboratory) -> AbstractContextManager[vault_access.Ask]:
    """By the recovery keys. Call it from inside of the lab's network."""
    addresses = list(lab.servers("vault").values())
    trust = ssl.create_default_context(cadata=lab.apis.authority())

    def connect(address: str) -> http.client.HTTPConnection:
        return http.client.HTTPSConnection(address, PORTS["vault"], timeout=5, context=trust)

    return vault_access.as_root(
        lab.aws.client("secretsmanager"),
        lab.config.name,
        lambda headers: Client(lambda: addresses, connect, headers),
    )


def assert_a_job_reads(lab: Laboratory, word: str) -> Allocation:
    """The job `reader` serves the word that Vault alone was told, and is in Consul; its file has no token."""
    with lab.data_center.inside(), as_root(lab) as ask:
        ask("POST", "secret/data/default/reader", {"data": {"word": word}})
    lab.submit_job("reader")
    (allocation,) = lab.wait_job().allocations
    status, text = get(lab, f"http://{allocation.address}/")
    assert (status, text.strip()) == (200, word)
    return allocation


def read_as_task(lab: Laboratory, allocation: Allocation, task: str, *paths: str) -> dict[str, int]:
    """What Vault answers to the token that Nomad got for that task, by path."""
    read = lab.run_script(allocation.instance_id, READ_TOKEN.format(allocation=allocation.allocation_id, task=task))
    assert read.exit_code == 0, read.stderr
    address = next(iter(lab.servers("vault").values()))
    headers = {"X-Vault-Token": read.stdout.strip()}
    return {path: get(lab, f"https://{address}:8200/v1/{path}", headers)[0] for path in paths}
