"""A node with all that its documents meet, and for each document the situation in which it is run."""

import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from cryptography import x509

from lambdas.domain.component import Surroundings
from lambdas.domain.components import component
from lambdas.domain.components.consul_access import access
from lambdas.domain.components.introduction import introduction_of
from lambdas.domain.components.nomad import TOKENS as NOMAD_TOKENS
from lambdas.domain.components.token_rotation import reissued
from lambdas.domain.config import ClusterConfig, Product
from lambdas.domain.names import SECRET_NAMES
from lambdas.domain.phases import Phase
from tests.builders import a_config, a_node
from tests.shell.scratch_node import CLUSTER, SECRETS_PREFIX, Ended, ScratchNode
from tests.shell.stand_ins.authority import Authority
from tests.shell.stand_ins.cloud import TABLE, Cloud
from tests.shell.stand_ins.consul import Consul
from tests.shell.stand_ins.gossip import Gossip
from tests.shell.stand_ins.metadata import Metadata
from tests.shell.stand_ins.nomad import Nomad
from tests.shell.stand_ins.raft import Raft, Server
from tests.shell.stand_ins.vault import Vault

NO_PREREQUISITES = {"PrerequisitesKey": "-", "PrerequisitesSha256": "-"}
TOKENS = {name: f"{number:08x}-5ec7-4e75-8000-00000000700c" for number, name in enumerate(SECRET_NAMES, start=1)}
"""A value for each secret; of a gossip's, the key on its keyring."""

MADE_BY_NOMAD = {entry["secret"] for entry in NOMAD_TOKENS}
"""Nomad chooses a token's value itself."""

CONFIG = a_config(name=CLUSTER)


@dataclass
class World:
    node: ScratchNode
    cloud: Cloud
    metadata: Metadata
    authority: Authority
    consul: Consul
    nomad: Nomad
    vault: Vault

    def run(self, name: str, phase: str, parameters: Mapping[str, str], *, timeout_seconds: float = 300) -> Ended:
        return self.node.run(name, phase, timeout_seconds=timeout_seconds, **parameters)

    def path(self, place: str) -> Path:
        path = self.node.root / place.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def artifact(self, key: str, content: bytes, parameter: str = "Artifact") -> dict[str, str]:
        return {f"{parameter}{name}": value for name, value in self.cloud.put_object(key, content).items()}

    def fill_secrets(self, *names: str) -> None:
        for name in names or SECRET_NAMES:
            keyring = json.dumps({"rotation": 0, "keys": [TOKENS[name]]})
            self.cloud.overwrite_secret(
                SECRETS_PREFIX + name, keyring if name.endswith("/gossip-key") else TOKENS[name]
            )

    def trust(self, name: str = "i-0.test.quorate") -> None:
        """The node's certificate and its authority, as `ca` leaves them."""
        certificate, key = self.authority.issue_files("node", [name, "127.0.0.1"])
        for source, name in ((self.authority.file, "ca.pem"), (certificate, "node.pem"), (key, "node.key")):
            shutil.copy(source, self.path(f"/etc/quorate/tls/{name}"))

    def configured(self, product: str) -> None:
        """What `install` and `configure` leave of a product."""
        self.trust()
        self.path(f"/usr/local/bin/{product}").write_text("a program\n")
        self.path(f"/etc/{product}.d/{product}.json").write_text("{}\n")
        self.path(f"/etc/systemd/system/{product}.service").write_text("[Service]\n")

    def running(self, product: str) -> None:
        self.configured(product)
        for state, text in (("enabled", ""), ("active", "active\n")):
            self.path(f"/.units/{product}.{state}").write_text(text)

    def rendered(self, name: str, phase: Phase, config: ClusterConfig = CONFIG) -> dict[str, str]:
        """What the domain says of this phase, in the bucket."""
        node, surroundings = a_node(config=config), Surroundings(founding=True, kms_key_id="key")
        files = component(name).renders[phase](config, node, surroundings).model_dump(mode="json")
        return self.cloud.put_file_set(files["files"], files["values"])

    def keys(self, product: str) -> list[str]:
        """What the secret has of the product's gossip, the one to speak with first."""
        keyring = json.loads(self.cloud.secret(f"{SECRETS_PREFIX}{product}/gossip-key") or '{"keys": []}')
        return list(keyring["keys"])

    def secrets(self) -> set[str]:
        """Every value that nobody but the script, AWS and the product may see."""
        found = {*self.metadata.credentials.values(), *self.metadata.tokens, *TOKENS.values()}
        found |= {value for name in SECRET_NAMES if (value := self.cloud.secret(SECRETS_PREFIX + name))}
        found |= {key for product in ("consul", "nomad") for key in self.keys(product)}
        found |= {
            *self.vault.recovery_keys,
            *self.vault.every_root,
            *self.nomad.introductions,
            *(e["SecretID"] for e in self.nomad.tokens.values()),
        }
        key = self.path("/etc/quorate/tls/node.key")
        if key.exists():
            found.add(key.read_text().splitlines()[1])
        return found


