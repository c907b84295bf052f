"""What the table promises: who takes part, who listens, and what never leaves formation."""

import json
import re
from typing import Any

import pytest

from lambdas.domain.certificate import names_for
from lambdas.domain.component import FileSet, Surroundings
from lambdas.domain.components import COMPONENTS, component, ports_of, role_of, taking_part
from lambdas.domain.components.host import CA_FILE, cloud_join
from lambdas.domain.config import PRODUCTS, ClusterConfig
from lambdas.domain.names import SECRET_NAMES
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase
from tests.builders import a_config, a_node

APART = [
    {"name": "consul", "serves": ["consul"]},
    {"name": "vault", "serves": ["vault"]},
    {"name": "nomad", "serves": ["nomad"], "size": 5},
]


def configuration(
    product: str, node: Node, config: ClusterConfig | None = None, *, founding: bool = False
) -> dict[str, Any]:
    files = component(product).renders[Phase.CONFIGURE](
        config or a_config(), node, Surroundings(founding=founding, kms_key_id="unseal-key")
    )
    parsed: dict[str, Any] = json.loads(files.files[0].content)
    return parsed


def test_every_node_of_the_default_cluster_gets_its_components_in_order() -> None:
    names = {
        node.kind: [entry.name for entry in taking_part(node, Phase.INSTALL)]
        for node in (a_node(), a_node(group="default"))
    }
    assert names == {
        "server": ["ca", "consul", "vault", "nomad"],
        "client": ["ca", "consul", "cni", "docker", "nomad"],
    }


def test_a_pool_without_the_docker_driver_gets_no_docker() -> None:
    config = a_config(client_pools=[{"name": "batch", "drivers": ["exec"]}])
    names = [entry.name for entry in taking_part(a_node(group="batch", config=config), Phase.INSTALL)]
    assert names == ["ca", "consul", "cni", "nomad"]


def test_a_server_of_vault_alone_is_a_client_of_consul_and_has_no_nomad() -> None:
    config = a_config(server_groups=APART)
    node = a_node(group="vault", config=config)
    assert component("consul").kind(node) == "client"
    assert [entry.name for entry in taking_part(node, Phase.START)] == ["consul", "vault"]
    assert configuration("consul", node, config)["server"] is False


def test_a_group_and_its_nodes_have_the_same_role() -> None:
    config = a_config(server_groups=APART)
    for group in (*config.server_groups, *config.client_pools):
        node, role = a_node(group=group.name, config=config), role_of(group)
        assert (node.kind, node.serves, node.drivers) == (role.kind, role.serves, role.drivers)


@pytest.mark.parametrize("product", ["consul", "nomad"])
def test_bootstrap_expect_is_in_founders_configuration_and_nowhere_else(product: str) -> None:
    assert '"bootstrap_expect": 3' in json.dumps(configuration(product, a_node(), founding=True))
    for node in (a_node(), a_node(group="default")):
        assert "bootstrap_expect" not in json.dumps(configuration(product, node))


def test_servers_of_several_groups_found_their_product_together() -> None:
    nomad_alone = {"serves": ["nomad"], "size": 1}
    config = a_config(server_groups=[{"name": "all"}, {"name": "more", **nomad_alone}, {"name": "rest", **nomad_alone}])
    node = a_node(group="more", config=config)
    assert '"bootstrap_expect": 5' in json.dumps(configuration("nomad", node, config, founding=True))


def test_ports_are_those_of_the_role() -> None:
    def numbers(group: str) -> set[int]:
        return {port.number for port in ports_of(a_node(group=group))}

    assert numbers("servers") == {8300, 8301, 8501, 8503, 8200, 8201, 4646, 4647, 4648}
    assert numbers("default") == {8301, 20000}


def test_ports_that_agents_listen_on_are_the_rendered_ones() -> None:
    consul = configuration("consul", a_node())["ports"]
    assert consul == {"http": -1, "https": 8501, "grpc": -1, "grpc_tls": 8503, "serf_wan": -1}


def every_file_set() -> list[FileSet]:
    config = a_config()
    return [
        render(config, node, Surroundings(founding=True, kms_key_id="unseal-key"))
        for entry in COMPONENTS
        for node in (a_node(), a_node(group="default"))
        if entry.takes_part(node)
        for render in entry.renders.values()
    ]


