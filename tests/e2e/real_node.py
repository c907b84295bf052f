"""A node on a loopback address of its own: real products, started by the real documents, configured by the domain.

Linux answers on all of 127.0.0.0/8, so several servers with the products' usual ports fit on one machine. What is put
in systemd's and AWS's place stands in tests/shell.
"""

import http.client
import json
import os
import signal
import ssl
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from lab.writers.client import Client
from lab.writers.vault_access import asking
from lambdas.domain.authorities import trusted
from lambdas.domain.certificate import make_authority, names_for, sign
from lambdas.domain.component import FileSet, Surroundings
from lambdas.domain.components import component
from lambdas.domain.config import PRODUCTS, ClusterConfig
from lambdas.domain.node import Instance, describe_node
from lambdas.domain.phases import Phase
from tests.shell.scratch_node import CLUSTER, SECRETS_PREFIX, Ended, ScratchNode
from tests.shell.stand_ins.authority import Authority
from tests.shell.stand_ins.cloud import REGION, Cloud
from tests.shell.stand_ins.metadata import Metadata

PORTS = (8501, 8200, 4646)

KILLING_CURL = """\
#!/usr/bin/env bash
body=$(cat) when='{when}' script=
printf '%s' "$body" | {real} "$@"
code=$?
[[ "$* $body" =~ $when ]] || exit $code
process=$PPID
while [[ $(tr '\\0' ' ' </proc/$process/cmdline) == *_script.sh* ]]; do
  script+=" $process"
  read -r _ _ _ process _ </proc/$process/stat
done
kill -KILL $script
"""
"""Subshells of the script bear its name: all of them, up to the script itself."""


class ClusterAuthority:
    """The cluster's own and its standby, which sign as the Lambda does but with keys at hand."""

    def __init__(self, config: ClusterConfig) -> None:
        self.config = config
        self._now = now = datetime.now(UTC)
        self._keys = {generation: ec.generate_private_key(ec.SECP256R1()) for generation in (1, 2)}
        self._pems = {
            generation: make_authority(config, key, now=now, serial=generation, generation=generation)
            for generation, key in self._keys.items()
        }

    def bundle(self, generation: int) -> str:
        return "".join(self._pems[one] for one in trusted(generation, len(self._pems)))

    def sign(self, request: str, node: Any, serial: int, generation: int) -> str:
        names, pem, key = names_for(self.config, node), self._pems[generation], self._keys[generation]
        return sign(request, names, pem, key, now=self._now, days=1, serial=serial)


