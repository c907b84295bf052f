"""Faults of container hosts: power, network, agent, services."""

from lab.hosts.container import ContainerHosts


class ContainerFaults:
    """Raises LookupError where there is no such host, or it does not do what it is told."""

    def __init__(self, hosts: ContainerHosts) -> None:
        self._hosts = hosts

    def kill(self, instance_id: str) -> None:
        self._hosts.kill(instance_id)

    def partition(self, *instance_ids: str) -> None:
        self._hosts.partition(*instance_ids)

    def heal(self) -> None:
        self._hosts.heal()

    def pause_agent(self, instance_id: str) -> None:
        self._hosts.pause_agent(instance_id)

    def resume_agent(self, instance_id: str) -> None:
        self._hosts.resume_agent(instance_id)

    def stop_product(self, instance_id: str, product: str) -> None:
        """Without a goodbye: no unit makes a node leave when it stops."""
        if not self._succeeds(instance_id, ["systemctl", "is-active", "--quiet", product]):
            raise LookupError(f"{product} does not run on {instance_id}")
        self._systemctl(instance_id, "stop", product)

    def start_product(self, instance_id: str, product: str) -> None:
        if not self._succeeds(instance_id, ["systemctl", "is-enabled", "--quiet", product]):
            raise LookupError(f"{product} is not set up to run on {instance_id}")
        self._systemctl(instance_id, "start", product)

    def _systemctl(self, instance_id: str, verb: str, unit: str) -> None:
        done = self._hosts.call(instance_id, ["systemctl", verb, unit])
        if done.returncode != 0:
            raise LookupError(f"systemctl {verb} {unit} on {instance_id}: {done.stderr.strip()}")

    def _succeeds(self, instance_id: str, command: list[str]) -> bool:
        return self._hosts.call(instance_id, command).returncode == 0