def test_secrets_are_named_and_never_held() -> None:
    named = (
        {
            secret["secret"]
            for files in every_file_set()
            for secret in (*files.values.get("secrets", ()), *files.values.get("tokens", ()))
        }
        | {
            name
            for files in every_file_set()
            for key, name in (*files.values.items(), *files.values.get("consul", {}).items())
            if key.endswith("_secret")
        }
        | {files.values["keyring"]["secret"] for files in every_file_set() if "keyring" in files.values}
    )
    by_their_script_alone = {"vault/recovery-keys"}
    assert named | by_their_script_alone == set(SECRET_NAMES)
    for files in every_file_set():
        for file in files.files:
            assert "SecretID" not in file.content
            assert "encrypt" not in file.content


def test_files_that_values_refer_to_are_the_authority_only() -> None:
    referred = set()
    for files in every_file_set():
        writes = files.values.get("writes", []) + files.values.get("consul", {}).get("auth_methods", [])
        referred |= {path for write in writes for path in write["from_files"].values()}
    assert referred == {CA_FILE}


def test_a_time_limit_is_one_that_run_command_accepts() -> None:
    for entry in COMPONENTS:
        for seconds in entry.phases.values():
            assert 30 <= seconds <= 3600


def test_cloud_join_needs_no_quotes() -> None:
    """go-discover ends a bare word at a space or an equals sign, and takes nothing else as special in it."""
    for pair in cloud_join(a_config(), "consul").split(" "):
        key, _, value = pair.partition("=")
        assert key
        assert value
        assert not set('"\\=') & set(value)


def bootstrap_values(name: str, group: str, config: ClusterConfig) -> dict[str, Any]:
    node = a_node(group=group, config=config)
    return component(name).renders[Phase.BOOTSTRAP](config, node, Surroundings(founding=True)).values


def test_keys_are_fetched_from_the_nomad_server_beside_or_from_any_that_there_is() -> None:
    """Never from one by its address: it goes, and what is written into Consul and Vault stays."""

    def urls(config: ClusterConfig, nomad: str, vault: str) -> list[str]:
        of_consul = bootstrap_values("nomad", nomad, config)["consul"]["auth_methods"][0]["body"]["Config"]["JWKSURL"]
        of_vault = bootstrap_values("vault_workloads", vault, config)["writes"][0]["body"]["jwks_url"]
        return [url.removesuffix(":4646/.well-known/jwks.json") for url in (of_consul, of_vault)]

    assert urls(a_config(), "servers", "servers") == ["https://127.0.0.1"] * 2
    apart = a_config(server_groups=APART)
    assert urls(apart, "nomad", "vault") == ["https://nomad.service.consul"] * 2
    assert "nomad.service.consul" in names_for(apart, a_node(group="nomad", config=apart)).dns


def test_what_a_server_may_tell_vault_of_keys_is_what_it_is_told_to() -> None:
    """The policy that Vault is made with, and the write that comes later: nothing more is allowed, nothing less."""
    config = a_config()
    policy = bootstrap_values("vault_init", "servers", config)["policies"]["quorate-server"]
    (write,) = bootstrap_values("vault_workloads", "servers", config)["writes"]
    assert f'path "{write["path"]}" {{\n  capabilities = ["update"]\n' in policy
    allowed = dict(re.findall(r'^    "(\w+)" = \[(.*)\]$', policy, re.MULTILINE))
    assert allowed == {name: f'"{value}"' for name, value in write["body"].items()} | {"jwks_ca_pem": ""}


def test_nomad_s_identity_is_one_that_vault_s_role_takes() -> None:
    config = a_config()
    identity = configuration("nomad", a_node(config=config))["vault"]["default_identity"]
    (role,) = (
        write["body"]
        for write in bootstrap_values("vault_init", "servers", config)["writes"]
        if write["path"] == "auth/jwt-nomad/role/nomad-workloads"
    )
    assert identity["aud"] == role["bound_audiences"] == ["vault.io"]
    assert list(identity["extra_claims"]) == [role["user_claim"].removeprefix("/extra_claims/")]
    assert "${job.namespace}" in str(identity), "jobs of one id in two namespaces are two"


def test_a_server_of_vault_is_found_by_consul_s_dns_whatever_else_it_serves() -> None:
    config = a_config(server_groups=APART)
    agents = {name: configuration("consul", a_node(group=name, config=config), config) for name in PRODUCTS}
    assert [name for name, agent in agents.items() if "services" in agent] == ["vault"]
