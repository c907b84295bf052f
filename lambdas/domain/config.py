"""The cluster file as frozen models: one truth for synth, for the Lambdas and for rendered configuration.

Read by `cluster_file.load` (all problems at once). Each field says in `json_schema_extra["change"]` how a change of it takes
effect: `live`, `rolling` (servers one by one), `replace` (nodes are replaced) or `refuse`.
"""

from ipaddress import IPv4Network
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

Product = Literal["consul", "vault", "nomad"]
PRODUCTS: tuple[Product, ...] = ("consul", "vault", "nomad")
System = Literal["debian_12", "ubuntu_24_04", "amazon_linux_2023"]
Architecture = Literal["arm64", "amd64"]
Driver = Literal["docker", "exec", "raw_exec"]
Change = Literal["live", "rolling", "replace", "refuse"]

VOTER_COUNTS = (1, 3, 5, 7)
"""Sizes with a majority that survives a split; an even size adds a voter and no tolerance (products.md D0)."""

Version = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,28}[a-z0-9]$")]
"""Goes into host names, bucket names and certificate names: DNS label rules, and short enough for a prefix and suffix."""


def _key(change: Change, description: str, default: Any = ..., **constraints: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"change": change}, **constraints)


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Versions(Model):
    consul: Version = _key("rolling", "Consul", "1.22.5")
    vault: Version = _key("rolling", "Vault", "1.21.1")
    nomad: Version = _key("rolling", "Nomad", "1.11.3")
    cni_plugins: Version = _key("replace", "CNI reference plugins on clients", "1.9.1")


class ServerGroup(Model):
    name: Name = _key("refuse", "Name of the group; part of the Auto Scaling group's name")
    serves: tuple[Product, ...] = _key("refuse", "Products whose servers run here", PRODUCTS, min_length=1)
    size: int = _key("rolling", "Voters at formation and the group's minimum: 1, 3, 5 or 7", 3)
    maximum: int = _key("live", "Largest desired capacity that Auto Scaling accepts", 7, ge=1, le=7)
    instance_type: str = _key("rolling", "EC2 instance type", "t4g.medium")
    volume_gib: int = _key("rolling", "Encrypted gp3 root volume, in GiB", 40, ge=8, le=16384)

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size not in VOTER_COUNTS:
            raise ValueError(
                f"{size} servers: use 1, 3, 5 or 7; an even number tolerates no more failures than one less"
            )
        return size

    @model_validator(mode="after")
    def _within_maximum(self) -> Self:
        if self.maximum < self.size:
            raise ValueError(f"maximum {self.maximum} is below size {self.size}: raise maximum")
        return self


class ClientPool(Model):
    name: Name = _key("refuse", "Name of the pool; part of the Auto Scaling group's name")
    node_pool: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9-_]{1,128}$")] = _key(
        "replace", "Nomad node pool that its nodes register in", "default"
    )
    datacenter: Name | None = _key("replace", "Nomad datacenter of its nodes; the cluster's where not given", None)
    minimum: int = _key("live", "Fewest clients", 1, ge=0, le=1000)
    maximum: int = _key("live", "Most clients", 10, ge=1, le=1000)
    instance_type: str = _key("replace", "EC2 instance type", "t4g.large")
    volume_gib: int = _key("replace", "Encrypted gp3 root volume, in GiB", 60, ge=8, le=16384)
    drivers: tuple[Driver, ...] = _key("replace", "Nomad task drivers", ("docker",))

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.maximum < self.minimum:
            raise ValueError(f"maximum {self.maximum} is below minimum {self.minimum}: swap or raise them")
        return self


class NewVpc(Model):
    kind: Literal["new"] = "new"
    cidr: IPv4Network = _key("refuse", "Address range of the VPC that the stack makes", IPv4Network("10.77.0.0/16"))
    availability_zones: tuple[str, ...] = _key("refuse", "Zones to spread over, by name", (), max_length=6)
    """Empty: `<region>a`, `b`, `c`."""


class ExistingVpc(Model):
    kind: Literal["existing"] = "existing"
    vpc_id: Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]{8,17}$")] = _key("refuse", "Id of the VPC")
    cidr: IPv4Network = _key("refuse", "Its address range: security groups are derived from it")
    subnet_ids: tuple[Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]{8,17}$")], ...] = _key(
        "rolling", "Private subnets for all nodes, one or more a zone", min_length=1
    )
    availability_zones: tuple[str, ...] = _key("refuse", "The subnets' zones, in the same order", min_length=1)

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if len(self.subnet_ids) != len(self.availability_zones):
            raise ValueError("give one availability zone for each subnet id, in the same order")
        return self


Network = Annotated[NewVpc | ExistingVpc, Field(discriminator="kind")]


class ClusterConfig(Model):
    """One cluster. See `clusters/example.yaml` for every key in use."""

    name: Name = _key("refuse", "Name of the cluster; prefix of everything it owns")
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = _key(
        "refuse", "AWS region", "eu-west-1"
    )
    datacenter: Name = _key("refuse", "Datacenter of Consul, and Nomad's unless a pool says otherwise", "dc1")
    nomad_region: Name = _key("refuse", "Nomad region", "global")
    system: System = _key("rolling", "Operating system of the nodes", "debian_12")
    architecture: Architecture = _key("rolling", "Processor of the nodes", "arm64")
    versions: Versions = _key("rolling", "Product versions", Versions())
    network: Network = _key("refuse", "A new VPC, or an existing one by ids", NewVpc())
    server_groups: tuple[ServerGroup, ...] = _key(
        "rolling",
        "Groups of servers; one that serves all three is the default",
        (ServerGroup(name="servers"),),
        min_length=1,
    )
    client_pools: tuple[ClientPool, ...] = _key("live", "Pools of Nomad clients", (ClientPool(name="default"),))
    certificate_days: int = _key("live", "Life of a node's certificate", 365, ge=1, le=825)
    tags: dict[str, str] = _key("live", "Tags on everything that takes tags", {})

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        names = [group.name for group in self.groups]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"group names repeat: {', '.join(repeated)}; every group and pool needs its own")
        for product in PRODUCTS:
            serving = [group for group in self.server_groups if product in group.serves]
            voters = sum(group.size for group in serving)
            if not serving:
                raise ValueError(f"no server group serves {product}: add it to a group's serves")
            if voters not in VOTER_COUNTS:
                raise ValueError(
                    f"{product} would have {voters} voters: make the sizes of its groups add up to 1, 3, 5 or 7"
                )
        return self

    @property
    def groups(self) -> tuple[ServerGroup | ClientPool, ...]:
        return (*self.server_groups, *self.client_pools)

    def voters(self, product: Product) -> int:
        """How many servers found `product`: what `bootstrap_expect` says."""
        return sum(group.size for group in self.server_groups if product in group.serves)

    @property
    def zones(self) -> tuple[str, ...]:
        return self.network.availability_zones or tuple(f"{self.region}{letter}" for letter in "abc")
