"""A command: one document on one node, as it travels through a Map state to `send_command`."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict


class Command(BaseModel):
    model_config = ConfigDict(frozen=True)

    instance_id: str
    component: str
    phase: str
    document: str
    parameters: dict[str, str]
    timeout_seconds: int
    scope: str
    """Within which a repetition is the same command: an execution's name, or a generation of the cluster."""

    @property
    def dispatch_key(self) -> str:
        """Key of its dispatch record: the same work within the same scope, and only that."""
        canonical = json.dumps(self.parameters, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(canonical.encode()).hexdigest()[:16]
        return f"{self.scope}#{self.instance_id}#{self.component}#{self.phase}#{digest}"
