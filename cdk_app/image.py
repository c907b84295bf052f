"""Which machine image a node starts from, and what it does before its agent answers."""

from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_ec2 as ec2

from lambdas.domain.config import Architecture, ClusterConfig, System

USER_DATA = Path(__file__).parent / "user_data"


@dataclass(frozen=True)
class Image:
    """`parameter` is the publisher's public SSM parameter, with the publisher's word for the architecture."""

    parameter: str
    root_device: str
    x86: str = "amd64"
    agent_script: str | None = None
    """Script that installs the SSM agent, for an image that comes without."""


IMAGES: dict[System, Image] = {
    "debian_12": Image(
        "/aws/service/debian/release/12/latest/{architecture}", "/dev/xvda", agent_script="debian_12.sh"
    ),
    "ubuntu_24_04": Image(
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/{architecture}/hvm/ebs-gp3/ami-id", "/dev/sda1"
    ),
    "amazon_linux_2023": Image(
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}", "/dev/xvda", x86="x86_64"
    ),
}


def parameter_of(system: System, architecture: Architecture) -> str:
    image = IMAGES[system]
    return image.parameter.format(architecture=image.x86 if architecture == "amd64" else architecture)


def user_data_of(config: ClusterConfig) -> ec2.UserData:
    """Nothing but the agent, where the image lacks it. User data is readable by all who see the instance: no secret."""
    script = IMAGES[config.system].agent_script
    if script is None:
        return ec2.UserData.custom("#!/usr/bin/env bash\n")
    body = (USER_DATA / script).read_text(encoding="utf-8")
    shebang, rest = body.split("\n", 1)
    given = f"readonly REGION={config.region} ARCHITECTURE={config.architecture}"
    return ec2.UserData.custom(f"{shebang}\n{given}\n{rest}")
