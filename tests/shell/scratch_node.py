"""A node in a directory: its root, the few programs that would change the host as fakes, and curl sent to loopback."""

import atexit
import hashlib
import json
import os
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

from cdk_app import document_source
from tests.shell.stand_ins.cloud import BUCKET, REGION

DOCUMENTS = Path(__file__).parents[2] / "ssm_documents"
FAKES = Path(__file__).parent / "fakes"
CLUSTER = "test"
SECRETS_PREFIX = f"quorate/{CLUSTER}/"

TOOLS = """
    awk base64 bash cat chmod cmp curl cut date dirname env find flock grep gzip head id jq kill ln ls mkdir mktemp mv
    od openssl printf readlink rm sed setsid sha256sum sleep sort stat tail tar tee timeout touch tr true unzip xargs
"""
"""What a node has beside the fakes. PATH leads nowhere else, so a missing tool can be missing."""

IMPATIENT_SLEEP = """() {
  case $1 in 0.* | 1) SECONDS=$((SECONDS + 600)) ;; *) command sleep "$1" ;; esac
}"""
"""`sleep` of one whose time flies: between two looks at the same thing all its patience goes by."""

IMPATIENT_TIMEOUT = """() { command timeout "$1" 0.2 "${@:3}"; }"""
"""`timeout --kill-after=... SECONDS COMMAND...` of the same."""

UNINTERESTING = ("run/lock", "var/lib/quorate/work.", ".calls")


@dataclass(frozen=True)
class Ended:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON line; all that stdout has."""
        lines = self.stdout.splitlines()
        assert len(lines) == 1, f"stdout is not one line: {self.stdout!r}; stderr: {self.stderr}"
        value = json.loads(lines[0])
        assert isinstance(value, dict)
        return value


def follow(running: subprocess.Popen[str], until: Callable[[], bool]) -> None:
    """Returns when it has come so far; it must not end before."""
    while not until():
        assert running.poll() is None
        time.sleep(0.02)


@cache
def document(component: str, phase: str) -> dict[str, Any]:
    """As it is published; read once, so nobody changes it."""
    return document_source.load(DOCUMENTS, component, phase)


def script_of(component: str, phase: str) -> str:
    """What the agent runs of a document."""
    return "\n".join(document(component, phase)["mainSteps"][0]["inputs"]["runCommand"]) + "\n"


@cache
def shared_tools() -> Path:
    """Links to the tools and the fakes, for all nodes of this process: to make them takes as long as a short script."""
    place = TemporaryDirectory(prefix="quorate-tools-")
    atexit.register(place.cleanup)
    fakes = {fake.name: fake for fake in FAKES.iterdir()}
    for tool, found in ({tool: which(tool) for tool in TOOLS.split()} | fakes).items():
        if found:
            Path(place.name, tool).symlink_to(found)
    return Path(place.name)


class ScratchNode:
    def __init__(self, directory: Path, *, aws_port: int, metadata_port: int, authority_file: Path) -> None:
        self.root = directory / "root"
        self.bin = directory / "bin"
        """What this node has instead of a tool, or beside them; it comes first."""
        self._shared = True
        self.time_flies = False
        """Whether what is waited for in vain is looked at twice, and no second longer."""
        self._authority_file = authority_file
        self._numbers = count(1)
        self._aws_port, self._metadata_port = aws_port, metadata_port
        self.routes: list[str] = []
        """Where a product is found instead, in curl's words (`--connect-to`)."""
        for place in ("etc", "var/lib", "run", "usr/local/bin", "proc/sys/net/bridge", "proc/sys/net/ipv4"):
            (self.root / place).mkdir(parents=True)
        for name in ("passwd", "group", "shadow", "gshadow"):
            (self.root / "etc" / name).touch()
        (self.root / "etc/resolv.conf").write_text("nameserver 127.0.0.53\n")
        self.bin.mkdir()

    def without(self, *tools: str) -> None:
        """Once, before any is replaced."""
        for tool in shared_tools().iterdir():
            if tool.name not in tools:
                (self.bin / tool.name).symlink_to(tool.readlink())
        self._shared = False

    def replace(self, tool: str, script: str) -> None:
        (self.bin / tool).write_text(script)
        (self.bin / tool).chmod(0o755)

    def start(self, component: str, phase: str, **parameters: str) -> subprocess.Popen[str]:
        """What the agent would run, as it would run it."""
        return self._start(script_of(component, phase), parameters)

    def _start(self, text: str, parameters: Mapping[str, str]) -> subprocess.Popen[str]:
        # A file for each: bash reads on while it runs, and two may run side by side.
        script = self.root.parent / f"{next(self._numbers)}_script.sh"
        script.write_text(text)
        given = {"Cluster": CLUSTER, "Region": REGION, "Bucket": BUCKET, **parameters}
        return subprocess.Popen(
            ["bash", str(script)],
            env=self.environment({f"SSM_{name}": value for name, value in given.items()}),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, component: str, phase: str, *, timeout_seconds: float = 300, **parameters: str) -> Ended:
        return self._finish(self.start(component, phase, **parameters), timeout_seconds)

    def run_lines(self, library: str, *lines: str, **parameters: str) -> Ended:
        """A few lines on top of the library files that are named."""
        sources = "".join(f'source "${{BASH_SOURCE[0]%/*}}/../lib/{name}.sh"\n' for name in library.split())
        script = self.root.parent / "lines.sh"
        script.write_text("set -Eeuo pipefail\n" + sources + "\n".join(lines) + "\n")
        return self._finish(self._start(document_source.splice(DOCUMENTS, script), parameters), 120)

    def _finish(self, process: subprocess.Popen[str], timeout_seconds: float) -> Ended:
        try:
            stdout, stderr = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            raise AssertionError(f"still running after {timeout_seconds} s: {stderr}") from None
        return Ended(process.returncode, stdout, stderr)

    def environment(self, parameters: Mapping[str, str]) -> dict[str, str]:
        aws = f"127.0.0.1:{self._aws_port}"
        routes = [
            f"secretsmanager.{REGION}.amazonaws.com:443:{aws}",
            f"{BUCKET}.s3.{REGION}.amazonaws.com:443:{aws}",
            f"dynamodb.{REGION}.amazonaws.com:443:{aws}",
            f"169.254.169.254:80:127.0.0.1:{self._metadata_port}",
            *self.routes,
        ]
        # curl's own file of options, as good as a fake of curl and without a process more for each of its calls.
        (self.root.parent / ".curlrc").write_text("".join(f'connect-to = "{route}"\n' for route in routes))
        return {
            "PATH": f"{self.bin}:{shared_tools()}" if self._shared else str(self.bin),
            "HOME": "/root",
            "QUORATE_ROOT": str(self.root),
            "CURL_HOME": str(self.root.parent),
            "CURL_CA_BUNDLE": str(self._authority_file),
            **(
                {"BASH_FUNC_sleep%%": IMPATIENT_SLEEP, "BASH_FUNC_timeout%%": IMPATIENT_TIMEOUT}
                if self.time_flies
                else {}
            ),
            **parameters,
        }

    def state(self) -> dict[str, tuple[str, int, int]]:
        """Content, mode and time of every file: equal before and after means that nothing was written."""
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder) / name
                relative = str(path.relative_to(self.root))
                if relative.startswith(UNINTERESTING):
                    continue
                status = path.lstat()
                content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
                found[relative] = (hashlib.sha256(content).hexdigest(), status.st_mode, status.st_mtime_ns)
        return found

    def calls(self) -> list[str]:
        """What the fakes were asked that would change the host."""
        log = self.root / ".calls"
        return log.read_text().splitlines() if log.exists() else []