class RealNode(ScratchNode):
    def __init__(
        self,
        directory: Path,
        number: int,
        *,
        config: ClusterConfig,
        authority: ClusterAuthority,
        cloud: Cloud,
        aws_authority: Authority,
        binaries: Path,
        peers: list[str],
        kms_key_id: str,
        group: str = "servers",
    ) -> None:
        self.address = f"127.77.0.{10 + number}"
        self.metadata = Metadata(address=self.address, credentials=cloud.credentials)
        self.metadata.facts["instance-id"] = f"i-{number:017x}"
        super().__init__(
            directory, aws_port=cloud.port, metadata_port=self.metadata.port, authority_file=aws_authority.file
        )
        self.routes = [f"127.0.0.1:{port}:{self.address}:{port}" for port in PORTS]
        self._binaries = binaries
        self.config, self._authority, self._cloud, self._peers = config, authority, cloud, peers
        instance = Instance(instance_id=f"i-{number:017x}", private_ip=self.address, availability_zone=f"{REGION}a")
        self.node = describe_node(config, instance, f"quorate-{CLUSTER}-{group}")
        self._surroundings = Surroundings(founding=True, kms_key_id=kms_key_id)
        (self.root / ".units").mkdir()
        # Names are systemd-resolved's and the machine's own: container hosts show that they lead to Consul.
        (self.root / ".names").write_text("consul.service.consul\n")
        for product, words in {
            "consul": "agent -config-dir={root}/etc/consul.d",
            "vault": "server -config={root}/etc/vault.d",
            "nomad": "agent -config={root}/etc/nomad.d",
        }.items():
            (self.root / "usr/local/bin" / product).symlink_to(binaries / product)
            (self.root / "var/lib" / product).mkdir(exist_ok=True)
            command = (
                "export PATH=/usr/bin:/bin\n"
                f"export SSL_CERT_FILE={aws_authority.file} AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x\n"
                f"{self._alone() if product == 'vault' else ''}"
                f"exec {binaries / product} {words.format(root=self.root)}\n"
            )
            (self.root / ".units" / f"{product}.command").write_text(command)

    def _alone(self) -> str:
        """What systemd makes of the drop-in: another configuration, whose loopback is this node's own."""
        unit, alone = self.root / "etc/systemd/system/vault.service.d/alone.conf", self.root / "etc/vault.d/alone"
        here = f"sed -i 's/127.0.0.1:820/{self.address}:820/' {alone}/vault.json"
        run = f"exec /usr/bin/env {self._binaries / 'vault'} server -config={alone}/vault.json"
        return f"if [[ -e {unit} ]]; then {here}; {run}; fi\n"

    def start(self, component: str, phase: str, **parameters: str) -> subprocess.Popen[str]:
        introduced = {"Introduction": "-"} if (component, phase) == ("nomad", "start") else {}
        return super().start(component, phase, **introduced | parameters)

    def prepare(self) -> None:
        """Key, certificate, configuration: by the documents."""
        made = self.done("ca", "install", PrerequisitesKey="-", PrerequisitesSha256="-").result
        self.certify(made["certificate_request"])

    def certify(self, request: str, serial: int = 2, generation: int = 1) -> None:
        surroundings = Surroundings(
            founding=True,
            certificate=self._authority.sign(request, self.node, serial, generation),
            authority=self._authority.bundle(generation),
        )
        files = component("ca").renders[Phase.CONFIGURE](self.config, self.node, surroundings)
        self.done("ca", "configure", **self.put(files))

    def configure(self, product: str) -> Ended:
        files = component(product).renders[Phase.CONFIGURE](self.config, self.node, self._surroundings)
        parameters = self.put(self._here(product, files))
        if product != "vault":
            parameters |= {"SecretsPrefix": SECRETS_PREFIX, "Kind": self.node.kind}
        return self.done(product, "configure", **parameters)

    def bootstrap(self, name: str, *, generation: int = 1, **changes: Any) -> dict[str, str]:
        """The parameters of a `bootstrap`; `changes` replaces values."""
        files = component(name).renders[Phase.BOOTSTRAP](self.config, self.node, self._surroundings)
        values = json.loads(json.dumps(files.values).replace("https://127.0.0.1:4646", f"https://{self.address}:4646"))
        audit = values.get("audit", {}).get("file")
        if audit:
            audit["options"]["file_path"] = f"{self.root}/var/lib/vault-audit.log"
        return {
            **self.put(FileSet(values=values | changes)),
            "SecretsPrefix": SECRETS_PREFIX,
            "Generation": str(generation),
        }

    def killed(self, name: str, phase: str, when: str, **parameters: str) -> Ended:
        """The script, killed when curl has come back from what `when` matches, before it reads the answer."""
        self.replace("curl", KILLING_CURL.format(real=which("curl"), when=when))
        try:
            return self.run(name, phase, **parameters)
        finally:
            (self.bin / "curl").unlink()

    def ask_vault(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        """As anybody who reaches its API may. Raises RefusedError."""

        def connect(address: str) -> http.client.HTTPConnection:
            trust = ssl.create_default_context(cadata=self._authority.bundle(1))
            return http.client.HTTPSConnection(address, 8200, timeout=5, context=trust)

        client = Client(lambda: [self.address], connect, {"X-Vault-Token": token} if token else {})
        try:
            return asking(client)(method, path, body)
        finally:
            client.close()

    def log_in_to_vault(self) -> str:
        """A token of the server itself, by its certificate."""
        trust = ssl.create_default_context(cadata=self._authority.bundle(1))
        trust.load_cert_chain(*(self.root / f"etc/quorate/tls/node.{kind}" for kind in ("pem", "key")))
        connection = http.client.HTTPSConnection(self.address, 8200, timeout=5, context=trust)
        connection.request("POST", "/v1/auth/cert/login", "{}")
        token: str = json.loads(connection.getresponse().read())["auth"]["client_token"]
        connection.close()
        return token

    def done(self, name: str, phase: str, **parameters: str) -> Ended:
        ended = self.run(name, phase, **parameters)
        assert ended.exit_code == 0, f"{name} {phase}: {ended.stdout}{ended.stderr}{self.log_of(name)}"
        return ended

    def log_of(self, product: str) -> str:
        path = self.root / ".units" / f"{product}.log"
        return path.read_text()[-3000:] if path.exists() else ""

    def kill(self, product: str) -> None:
        path = self.root / ".units" / f"{product}.pid"
        if path.exists():
            with suppress(ProcessLookupError):
                os.killpg(int(path.read_text()), signal.SIGKILL)

    def close(self) -> None:
        for product in PRODUCTS:
            self.kill(product)
        self.metadata.close()

    def put(self, files: FileSet) -> dict[str, str]:
        content = files.model_dump(mode="json")
        return self._cloud.put_file_set(content["files"], content["values"])

    def _here(self, product: str, files: FileSet) -> FileSet:
        """The same configuration at this node's address, under its root, with its peers by name."""
        changed = []
        for file in files.files:
            if file.path.endswith(".json"):
                text = file.content.replace("/etc/", f"{self.root}/etc/").replace("/var/lib/", f"{self.root}/var/lib/")
                text = text.replace("127.0.0.1 ", "").replace("127.0.0.1", self.address)
                content = json.loads(text.replace("0.0.0.0", self.address))  # noqa: S104 replaced
                getattr(self, f"_localise_{product}")(content)
                file = file.model_copy(update={"content": json.dumps(content)})
            changed.append(file)
        return files.model_copy(update={"files": tuple(changed)})

    def _localise_consul(self, content: dict[str, Any]) -> None:
        content["retry_join"] = self._peers
        if self.node.kind == "server":
            content["bootstrap_expect"] = len(self._peers)

    def _localise_nomad(self, content: dict[str, Any]) -> None:
        content[self.node.kind]["server_join"]["retry_join"] = self._peers
        if self.node.kind == "server":
            content["server"]["bootstrap_expect"] = len(self._peers)
        else:
            content["client"]["network_interface"] = "lo"

    def _localise_vault(self, content: dict[str, Any]) -> None:
        raft = content["storage"]["raft"]
        (join,) = raft.pop("retry_join")
        for key in ("auto_join", "auto_join_scheme"):
            del join[key]
        others = [f"https://{peer}:8200" for peer in self._peers if peer != self.address]
        if others:  # Vault refuses an empty list
            raft["retry_join"] = [join | {"leader_api_addr": other} for other in others]
        if "awskms" in content["seal"]:
            content["seal"]["awskms"]["endpoint"] = f"https://127.0.0.1:{self._cloud.port}"
