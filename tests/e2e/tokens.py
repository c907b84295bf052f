"""Tokens that nodes share, asked of the products themselves: who takes them, and whether nodes work with theirs."""

from collections.abc import Mapping

from lab.laboratory import Laboratory
from lab.survey.apis import PORTS, TOKEN_HEADERS
from lambdas.domain import names
from lambdas.domain.config import Product
from tests.e2e.cluster import get

ANSWER_TO: dict[str, Product] = {
    "consul/agent-token-server": "consul",
    "consul/agent-token-client": "consul",
    "nomad/consul-token-server": "consul",
    "nomad/consul-token-client": "consul",
    "nomad/operator-token-server": "nomad",
    "nomad/operator-token-client": "nomad",
    "nomad/membership-token": "nomad",
    "nomad/introduction-token": "nomad",
}
"""Secrets whose tokens rotate, and the product that knows them."""

SELF = {"consul": "agent/self", "nomad": "acl/token/self"}
"""What any holder of such a token may ask. Consul's agent answers by itself, from its own cache of tokens too."""


def shared_tokens(lab: Laboratory) -> dict[str, str]:
    """What the secrets hold now."""
    secrets, prefix = lab.aws.client("secretsmanager"), names.secrets_prefix(lab.config.name)
    return {name: str(secrets.get_secret_value(SecretId=prefix + name)["SecretString"]) for name in ANSWER_TO}


def answers(lab: Laboratory, tokens: Mapping[str, str]) -> dict[tuple[str, str], int]:
    """Status by secret and node: of each of Consul's agents, servers' and clients', and of each of Nomad's servers."""
    asked = {
        "consul": {node.instance_id: node.address for node in lab.nodes()},
        "nomad": lab.servers("nomad"),
    }
    return {
        (name, instance_id): get(
            lab, f"https://{address}:{PORTS[product]}/v1/{SELF[product]}", {TOKEN_HEADERS[product]: tokens[name]}
        )[0]
        for name, product in ANSWER_TO.items()
        for instance_id, address in asked[product].items()
    }


def rotated(lab: Laboratory) -> list[str]:
    """Stages of rotations that are over, as far as the journal has them: not those that nodes take one by one."""
    told = [entry for entry in lab.journal() if entry["what"] == "rotation" and entry["decision"] == "done"]
    return [entry["reason"].partition(":")[0] for entry in told]


def coordinates(lab: Laboratory) -> dict[str, str]:
    """Each node's, as the catalog has it. An agent sends its own every 15 s or so, under its agent token."""
    with lab.data_center.inside():
        found = lab.apis.first("consul", list(lab.servers("consul").values()), "coordinate/nodes")
    return {one["Node"]: str(one["Coord"]) for one in found}


def own_services(lab: Laboratory) -> dict[str, set[str]]:
    """By node the services that Nomad registers for itself, as Consul's catalog has them."""
    found: dict[str, set[str]] = {node.instance_id: set() for node in lab.nodes()}
    with lab.data_center.inside():
        for service in ("nomad", "nomad-client"):
            for one in lab.apis.first("consul", list(lab.servers("consul").values()), f"catalog/service/{service}"):
                found[one["Node"]].add(one["ServiceID"])
    return found


def drop_own_services(lab: Laboratory) -> None:
    """Behind Nomad's back. Within 30 s it registers them again (command/agent/consul), under its own Consul token."""
    addresses = {node.instance_id: node.address for node in lab.nodes()}
    for instance_id, services in own_services(lab).items():
        for service in services:
            with lab.data_center.inside():
                lab.apis.call("consul", addresses[instance_id], f"agent/service/deregister/{service}", method="PUT")
