"""Instances as EC2 and Auto Scaling tell them."""

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws import lifecycle
from lambdas.aws.clients import client
from lambdas.aws.errors import code_of
from lambdas.domain.errors import EventNotOurs
from lambdas.domain.node import Instance

GONE = frozenset({"shutting-down", "terminated", "stopping", "stopped"})


def describe(instance_id: str) -> Instance:
    """Raise EventNotOurs for an instance that is gone already: nothing is left to launch."""
    instance = describe_if_running(instance_id)
    if instance is None:
        raise EventNotOurs(f"instance {instance_id} is gone")
    return instance


def describe_if_running(instance_id: str) -> Instance | None:
    """The instance, or None where its host is gone or going."""
    found = _find(instance_id)
    if found is None or found["State"]["Name"] in GONE:
        return None
    return Instance(
        instance_id=instance_id,
        private_ip=found["PrivateIpAddress"],
        availability_zone=found["Placement"]["AvailabilityZone"],
    )


def _find(instance_id: str) -> dict[str, Any] | None:
    try:
        reservations = client("ec2").describe_instances(InstanceIds=[instance_id])["Reservations"]
    except ClientError as error:
        if code_of(error) == "InvalidInstanceID.NotFound":
            return None
        raise
    found = [instance for reservation in reservations for instance in reservation["Instances"]]
    return found[0] if found else None


def alive(autoscaling_groups: Iterable[str]) -> frozenset[str]:
    """Ids of instances of these groups that launch or serve: not on their way out."""
    found = lifecycle.every(autoscaling_groups)
    return frozenset(
        instance_id for instance_id, one in found.items() if one.state.startswith(("Pending", "InService"))
    )
