"""Hosts with what surrounds them: for containers a network, metadata, names, and AWS over TLS at its own names."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, Protocol

from lab.aws import EmbeddedAws
from lab.hosts.held import HeldHosts
from lab.hosts.seam import Ran
from lab.hosts.simulated import SimulatedHosts
from lab.ownership import own
from lab.preparation import Prepared
from lab.products.artifact import cache_directory
from lab.products.catalogue import host_architecture
from lab.survey import Survey
from lab.survey.apis import Apis
from lab.survey.models import ModelSurveyor
from lab.survey.products import ProductSurveyor
from lambdas.domain.config import Product

Servers = Callable[[Product], Mapping[str, str]]
RunScript = Callable[[str, str], Ran]


class Surveyor(Protocol):
    """Looks at the cluster, and hands it a job, the way an operator does."""

    def survey(self) -> Survey: ...

    def submit(self, name: str, hcl: str, variables: Mapping[str, str]) -> None: ...


class DataCenter(Protocol):
    hosts: HeldHosts
    faulty: Any
    """The hosts as `lab.fault_commands.FaultyHosts`."""

    def connect(self, aws: EmbeddedAws) -> None:
        """Let hosts reach the embedded AWS, as soon as that is open and before anything is deployed."""

    def inside(self) -> AbstractContextManager[Any]:
        """The calling thread can reach the hosts' addresses meanwhile."""

    def surveyor(self, apis: Apis, servers: Servers, run_script: RunScript) -> Surveyor: ...

    def shell(self, instance_id: str) -> list[str]:
        """The command line of a root shell there. Raises LookupError."""

    def look(self, instance_id: str, script: str) -> str:
        """What a script says there that somebody at the machine's console runs, with or without an agent."""

    def close(self) -> None: ...


class SimulatedDataCenter:
    """Simulated hosts need nothing around them but AWS."""

    def __init__(self, time_scale: float) -> None:
        self.simulated = SimulatedHosts(self._client, time_scale=time_scale)
        self.faulty = self.simulated
        self.hosts = HeldHosts(self.simulated)
        self._aws: EmbeddedAws | None = None

    def connect(self, aws: EmbeddedAws) -> None:
        self._aws = aws
        self.simulated.world.now = aws.limited_seconds

    def inside(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def surveyor(self, apis: Apis, servers: Servers, run_script: RunScript) -> Surveyor:
        return ModelSurveyor(self.simulated)

    def shell(self, instance_id: str) -> list[str]:
        raise LookupError("simulated hosts run no shell; `make up HOSTS=container` has one")

    def look(self, instance_id: str, script: str) -> str:
        return ""

    def close(self) -> None:
        self.hosts.close()

    def _client(self, service: str) -> Any:
        assert self._aws is not None, "hosts work only once they are connected"
        return self._aws.client(service)


class ContainerDataCenter:
    """Raises OSError where the machine lacks what containers or namespaces need."""

    def __init__(self, prepared: Prepared) -> None:
        # Imported here: simulated hosts run where none of this can.
        from lab.hosts.authority import Authority
        from lab.hosts.container import ContainerHosts, sweep_leftovers
        from lab.hosts.container_faults import ContainerFaults
        from lab.hosts.network import LabNetwork, lab_name

        self.name = lab_name()
        self._region = prepared.config.region
        with ExitStack() as stack:
            stack.enter_context(own(self.name))
            sweep_leftovers(self.name)
            stack.callback(sweep_leftovers, self.name)
            self.network = LabNetwork.create(self.name, str(prepared.config.network.cidr))
            self._authority = Authority(cache_directory() / "authority")
            # Debian's machine image, which is the one that the lab has, ships no agent.
            self.containers = ContainerHosts(
                self.network, prepared.host_image, self._authority.pair.certificate, ships_agent=False
            )
            self.faulty = ContainerFaults(self.containers)
            self.hosts = HeldHosts(self.containers)
            stack.callback(self.hosts.close)
            self._stack = stack.pop_all()

    def connect(self, aws: EmbeddedAws) -> None:
        from lab.hosts import agent_package
        from lab.hosts.metadata import Metadata
        from lab.hosts.metadata_server import serve_metadata
        from lab.hosts.name_server import serve_names

        def lifecycle_state(instance_id: str) -> str | None:
            found = aws.client("autoscaling").describe_auto_scaling_instances(InstanceIds=[instance_id])
            states = [instance["LifecycleState"] for instance in found["AutoScalingInstances"]]
            return states[0] if states else None

        address = self.network.router_address
        pair = self._authority.server_pair(self._region, [address])
        with self.network.enter():
            aws.serve(address, 443, pair)
        agent_package.publish(aws.client("s3"), self._region, host_architecture())
        metadata = Metadata(self.containers.machine_at, lifecycle_state, aws.account)
        self._stack.callback(serve_metadata(self.network, metadata).close)
        self._stack.callback(serve_names(self.network, self._region).close)

    def inside(self) -> AbstractContextManager[Any]:
        return self.network.enter()

    def surveyor(self, apis: Apis, servers: Servers, run_script: RunScript) -> Surveyor:
        return ProductSurveyor(apis, servers, run_script)

    def shell(self, instance_id: str) -> list[str]:
        return self.containers.shell(instance_id)

    def look(self, instance_id: str, script: str) -> str:
        try:
            return self.containers.call(instance_id, ["/bin/bash", "-c", script]).stdout
        except (LookupError, ProcessLookupError) as error:
            return f"{error}\n"

    def close(self) -> None:
        self._stack.close()


def open_data_center(prepared: Prepared, time_scale: float) -> DataCenter:
    if prepared.kind == "simulated":
        return SimulatedDataCenter(time_scale)
    return ContainerDataCenter(prepared)
