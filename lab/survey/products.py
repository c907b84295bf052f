"""The survey of real products."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from lab.hosts.seam import Ran
from lab.survey import Allocation, JobSurvey, ProductSurvey, Survey
from lab.survey.apis import ApiError, Apis
from lambdas.domain.config import PRODUCTS, Product

RunScript = Callable[[str, str], Ran]
"""Instance id, script: run it there as root."""

# Vault has no token left after formation: a server logs in with its own certificate, whose key never leaves it.
VAULT_PEERS = """#!/bin/bash
set -Eeuo pipefail
tls=/etc/quorate/tls
vault=https://127.0.0.1:8200/v1
ask() { curl --silent --show-error --fail-with-body --max-time 5 --cacert "$tls/ca.pem" "$@"; }
token=$(ask --cert "$tls/node.pem" --key "$tls/node.key" --request POST \
  --data '{"name": "quorate-server"}' "$vault/auth/cert/login" | jq --raw-output .auth.client_token)
ask --header @<(printf 'X-Vault-Token: %s' "$token") "$vault/sys/storage/raft/configuration"
"""


class ProductSurveyor:
    """`servers` gives, for a product, the addresses of its running servers by instance id."""

    def __init__(self, apis: Apis, servers: Callable[[Product], Mapping[str, str]], run_script: RunScript) -> None:
        self._apis = apis
        self._servers = servers
        self._run_script = run_script
        self._job: str | None = None

    def survey(self) -> Survey:
        products = {product: self.product(product) for product in PRODUCTS}
        return Survey(products, self._clients_ready(), self._survey_job())

    def submit(self, name: str, hcl: str, variables: Mapping[str, str]) -> None:
        """Parse and register a job. Raises ApiError."""
        addresses = list(self._servers("nomad").values())
        filled = "".join(f"{key} = {json.dumps(value)}\n" for key, value in variables.items())
        parsed = self._apis.first(
            "nomad", addresses, "jobs/parse", {"JobHCL": hcl, "Variables": filled, "Canonicalize": True}
        )
        self._apis.first("nomad", addresses, "jobs", {"Job": parsed})
        self._job = name

    def product(self, product: Product) -> ProductSurvey:
        """One product alone, for who looks often."""
        servers = self._servers(product)
        if not servers:
            return ProductSurvey(product, clusters=0, problem="no server is running")
        try:
            return self._vault(servers) if product == "vault" else self._raft(product, servers)
        except (ApiError, ClientError, ValueError, KeyError) as error:
            return ProductSurvey(product, problem=str(error))

    def _raft(self, product: Product, servers: Mapping[str, str]) -> ProductSurvey:
        """Consul and Nomad answer alike."""
        answer = self._apis.first(product, list(servers.values()), "operator/raft/configuration")
        return _from_peers(
            product, [(_node(peer["Node"]), peer["Leader"], peer["Voter"]) for peer in answer["Servers"]]
        )

    def _vault(self, servers: Mapping[str, str]) -> ProductSurvey:
        sealed = {}
        problem: str | None = None
        for instance_id, address in servers.items():
            try:
                sealed[instance_id] = bool(self._apis.call("vault", address, "sys/seal-status", token=False)["sealed"])
            except ApiError as error:
                problem = str(error)
        unsealed = [instance_id for instance_id, is_sealed in sealed.items() if not is_sealed]
        if not unsealed:
            return ProductSurvey("vault", sealed=sealed, problem=problem or "no server is unsealed")
        ran = self._run_script(unsealed[0], VAULT_PEERS)
        if ran.exit_code != 0:
            return ProductSurvey("vault", sealed=sealed, problem=(ran.stderr or ran.stdout).strip()[-200:])
        peers = json.loads(ran.stdout)["data"]["config"]["servers"]
        return _from_peers("vault", [(peer["node_id"], peer["leader"], peer["voter"]) for peer in peers], sealed)

    def _clients_ready(self) -> tuple[str, ...]:
        try:
            nodes = self._apis.first("nomad", list(self._servers("nomad").values()), "nodes")
        except (ApiError, ClientError):
            return ()
        ready = (n["Name"] for n in nodes if n["Status"] == "ready" and n["SchedulingEligibility"] == "eligible")
        return tuple(sorted(ready))

    def _survey_job(self) -> JobSurvey | None:
        if self._job is None:
            return None
        nomad, consul = (list(self._servers(product).values()) for product in ("nomad", "consul"))
        try:
            job = self._apis.first("nomad", nomad, f"job/{self._job}")
            allocations = self._apis.first("nomad", nomad, f"job/{self._job}/allocations")
            details = [self._apis.first("nomad", nomad, f"allocation/{found['ID']}") for found in allocations]
            passing = self._apis.first("consul", consul, f"health/service/{self._job}?passing=true")
        except (ApiError, ClientError) as error:
            return JobSurvey(self._job, "unknown", problem=str(error))
        placed = tuple(_allocation(detail) for detail in details)
        failed = [event for detail in details if (event := _failure(detail))]
        return JobSurvey(self._job, job["Status"], placed, len(passing), problem=failed[-1] if failed else None)


def _from_peers(
    product: Product, peers: list[tuple[str, bool, bool]], sealed: Mapping[str, bool] | None = None
) -> ProductSurvey:
    leader = next((name for name, leads, _ in peers if leads), None)
    return ProductSurvey(
        product,
        leader,
        tuple(sorted(name for name, _, votes in peers if votes)),
        tuple(sorted(name for name, _, votes in peers if not votes)),
        sealed or {},
        problem=None if leader else "no leader",
    )


def _node(name: str) -> str:
    """Nomad adds its region: i-0abc.global."""
    return name.partition(".")[0]


def _allocation(detail: Mapping[str, Any]) -> Allocation:
    ports = ((detail.get("AllocatedResources") or {}).get("Shared") or {}).get("Ports") or []
    address = f"{ports[0]['HostIP']}:{ports[0]['Value']}" if ports else None
    return Allocation(detail["ID"], detail["NodeName"], detail["ClientStatus"], address)


def _failure(detail: Mapping[str, Any]) -> str | None:
    """The last words of a task that failed."""
    for name, state in (detail.get("TaskStates") or {}).items():
        messages = [event["DisplayMessage"] for event in state.get("Events") or () if event.get("DisplayMessage")]
        if state.get("Failed") and messages:
            return f"task {name}: {messages[-1]}"
    return None
