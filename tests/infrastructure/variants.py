"""Clusters that have to synthesise: each says only in what it differs from the default."""

from typing import Any

from lambdas.domain.config import ClusterConfig

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "separate": {  # a group of servers for each product, Ubuntu on x86
        "system": "ubuntu_24_04",
        "architecture": "amd64",
        "server_groups": [
            {"name": product, "serves": [product], "size": 3, "instance_type": "m7i.large"}
            for product in ("consul", "vault", "nomad")
        ],
        "client_pools": [{"name": "jobs", "minimum": 0, "instance_type": "m7i.large"}],
    },
    "existing": {  # somebody else's VPC
        "system": "amazon_linux_2023",
        "vault": {"seal": "shamir"},
        "network": {
            "kind": "existing",
            "vpc_id": "vpc-0123456789abcdef0",
            "cidr": "10.20.0.0/16",
            "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            "availability_zones": ["eu-west-1a", "eu-west-1b"],
        },
        "tags": {"owner": "platform"},
    },
    "largest": {  # about as much as one template admits
        "server_groups": [
            {"name": f"{product}-servers-long-name", "serves": [product], "size": 7, "maximum": 7}
            for product in ("consul", "vault", "nomad")
        ],
        "client_pools": [
            {"name": f"pool-{number:02}-with-a-long-name", "maximum": 1000, "node_pool": f"pool-{number:02}"}
            for number in range(12)
        ],
        "tags": {f"tag-{number}": "value" for number in range(5)},
    },
}


def config_of(variant: str) -> ClusterConfig:
    return ClusterConfig.model_validate({"name": variant, **VARIANTS[variant]})
