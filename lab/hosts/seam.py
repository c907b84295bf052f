"""The seam between the embedded AWS and the machines that its instances run on.

`lab.aws` calls `Hosts`; `lab.hosts.container` (systemd containers) and `lab.hosts.simulated` (in process) answer.
Neither side knows more of the other than what stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Machine:
    """An EC2 instance as the hypervisor sees it: what RunInstances decided, nothing that a guest decides."""

    instance_id: str
    private_ip: str
    subnet_cidr: str
    vpc_cidr: str
    region: str
    availability_zone: str
    instance_type: str
    image_id: str
    user_data: str
    instance_profile_arn: str | None
    role_name: str | None
    autoscaling_group: str | None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One document step for the agent: a script, run as root by /bin/bash.

    `environment` holds the document's parameters as SSM_<Name> (interpolationType ENV_VAR). `document` and
    `parameters` say the same for hosts that model a document instead of running its script.
    """

    command_id: str
    document: str
    parameters: Mapping[str, str]
    script: str
    environment: Mapping[str, str]
    timeout_seconds: float


@dataclass(frozen=True)
class Ran:
    """How the step ended. `exit_code` is -1 where no process ended (timed out, host lost, cancelled)."""

    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool = False
    host_lost: bool = False
    cancelled: bool = False


class Hosts(Protocol):
    """All calls may come from any thread; `boot` and `run` block, the others return quickly."""

    def boot(self, machine: Machine) -> None:
        """Power the machine on; returns once it has its address. The agent may register later."""

    def terminate(self, instance_id: str) -> None:
        """Power off and forget; unknown ids are ignored (EC2 may say it twice)."""

    def agent_online(self, instance_id: str) -> bool:
        """Whether the SSM agent of that instance has registered and answers (PingStatus Online)."""

    def run(self, instance_id: str, run: Run) -> Ran:
        """Run one step to its end or its timeout."""

    def cancel(self, instance_id: str, command_id: str) -> None:
        """End what `command_id` started there; its `run` returns with cancelled=True."""

    def close(self) -> None:
        """Leave nothing behind: processes, containers, namespaces, mounts."""
