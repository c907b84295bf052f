"""What the plain script finds on a node when it starts: rendered, signed and packed beforehand.

Rendering, names and signing are the control plane's own code: only what does the work is another.
"""

import base64
import copy
import io
import json
import secrets
import tarfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lambdas.domain.certificate import make_authority, names_for, sign
from lambdas.domain.component import Component, Surroundings
from lambdas.domain.components import COMPONENTS, component
from lambdas.domain.components.host import CA_FILE, CERTIFICATE_FILE, KEY_FILE
from lambdas.domain.config import ClusterConfig, Product
from lambdas.domain.names import SECRET_NAMES
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase

REQUESTS = "/root/floor"
SERIAL_BITS = 159
URLS = {
    "consul": "https://127.0.0.1:8501/v1/",
    "vault": "https://127.0.0.1:8200/v1/",
    "nomad": "https://127.0.0.1:4646/v1/",
}

Request = tuple[Product, str, str, Any]
"""Product, method, path, body (None for none)."""


@dataclass(frozen=True)
class Member:
    """A file of the tar."""

    path: str
    content: str
    mode: int
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class Trust:
    """An authority of the bench's own, and the secrets that formation would make."""

    config: ClusterConfig
    key: ec.EllipticCurvePrivateKey
    certificate: str
    secrets: Mapping[str, str] = field(repr=False)

    @classmethod
    def make(cls, config: ClusterConfig) -> "Trust":
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        return cls(config, key, make_authority(config, key, now=now, serial=secrets.randbits(SERIAL_BITS)), _secrets())

    def files(self, node: Node) -> list[Member]:
        """Authority, certificate and key of one node."""
        own = ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(own, hashes.SHA256())
        certificate = sign(
            request.public_bytes(Encoding.PEM).decode(),
            names_for(self.config, node),
            self.certificate,
            self.key,
            now=datetime.now(UTC),
            days=self.config.certificate_days,
            serial=secrets.randbits(SERIAL_BITS),
        )
        key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return [
            Member(CA_FILE, self.certificate, 0o644),
            Member(CERTIFICATE_FILE, certificate, 0o644),
            Member(KEY_FILE, key, 0o640, group="quorate-tls"),
        ]


def pack(trust: Trust, node: Node, kms_key_id: str, more: Iterable[Member] = ()) -> bytes:
    """A tar of everything that is configured on `node`, to be unpacked at its root."""
    members = trust.files(node)
    surroundings = Surroundings(founding=True, kms_key_id=kms_key_id)
    for one in COMPONENTS:
        if one.product is None or not one.takes_part(node) or Phase.CONFIGURE not in one.renders:
            continue
        files = one.renders[Phase.CONFIGURE](trust.config, node, surroundings)
        members += [Member(f.path, f.content, int(f.mode, 8), f.owner, f.group) for f in files.files]
        if wanted := files.values.get("secrets"):
            document: dict[str, Any] = {}
            for entry in wanted:
                _place(document, entry["path"], trust.secrets[entry["secret"]])
            group = next(f.group for f in files.files if f.path.startswith(f"/etc/{one.product}.d/"))
            members.append(Member(f"/etc/{one.product}.d/secrets.json", json.dumps(document), 0o640, "root", group))
        if keyring := files.values.get("keyring"):
            keys, owner = json.dumps([trust.secrets[keyring["secret"]]]), keyring["owner"]
            members.append(Member(keyring["path"], keys, 0o600, owner, owner))
    return _tar([*members, *more])


def seed_members(
    trust: Trust, seed: Node, script: str, job: str, variables: Mapping[str, str], clients: Mapping[str, Node]
) -> list[Member]:
    """seed.sh, and what it asks the products to do as files of curl's options.

    `clients` are those to introduce, each by the signed link that its introduction is put to.
    """
    consul, nomad = (_bootstrap(component(name), trust.config, seed) for name in ("consul", "nomad"))
    vault, keys = (_bootstrap(component(name), trust.config, seed) for name in ("vault_init", "vault_workloads"))
    for_jobs = nomad["consul"]
    management = {product: trust.secrets[f"{product}/management-token"] for product in ("consul", "nomad")}
    files: dict[str, list[Request]] = {
        "consul-acl": [("consul", "PUT", "acl/bootstrap", {"BootstrapSecret": management["consul"]})],
        "consul-tokens": [
            *(("consul", "PUT", "acl/policy", body) for body in consul["policies"]),
            *(
                ("consul", "PUT", "acl/token", entry["body"] | {"SecretID": trust.secrets[entry["secret"]]})
                for entry in consul["tokens"]
            ),
        ],
        "consul-for-jobs": [
            *(("consul", "PUT", "acl/policy", body) for body in for_jobs["policies"]),
            *(("consul", "PUT", "acl/role", body) for body in for_jobs["roles"]),
        ],
        "consul-auth-method": [
            ("consul", "PUT", "acl/auth-method", _filled(entry, trust)) for entry in for_jobs["auth_methods"]
        ],
        "consul-binding-rules": [("consul", "PUT", "acl/binding-rule", body) for body in for_jobs["binding_rules"]],
        "nomad-acl": [("nomad", "PUT", "acl/bootstrap", {"BootstrapSecret": management["nomad"]})],
        "nomad-policies": [
            *(("nomad", "POST", f"acl/policy/{name}", body) for name, body in nomad["policies"].items()),
            *(("nomad", "PUT", "acl/token", entry["body"]) for entry in nomad["tokens"]),
        ],
        "vault-answers": [("vault", "GET", "sys/init", None)],
        "vault-active": [("vault", "GET", "sys/health", None)],
        "vault-setup": [
            *(("vault", "PUT", f"sys/audit/{path}", body) for path, body in vault["audit"].items()),
            *(("vault", "POST", f"sys/mounts/{path}", body) for path, body in vault["mounts"].items()),
            *(("vault", "POST", f"sys/auth/{path}", body) for path, body in vault["auth"].items()),
        ],
        "vault-policies": [
            *(("vault", "PUT", f"sys/policies/acl/{name}", {"policy": it}) for name, it in vault["policies"].items()),
            *(("vault", "POST", entry["path"], _filled(entry, trust)) for entry in vault["writes"]),
        ],
        "vault-keys": [("vault", "POST", entry["path"], _filled(entry, trust)) for entry in keys["writes"]],
    }  # fmt: skip
    tokens = {"consul": management["consul"], "nomad": management["nomad"], "vault": ""}
    made = [Member(f"{REQUESTS}/{name}", _curl(requests, tokens), 0o600) for name, requests in files.items()]
    made += [
        Member(f"{REQUESTS}/introduction-{number}", _introduction(client, tokens["nomad"], link), 0o600)
        for number, (link, client) in enumerate(clients.items())
    ]
    filled = "".join(f"{key} = {json.dumps(value)}\n" for key, value in variables.items())
    return [
        *made,
        Member(f"{REQUESTS}/seed.sh", script, 0o700),
        Member(f"{REQUESTS}/nomad-token", management["nomad"], 0o600),
        Member(f"{REQUESTS}/job.nomad.hcl", job, 0o600),
        Member(f"{REQUESTS}/job.vars", filled, 0o600),
    ]


