"""One document at work on one host: its parameters, and how it waits and ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.hosts.simulated.host import ExitError, Host
from lab.hosts.simulated.world import World


@dataclass(frozen=True)
class Task:
    """One document at work on one host."""

    world: World
    host: Host
    component: str
    phase: str
    command_id: str
    parameters: Mapping[str, str]
    ends_at: float

    def require(self, *names: str) -> None:
        missing = [name for name in names if not self.parameters.get(name)]
        if missing:
            raise ExitError(64, f"missing parameters: {' '.join(missing)}")

    def kind(self) -> str:
        kind = self.parameters.get("Kind", "")
        if kind not in ("server", "client"):
            raise ExitError(64, f"parameter Kind is '{kind}', not one of: server client")
        return kind

    def secret_name(self, name: str) -> str:
        self.require("SecretsPrefix")
        return self.parameters["SecretsPrefix"] + name

    def require_secret(self, name: str) -> str:
        value = self.world.secret(self.host, self.secret_name(name))
        if value is None:
            raise ExitError(75, f"secret {self.secret_name(name)} has no value yet")
        return value

    def wait_until(self, obstacle: Callable[[], str | None], patience_seconds: float) -> None:
        """Called with the world's lock held; `obstacle` says what is in the way."""
        patience = min(patience_seconds * max(self.world.time_scale, 0.05), self.ends_at - self.world.now())
        self.world.wait_until(self.host, self.command_id, obstacle, self.ends_at, patience)
