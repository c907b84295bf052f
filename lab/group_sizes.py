"""Auto Scaling groups as an operator sees them: how many instances each should have, and whether they are there."""

from typing import Any

from lambdas.domain import names
from lambdas.domain.config import ClusterConfig, ServerGroup


def set_size(autoscaling: Any, config: ClusterConfig, group: str, desired: int) -> None:
    """Raises ValueError for a size outside of the group's range, before anything is changed."""
    known = {one.name: one for one in config.groups}
    if group not in known:
        raise ValueError(f"no group {group!r}: {', '.join(known)}")
    one = known[group]
    minimum = one.size if isinstance(one, ServerGroup) else one.minimum
    if not minimum <= desired <= one.maximum:
        raise ValueError(f"{group}: {desired} is not between {minimum} and {one.maximum}, its cluster file's range")
    name = names.autoscaling_group(config.name, group)
    autoscaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=desired)


def begin_refresh(autoscaling: Any, config: ClusterConfig, group: str) -> None:
    """Let every instance of a group be replaced, one after the other."""
    autoscaling.start_instance_refresh(AutoScalingGroupName=names.autoscaling_group(config.name, group))


def newest_refresh(autoscaling: Any, config: ClusterConfig, group: str) -> dict[str, Any]:
    """How far the newest of a group's refreshes is."""
    name = names.autoscaling_group(config.name, group)
    found = autoscaling.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"]
    return dict(found[0])


def all_in_service(autoscaling: Any) -> bool:
    """Whether every group has as many instances in service as it should, and none on its way in or out."""
    groups = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    return all(
        len(group["Instances"]) == group["DesiredCapacity"]
        and all(instance["LifecycleState"] == "InService" for instance in group["Instances"])
        for group in groups
    )