def _secrets() -> dict[str, str]:
    return {name: _gossip_key() if name.endswith("/gossip-key") else str(uuid.uuid4()) for name in SECRET_NAMES}


def _gossip_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _bootstrap(entry: Component, config: ClusterConfig, seed: Node) -> dict[str, Any]:
    return entry.renders[Phase.BOOTSTRAP](config, seed, Surroundings(founding=True)).values


def _place(document: dict[str, Any], path: Sequence[str], value: str) -> None:
    *parents, last = path
    for key in parents:
        document = document.setdefault(key, {})
    document[last] = value


def _filled(entry: Mapping[str, Any], trust: Trust) -> dict[str, Any]:
    """Its body, with the authority's certificate where it names that file."""
    body: dict[str, Any] = copy.deepcopy(entry["body"])
    for dotted, path in entry["from_files"].items():
        assert path == CA_FILE, path
        _place(body, dotted.split("."), trust.certificate)
    return body


def _curl(requests: Sequence[Request], tokens: Mapping[str, str], output: str = "/dev/null") -> str:
    """Options for `curl --config`: each value is a JSON string, whose escapes curl reads too. `output` gets answers."""
    sections = []
    for product, method, path, body in requests:
        lines = [f"url = {json.dumps(URLS[product] + path)}", f'request = "{method}"', "fail", "silent"]
        lines += ['cacert = "/etc/quorate/tls/ca.pem"', f"output = {json.dumps(output)}"]
        if body is not None:
            lines.append(f"data = {json.dumps(json.dumps(body))}")
        if product == "vault":
            if path not in ("sys/init", "sys/health"):
                lines.append(f'header = "@{REQUESTS}/vault-token"')
        elif path != "acl/bootstrap":
            header = {"consul": "X-Consul-Token", "nomad": "X-Nomad-Token"}[product]
            lines.append(f'header = "{header}: {tokens[product]}"')
        sections.append("\n".join(lines) + "\n")
    return "next\n".join(sections)


def _introduction(client: Node, token: str, link: str) -> str:
    """What a server says of `client`, in a file, and that file to where the client looks for it."""
    said = f"{REQUESTS}/introduction-of-{client.instance_id}"
    body = {"NodeName": client.instance_id, "NodePool": client.node_pool}
    asked = _curl([("nomad", "POST", "acl/identity/client-introduction-token", body)], {"nomad": token}, said)
    put = [f"url = {json.dumps(link)}", f"upload-file = {json.dumps(said)}", "fail", "silent", 'output = "/dev/null"']
    return asked + "next\n" + "\n".join(put) + "\n"


def _tar(members: Sequence[Member]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for directory, mode, owner, group in [*_directories(), *_homes_of_keyrings(members)]:
            entry = tarfile.TarInfo(directory.lstrip("/"))
            entry.type, entry.mode, entry.uname, entry.gname = tarfile.DIRTYPE, mode, owner, group
            archive.addfile(entry)
        for member in members:
            body = member.content.encode()
            entry = tarfile.TarInfo(member.path.lstrip("/"))
            entry.size, entry.mode, entry.uname, entry.gname = len(body), member.mode, member.owner, member.group
            archive.addfile(entry, io.BytesIO(body))
    return packed.getvalue()


Directory = tuple[str, int, str, str]
"""Path, mode, owner, group; as the documents make them."""


def _directories() -> list[Directory]:
    return [
        ("/etc/quorate", 0o755, "root", "root"),
        ("/etc/quorate/tls", 0o750, "root", "quorate-tls"),
        ("/etc/consul.d", 0o750, "root", "consul"),
        ("/etc/vault.d", 0o750, "root", "vault"),
        ("/etc/nomad.d", 0o750, "root", "nomad"),
        (REQUESTS, 0o700, "root", "root"),
    ]


def _homes_of_keyrings(members: Iterable[Member]) -> list[Directory]:
    return [
        (str(place), 0o700, member.owner, member.group)
        for member in members
        if member.path.endswith(".keyring")
        for place in (PurePosixPath(member.path).parent.parent, PurePosixPath(member.path).parent)
    ]
