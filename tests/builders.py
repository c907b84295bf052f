"""Things that tests need, with defaults that make sense; each test says only what it is about."""

from typing import Any

from lambdas.domain.artifacts import Artifact, Manifest
from lambdas.domain.commands import Command
from lambdas.domain.config import ClusterConfig
from lambdas.domain.delivery import Delivery
from lambdas.domain.formation import Arrival
from lambdas.domain.node import Instance, Node, describe_node
from lambdas.domain.plans.site import Site


def a_config(**changes: Any) -> ClusterConfig:
    return ClusterConfig.model_validate({"name": "demo", **changes})


def a_node(number: int = 1, *, group: str = "servers", config: ClusterConfig | None = None) -> Node:
    config = config or a_config()
    instance = Instance(
        instance_id=f"i-{number:017x}", private_ip=f"10.77.0.{10 + number}", availability_zone="eu-west-1a"
    )
    return describe_node(config, instance, f"quorate-{config.name}-{group}")


def an_arrival(
    number: int = 1, *, group: str = "servers", at: float = 0, config: ClusterConfig | None = None
) -> Arrival:
    node = a_node(number, group=group, config=config)
    certificate = Delivery(key=f"nodes/{node.instance_id}/ca/0.json", sha256="0" * 64)
    return Arrival(
        node=node, certificate=certificate, token=f"token-{number}", execution=f"launch-{number}", arrived_at=at
    )


def a_site(**changes: Any) -> Site:
    return Site(
        a_config(**changes),
        bucket="quorate-demo-123456789012-eu-west-1",
        unseal_key_id="unseal-key",
        table="quorate-demo-records",
    )


def a_command(instance_id: str) -> Command:
    return Command(
        instance_id=instance_id,
        component="consul",
        phase="install",
        document="quorate-demo-consul-install",
        parameters={"Cluster": "demo"},
        timeout_seconds=60,
        scope="launch-1",
    )


def a_manifest(config: ClusterConfig | None = None) -> Manifest:
    """Everything that nodes of `config` install, with made-up checksums."""
    config = config or a_config()
    versions = {f"{name}_linux_{config.architecture}": v for name, v in config.versions.model_dump().items()}
    for packages in ("prerequisites", "docker"):
        versions[f"{packages}_{config.system}_{config.architecture}"] = "1"
    versions[f"pause_image_{config.architecture}"] = "1"
    return Manifest(
        artifacts={
            name: Artifact(key=f"artifacts/{name}", sha256="a" * 64, version=version)
            for name, version in versions.items()
        }
    )


def a_lifecycle_event(
    kind: str = "launch", *, instance_id: str = "i-00000000000000001", group: str = "servers", **detail: Any
) -> dict[str, Any]:
    launching = kind == "launch"
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": f"EC2 Instance-{kind} Lifecycle Action",
        "source": "aws.autoscaling",
        "account": "123456789012",
        "time": "2026-11-23T20:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {
            "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
            "AutoScalingGroupName": f"quorate-demo-{group}",
            "LifecycleHookName": f"quorate-{kind}",
            "EC2InstanceId": instance_id,
            "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{'LAUNCHING' if launching else 'TERMINATING'}",
            "Origin": "EC2" if launching else "AutoScalingGroup",
            "Destination": "AutoScalingGroup" if launching else "EC2",
            **detail,
        },
    }
