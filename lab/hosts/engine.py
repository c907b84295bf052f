"""The container engine that the lab's hosts run on: podman or docker, whichever is there."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAB_LABEL = "quorate.lab"

# systemd as the first process of a container reads its own arguments as the kernel command line. What is masked
# would reach through to the machine the lab runs on (kernel settings are not the container's) or waits for
# hardware that a container has not.
_INIT = ("/sbin/init", "systemd.mask=systemd-sysctl.service", "systemd.mask=getty.target")

# Large enough for every product, and never above what this machine may grant: an engine that asks for more than
# its own limit cannot start a container at all where raising it is forbidden.
_OPEN_FILES = 1_048_576
_PROCESSES = 32_768  # podman lowers itself to this (seen with 4.3), whatever it was started with


STARTING_SECONDS = 60.0
STARTING_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Engine:
    """One engine's command line, reduced to what hosts need."""

    program: str
    options: tuple[str, ...] = ()

    @classmethod
    def find(cls) -> "Engine":
        """podman, or docker where its daemon answers."""
        if shutil.which("podman"):
            return cls("podman", _podman_options())
        if shutil.which("docker") and _answers(["docker", "info"]):
            return cls("docker")
        raise FileNotFoundError("container hosts need podman, or docker with its daemon running")

    @classmethod
    def every(cls) -> "list[Engine]":
        """All engines of this machine, to look for what a dead lab left."""
        engines = [cls("podman")] if shutil.which("podman") else []
        if shutil.which("docker") and _answers(["docker", "info"]):
            engines.append(cls("docker"))
        return engines

    def start(
        self, name: str, image: str, *, hostname: str, labels: Mapping[str, str], volumes: Mapping[str, str]
    ) -> int:
        """Start a host that boots systemd, without a network; return its first process as seen from here."""
        command = ["run", "--detach", "--name", name, "--hostname", hostname]
        command += ["--privileged", "--cgroupns=private", "--network=none", "--pids-limit=-1"]
        # podman's own --systemd mode binds the machine's whole name=systemd hierarchy into each container where
        # cgroups are v1 or hybrid: with a private cgroup namespace all hosts then share one /system.slice, and
        # one host's `systemctl stop` sees the processes of another. The plain tmpfs mounts below are all that
        # systemd needs, and are the same for docker.
        command += ["--tmpfs=/run:rw,exec,mode=755", "--tmpfs=/run/lock", f"--env=container={self.program}"]
        if self.program == "podman":
            command += ["--systemd=false", "--no-hosts"]
        command += [f"--ulimit=nofile={_limit(resource.RLIMIT_NOFILE, _OPEN_FILES)}"]
        command += [f"--ulimit=nproc={_limit(resource.RLIMIT_NPROC, _PROCESSES)}"]
        command += [f"--label={key}={value}" for key, value in labels.items()]
        # Image layers hold set-uid programs and devices, which podman's volumes forbid unless told.
        options = ":exec,suid,dev" if self.program == "podman" else ""
        command += [f"--volume={volume}:{path}{options}" for volume, path in volumes.items()]
        self._run([*command, image, *_INIT])
        return self.process_id(name)

    def process_id(self, name: str) -> int:
        """A host's first process, as seen from this machine; 0 when it is off."""
        return int(self._run(["inspect", "--format={{.State.Pid}}", name]))

    def kill(self, name: str) -> None:
        """Power off without a word to anything inside. One that is dead already is no mistake."""
        subprocess.run([self.program, *self.options, "kill", name], capture_output=True)

    def remove(self, names: Sequence[str], volumes: Sequence[str]) -> None:
        """Remove containers with all their processes, then the volumes. What is gone already is no mistake."""
        if names:
            stop = ["--time=0"] if self.program == "podman" else []
            self._run(["rm", "--force", "--volumes", *stop, *names], absent="no such container")
        if volumes:
            self._run(["volume", "rm", "--force", *volumes], absent="no such volume")

    def containers(self, lab: str) -> list[str]:
        """The names of a lab's containers, running or not."""
        shown = self._run(["ps", "--all", f"--filter=label={LAB_LABEL}={lab}", "--format={{.Names}}"])
        return shown.split()

    def wait_until_idle(self, lab: str) -> None:
        """Until no engine is starting a container of that lab: one outlives the lab that called it, and its container
        would come after everybody has looked. It takes a second on a busy machine; one that hangs is killed."""
        ends_at = time.monotonic() + STARTING_SECONDS
        while starting := _processes_with_argument(f"--label={LAB_LABEL}={lab}"):
            if time.monotonic() > ends_at:
                for process_id in starting:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process_id, signal.SIGKILL)
            time.sleep(STARTING_POLL_SECONDS)

    def volumes(self, lab: str) -> list[str]:
        """The names of a lab's volumes; they begin with the lab's name and a dot."""
        shown = self._run(["volume", "ls", "--format={{.Name}}"])
        return [name for name in shown.split() if name.startswith(f"{lab}.")]

    def shell(self, name: str) -> list[str]:
        """The command line of an interactive root shell in a host."""
        return [self.program, *self.options, "exec", "--interactive", "--tty", name, "/bin/bash", "--login"]

    def _run(self, arguments: list[str], absent: str = "") -> str:
        done = subprocess.run([self.program, *self.options, *arguments], capture_output=True, text=True)
        if done.returncode != 0 and not (absent and absent in done.stderr.lower()):
            raise OSError(f"{self.program} {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()


def _podman_options() -> tuple[str, ...]:
    """crun refuses machines whose cgroups are hybrid (v1 controllers beside a v2 tree); runc takes them."""
    if not Path("/sys/fs/cgroup/unified/cgroup.procs").exists():
        return ()
    shown = subprocess.run(["podman", "info", "--format=json"], capture_output=True, text=True, check=True)
    if json.loads(shown.stdout)["host"]["ociRuntime"]["name"] != "crun":
        return ()
    if not shutil.which("runc"):
        raise FileNotFoundError("this machine's cgroups are hybrid, which crun refuses: install runc")
    return ("--runtime=runc",)


def _processes_with_argument(argument: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if argument.encode() in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
    return found


def _limit(kind: int, wanted: int) -> str:
    hard = resource.getrlimit(kind)[1]
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    return f"{value}:{value}"


def _answers(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0
