"""A command: one document on one node, as it travels through a Map state to `send_command`."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict, computed_field

DELIVERY_SECONDS = 120
"""How long Systems Manager may take to hand the command to the agent; the API accepts 30 at the least."""

ANSWER_MARGIN_SECONDS = 30
"""On top of delivery and run time: the status event and the Lambda that turns it into the task's answer."""


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

    @computed_field  # type: ignore[prop-decorator]
    @property
    def answer_within_seconds(self) -> int:
        """After this the state machine asks once for an answer that may have been lost, then gives up."""
        return self.timeout_seconds + DELIVERY_SECONDS + ANSWER_MARGIN_SECONDS

    @property
    def dispatch_key(self) -> str:
        """Key of its dispatch record: the same work within the same scope, and only that."""
        canonical = json.dumps(self.parameters, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(canonical.encode()).hexdigest()[:16]
        return f"{self.scope}#{self.instance_id}#{self.component}#{self.phase}#{digest}"