def zip_of(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, "#!/bin/sh\n")
        archive.writestr("LICENSE.txt", "a licence\n")
    return content.getvalue()


def tar_of(files: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644 if name.isupper() else 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


Situation = Callable[[World], dict[str, str]]
SITUATIONS: dict[tuple[str, str], Situation] = {}
MEMBER = {"SecretsPrefix": SECRETS_PREFIX, "Kind": "server"}
FORMATION = {"SecretsPrefix": SECRETS_PREFIX, "Generation": "1"}


def situation(name: str, phase: str) -> Callable[[Situation], Situation]:
    """Registers what is there before the document runs; the function returns the document's parameters."""

    def register(function: Situation) -> Situation:
        SITUATIONS[name, phase] = function
        return function

    return register


def _install(product: str) -> Situation:
    return lambda world: {
        **world.artifact(f"artifacts/{product}_1.2.3.zip", zip_of(product)),
        "Version": "1.2.3",
        **NO_PREREQUISITES,
    }


def _start(product: str, kind: str = "server") -> Situation:
    def prepare(world: World) -> dict[str, str]:
        world.configured(product)
        return {"Kind": kind}

    return prepare


for _product in ("consul", "vault", "nomad"):
    SITUATIONS[_product, "install"] = _install(_product)
for _product in ("consul", "vault"):
    SITUATIONS[_product, "start"] = _start(_product)


@situation("nomad", "start")
def _(world: World) -> dict[str, str]:
    return {**_start("nomad")(world), "Introduction": "-"}


@situation("ca", "install")
def _(world: World) -> dict[str, str]:
    return NO_PREREQUISITES


@situation("ca", "configure")
def _(world: World) -> dict[str, str]:
    made = world.run("ca", "install", NO_PREREQUISITES).result
    request = x509.load_pem_x509_csr(made["certificate_request"].encode())
    return world.cloud.put_file_set(
        [
            file_entry("/etc/quorate/tls/ca.pem", world.authority.file.read_text(), mode="0644"),
            file_entry("/etc/quorate/tls/node.pem", world.authority.issue(["i-0"], request.public_key()), mode="0644"),
        ]
    )


def file_entry(
    path: str, content: str, *, mode: str = "0640", owner: str = "root", group: str = "root"
) -> dict[str, str]:
    return {"path": path, "mode": mode, "owner": owner, "group": group, "content": content}


@situation("ca", "request")
def _(world: World) -> dict[str, str]:
    configured = SITUATIONS["ca", "configure"](world)
    assert world.run("ca", "configure", configured).exit_code == 0
    return {}


def _reload(product: str) -> Situation:
    """Runs with the certificate it was started with; another one is in place."""

    def prepare(world: World) -> dict[str, str]:
        world.running(product)
        told = world.path(f"/.units/{product}.reloaded")
        pair = world.path("/etc/quorate/tls/node.pem"), world.path("/etc/quorate/tls/node.key")

        def reloads() -> tuple[Path, Path] | None:
            if not told.exists():
                return None
            told.unlink()
            return pair

        getattr(world, product).reloads = reloads
        return {}

    return prepare


for _product in ("consul", "vault", "nomad"):
    SITUATIONS[_product, "reload"] = _reload(_product)


@situation("cni", "install")
def _(world: World) -> dict[str, str]:
    world.path("/proc/sys/net/ipv4/ip_forward").write_text("0\n")
    plugins = tar_of({"bridge": "#!", "loopback": "#!", "LICENSE": "a licence"})
    return {**world.artifact("artifacts/cni-plugins.tgz", plugins), "Version": "1.9.1", **NO_PREREQUISITES}


@situation("docker", "install")
def _(world: World) -> dict[str, str]:
    packages = tar_of({"docker.deb": "dockerd /bin/true\n"})
    image = tar_of({"manifest.json": json.dumps([{"RepoTags": ["pause:1"]}])})
    return {
        **world.artifact("artifacts/docker.tar", packages, "Packages"),
        **world.artifact("artifacts/pause.tar", image, "Image"),
        **NO_PREREQUISITES,
    }


@situation("consul", "configure")
def _(world: World) -> dict[str, str]:
    world.fill_secrets()
    return {**world.rendered("consul", Phase.CONFIGURE), **MEMBER}


@situation("nomad", "configure")
def _(world: World) -> dict[str, str]:
    world.fill_secrets()
    return {**world.rendered("nomad", Phase.CONFIGURE), **MEMBER}


@situation("vault", "configure")
def _(world: World) -> dict[str, str]:
    return world.rendered("vault", Phase.CONFIGURE)


@situation("consul", "secrets")
@situation("nomad", "secrets")
@situation("vault_init", "secrets")
def _(world: World) -> dict[str, str]:
    return FORMATION


@situation("consul", "bootstrap")
def _(world: World) -> dict[str, str]:
    world.trust()
    world.fill_secrets()
    return {**world.rendered("consul", Phase.BOOTSTRAP), **FORMATION}


@situation("nomad", "bootstrap")
def _(world: World) -> dict[str, str]:
    world.trust()
    world.fill_secrets(*(name for name in SECRET_NAMES if name not in MADE_BY_NOMAD))
    world.consul.management = TOKENS["consul/management-token"]
    return {**world.rendered("nomad", Phase.BOOTSTRAP), **FORMATION}


@situation("vault_init", "bootstrap")
def _(world: World) -> dict[str, str]:
    world.running("vault")
    files = (
        component("vault").renders[Phase.CONFIGURE](CONFIG, a_node(config=CONFIG), Surroundings(founding=True)).files
    )
    world.path("/etc/vault.d/vault.json").write_text(files[0].content)
    return {**world.rendered("vault_init", Phase.BOOTSTRAP), **FORMATION}


@situation("vault_workloads", "bootstrap")
def _(world: World) -> dict[str, str]:
    _member_of_vault(world)
    return {**world.rendered("vault_workloads", Phase.BOOTSTRAP), "Generation": "1"}


@situation("vault_unseal", "verify")
def _(world: World) -> dict[str, str]:
    _member_of_vault(world)
    world.vault.by_shares = world.vault.sealed = True
    world.vault.recovery_keys = [f"share-{number}-of-a-vault-key" for number in range(5)]
    kept = {"recovery_threshold": 3, "recovery_keys": world.vault.recovery_keys}
    world.cloud.overwrite_secret(SECRETS_PREFIX + "vault/recovery-keys", json.dumps(kept))
    return MEMBER


CHANGE = {"Fencing": "7", "LeaseTable": TABLE, "FewestVoters": "3", "SpareVoters": "1"}
CLIENT = dict.fromkeys(("Fencing", "PeerId"), "-") | {
    "Kind": "client",
    "LeaseTable": TABLE,
    "Subject": "i-c",
    "FewestVoters": "0",
    "SpareVoters": "0",
}


def four_servers(port: int, suffix: str = "") -> Raft:
    """This node first, which does not lead, and three that can stay."""
    raft = Raft(*(Server(f"i-{number}{suffix}", f"127.0.0.{1 + number}:{port}") for number in range(4)))
    raft.leader = raft.peers[1]
    return raft


def _member_of_consul(world: World) -> dict[str, str]:
    world.running("consul")
    world.path("/.names").write_text("consul.service.consul\n")
    world.fill_secrets()
    world.consul.agent_tokens = {TOKENS["consul/agent-token-server"], TOKENS["consul/agent-token-client"]}
    world.consul.server_token = TOKENS["consul/agent-token-server"]
    world.consul.on_leave = lambda: world.path("/.units/consul.active").unlink(missing_ok=True)
    return MEMBER


def _member_of_vault(world: World) -> dict[str, str]:
    world.running("vault")
    world.metadata.facts["instance-id"] = "i-0"
    world.vault.initialised = True
    world.vault.written["auth/cert/certs/quorate-server"] = {}
    world.vault.servers = [
        {"node_id": f"i-{number}", "address": f"127.0.0.{1 + number}:8201", "leader": number == 1, "voter": True}
        for number in range(4)
    ]
    return {"Kind": "server"}


def _member_of_nomad(world: World) -> dict[str, str]:
    world.running("nomad")
    world.nomad.runs_here = world.path("/.units/nomad.active").exists
    world.fill_secrets()
    for kind in ("server", "client"):
        world.nomad.tokens[kind] = {"Name": kind, "SecretID": TOKENS[f"nomad/operator-token-{kind}"]}
    token = TOKENS["nomad/membership-token"]
    world.nomad.tokens["membership"] = {"Name": "membership", "Type": "management", "SecretID": token}
    return MEMBER


SITUATIONS["consul", "verify"] = _member_of_consul
SITUATIONS["vault", "verify"] = _member_of_vault
SITUATIONS["nomad", "verify"] = _member_of_nomad

GONE = Server("i-9", "127.0.0.10:0", healthy=False, gossip="failed", lives=False)


def _server_of(product: str, phase: str) -> Situation:
    """A node among four servers: it goes, or it stays and `i-9`, a fifth, is gone."""

    def prepare(world: World) -> dict[str, str]:
        prepare_member, port = {
            "consul": (_member_of_consul, 8300),
            "vault": (_member_of_vault, 8201),
            "nomad": (_member_of_nomad, 4647),
        }[product]
        parameters = {name: value for name, value in prepare_member(world).items() if name != "Kind"}
        world.cloud.hold_lease()
        goes = "i-9" if phase == "remove" else "i-0"
        if product == "vault":
            peer_id = goes
            if phase == "remove":
                world.vault.servers.append({"node_id": goes, "address": GONE.address, "leader": False, "voter": True})
                world.vault.unhealthy = {goes}
            elif phase == "hand_over":
                for server in world.vault.servers:
                    server["leader"] = server["node_id"] == "i-0"
        else:
            suffix = ".global" if product == "nomad" else ""
            stand_in = getattr(world, product)
            raft = stand_in.raft = four_servers(port, suffix)
            gone = replace(GONE, name=GONE.name + suffix)
            if phase == "remove":
                raft.peers.append(gone)
                raft.members.append(gone)
            elif phase == "hand_over":
                raft.leader = raft.peers[0]
            peer_id = (gone if phase == "remove" else raft.peers[0]).raft_id
        kind = {} if phase == "hand_over" else {"Kind": "server"}
        return {**parameters, **kind, **CHANGE, "PeerId": peer_id, "Subject": goes}

    return prepare


for _product in ("consul", "vault", "nomad"):
    for _phase in ("hand_over", "leave", "remove"):
        SITUATIONS[_product, _phase] = _server_of(_product, _phase)


def _rekeys(product: str) -> Situation:
    """Three members of a gossip that speaks with the first key; every one of them has to follow."""

    def prepare(world: World) -> dict[str, str]:
        parameters = {"consul": _member_of_consul, "nomad": _member_of_nomad}[product](world)
        world.cloud.hold_lease()
        members = [f"i-{number}" for number in range(3)]
        suffix, port = {"consul": ("", 8301), "nomad": (".global", 4648)}[product]
        stand_in = getattr(world, product)
        stand_in.raft = Raft(*(Server(f"{name}{suffix}", f"127.0.0.{at}:{port}") for at, name in enumerate(members, 1)))
        stand_in.gossip = Gossip(*members)
        stand_in.gossip.start(TOKENS[f"{product}/gossip-key"])
        return {
            "SecretsPrefix": parameters["SecretsPrefix"],
            "Fencing": CHANGE["Fencing"],
            "LeaseTable": TABLE,
            "Rotation": "1",
            "Step": "install",
            **world.cloud.put_file_set([], {"expected": members}),
        }

    return prepare


for _product in ("consul", "nomad"):
    SITUATIONS[_product, "rekey"] = _rekeys(_product)


@situation("node", "observe")
def _(world: World) -> dict[str, str]:
    for prepare_member in (_member_of_consul, _member_of_vault, _member_of_nomad):
        prepare_member(world)
    return {"SecretsPrefix": SECRETS_PREFIX, "Serves": "consul,vault,nomad"}


def _reissues(product: str) -> Situation:
    """A server of a cluster whose tokens are those that formation made."""

    def prepare(world: World) -> dict[str, str]:
        for member in (_member_of_consul, _member_of_nomad):
            member(world)
        world.cloud.hold_lease()
        world.consul.management = TOKENS["consul/management-token"]
        for entry in access(CLUSTER)["tokens"]:
            accessor = entry["body"]["AccessorID"]
            world.consul.objects["token"][accessor] = {**entry["body"], "SecretID": TOKENS[entry["secret"]]}
        world.nomad.tokens = {
            entry["body"]["Name"]: {
                **entry["body"],
                "AccessorID": entry["body"]["Name"],
                "SecretID": TOKENS[entry["secret"]],
            }
            for entry in NOMAD_TOKENS
        }
        return {
            "SecretsPrefix": SECRETS_PREFIX,
            "Fencing": CHANGE["Fencing"],
            "LeaseTable": TABLE,
            "Rotation": "1",
            "Step": "make",
            **world.cloud.put_file_set([], reissued(CONFIG, cast(Product, product), 1).values),
        }

    return prepare


def _adopts(product: str) -> Situation:
    """A server whose product runs with the tokens of before, while the secrets hold others by now."""

    def prepare(world: World) -> dict[str, str]:
        for member in (_member_of_consul, _member_of_nomad):
            member(world)
        world.cloud.hold_lease()
        world.nomad.raft = four_servers(4647, ".global")
        world.consul.agent_tokens |= {TOKENS["nomad/consul-token-server"], TOKENS["nomad/consul-token-client"]}
        world.path(f"/etc/{product}.d/secrets.json").write_text("{}")
        node, surroundings = a_node(config=CONFIG), Surroundings(founding=False, kms_key_id="key")
        values = component(product).renders[Phase.CONFIGURE](CONFIG, node, surroundings).values
        return {
            **MEMBER,
            "Fencing": CHANGE["Fencing"],
            "LeaseTable": TABLE,
            **world.cloud.put_file_set([], {"secrets": values["secrets"]}),
        }

    return prepare


for _product in ("consul", "nomad"):
    SITUATIONS[_product, "reissue"] = _reissues(_product)
    SITUATIONS[_product, "adopt"] = _adopts(_product)


NEW_CLIENT = a_node(9, group="default", config=CONFIG)


@situation("nomad", "introduce")
def _(world: World) -> dict[str, str]:
    """A server, and a client that has its certificate."""
    _member_of_nomad(world)
    token = TOKENS["nomad/introduction-token"]
    world.nomad.tokens["introduction"] = {"Policies": ["quorate-introduction"], "Name": "x", "SecretID": token}
    certificate, _ = world.authority.issue_files("client", [f"{NEW_CLIENT.instance_id}.{CLUSTER}.quorate"])
    return {
        "SecretsPrefix": SECRETS_PREFIX,
        **world.cloud.put_file_set([], introduction_of(CONFIG, NEW_CLIENT, certificate.read_text()).values),
    }


@situation("nomad", "drain")
def _(world: World) -> dict[str, str]:
    """A server that knows a client of old, and a node of the same name that went."""
    _member_of_nomad(world)
    name = NEW_CLIENT.instance_id
    world.nomad.clients = {
        "4c3a0b0e-0000-4000-8000-000000000002": {"Name": name, "Status": "down"},
        world.nomad.node["ID"]: {"Name": name, "Status": "ready"},
    }
    return {"SecretsPrefix": SECRETS_PREFIX, "Subject": name, "DeadlineSeconds": "900"}
