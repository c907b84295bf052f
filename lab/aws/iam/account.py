"""ARNs, tags and the like of one account in moto, for whoever says what an API call needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.ec2 import ec2_backends

from lab.aws.cloud import Cloud

MachineOf = Callable[[str], str | None]


@dataclass(frozen=True)
class Account:
    """`machine_of` gives the ARN of the state machine that a task token is of."""

    cloud: Cloud
    machine_of: MachineOf = lambda token: None
    _backends: dict[int, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.cloud.account

    @property
    def region(self) -> str:
        return self.cloud.region

    def arn(self, service: str, resource: str) -> str:
        return self.cloud.arn(service, resource)

    def of(self, backends: Any) -> Any:
        """The region's own of a service's backends. To find it takes moto longer than many a question to it."""
        found = self._backends.get(id(backends))
        if found is None:
            found = self._backends[id(backends)] = backends[self.cloud.account][self.cloud.region]
        return found

    def instance_tags(self, instance_id: str) -> Mapping[str, str]:
        instance = self.of(ec2_backends).get_instance_by_id(instance_id)
        return tags_of(instance.get_tags()) if instance else {}


def tags_of(listed: Any) -> dict[str, str]:
    """Tags by key, however the service spells them."""
    return {
        str(one.get("Key", one.get("key", one.get("TagKey")))): str(
            one.get("Value", one.get("value", one.get("TagValue")))
        )
        for one in listed or ()
    }
