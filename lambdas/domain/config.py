"""The cluster file as frozen models: one truth for synth, for the Lambdas and for rendered configuration.

Each field says in `json_schema_extra["change"]` how a change of it takes effect: `live`, `rolling` (servers one by
one), `replace` (nodes are replaced) or `refuse`. What concerns several fields at once is in `rules`. Files are read by
`cluster_file.load`.
"""

from ipaddress import IPv4Network
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lambdas.domain import pgp

Product = Literal["consul", "vault", "nomad"]
PRODUCTS: tuple[Product, ...] = ("consul", "vault", "nomad")
System = Literal["debian_12", "ubuntu_24_04", "amazon_linux_2023"]
Architecture = Literal["arm64", "amd64"]
Driver = Literal["docker", "exec", "raw_exec"]
Seal = Literal["awskms", "shamir"]
Change = Literal["live", "rolling", "replace", "refuse"]

VOTER_COUNTS = (1, 3, 5, 7)
"""Sizes with a majority that survives a split; an even size adds a voter and no tolerance (products.md D0)."""

PATTERN_WORDS = {
    r"^\d+\.\d+\.\d+$": "a version such as 1.2.3",
    r"^[a-z][a-z0-9-]{0,28}[a-z0-9]$": (
        "2 to 30 lower-case letters, digits and hyphens, a letter first and no hyphen last"
    ),
    r"^[a-z]{2}(-[a-z]+)+-\d$": "an AWS region such as eu-west-1",
    r"^[a-z]{2}(-[a-z]+)+-\d(-[a-z]{3}-\d)?[a-z]$": "an availability zone such as eu-west-1a",
    r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$": "an EC2 instance type such as t4g.medium",
    r"^[a-zA-Z0-9-_]{1,128}$": "1 to 128 letters, digits, hyphens and underscores",
    r"^vpc-[0-9a-f]{8,17}$": "the id of a VPC such as vpc-0123456789abcdef0",
    r"^subnet-[0-9a-f]{8,17}$": "the id of a subnet such as subnet-0123456789abcdef0",
    r"^[A-Za-z0-9+/]+={0,2}$": "base64, in one line",
}
"""Each pattern in words, for whoever wrote something else."""

_VERSION, _NAME, _REGION, _ZONE, _INSTANCE_TYPE, _NODE_POOL, _VPC, _SUBNET, _BASE64 = PATTERN_WORDS

Version = Annotated[str, StringConstraints(pattern=_VERSION)]
Name = Annotated[str, StringConstraints(pattern=_NAME)]
"""Goes into host, bucket and certificate names: DNS label rules, and short enough for a prefix and a suffix."""
Region = Annotated[str, StringConstraints(pattern=_REGION)]
Zone = Annotated[str, StringConstraints(pattern=_ZONE)]
InstanceType = Annotated[str, StringConstraints(pattern=_INSTANCE_TYPE)]
NodePool = Annotated[str, StringConstraints(pattern=_NODE_POOL)]
VpcId = Annotated[str, StringConstraints(pattern=_VPC)]
SubnetId = Annotated[str, StringConstraints(pattern=_SUBNET)]


def _public_key(text: str) -> str:
    if problem := pgp.problem_of(text):
        raise ValueError(problem)
    return text


PgpKey = Annotated[str, StringConstraints(pattern=_BASE64), AfterValidator(_public_key)]

RULES_LATER = "rules_later"
"""Key of the validation context that leaves `rules` to the caller, who wants each problem by itself."""


def _key(change: Change, description: str, default: Any = ..., **constraints: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"change": change}, **constraints)


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Versions(Model):
    consul: Version = _key("rolling", "Consul", "1.22.5")
    vault: Version = _key("rolling", "Vault", "1.21.1")
    nomad: Version = _key("rolling", "Nomad; from 1.11 on servers let in only clients that they introduced", "1.11.3")
    cni_plugins: Version = _key("replace", "CNI reference plugins on clients", "1.9.1")


class VaultSettings(Model):
    seal: Seal = _key(
        "refuse",
        "What unseals Vault: `awskms`, a KMS key, or `shamir`, key shares that servers read from Secrets Manager",
        "awskms",
    )
    recovery_pgp_keys: tuple[PgpKey, ...] = _key(
        "refuse",
        "Operators' PGP public keys, binary and in base64: a recovery key for each, of which a majority is needed;"
        " empty: five that nothing else encrypts, of which three are needed",
        (),
        max_length=9,
    )


class ServerGroup(Model):
    name: Name = _key("refuse", "Name of the group; part of the Auto Scaling group's name")
    serves: tuple[Product, ...] = _key("refuse", "Products whose servers run here", PRODUCTS, min_length=1)
    size: int = _key("rolling", "Voters at formation and the group's minimum: 1, 3, 5 or 7", 3)
    maximum: int = _key("live", "Largest desired capacity that Auto Scaling accepts", 7, ge=1, le=7)
    instance_type: InstanceType = _key("rolling", "EC2 instance type", "t4g.medium")
    volume_gib: int = _key("rolling", "Encrypted gp3 root volume, in GiB", 40, ge=8, le=16384)

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size in VOTER_COUNTS:
            return size
        if size in range(2, max(VOTER_COUNTS)):
            raise ValueError(f"{size} servers tolerate no more failures than {size - 1}: use {size - 1} or {size + 1}")
        raise ValueError(f"{size} servers: use 1, 3, 5 or 7")


class ClientPool(Model):
    name: Name = _key("refuse", "Name of the pool; part of the Auto Scaling group's name")
    node_pool: NodePool = _key("replace", "Nomad node pool that its nodes register in", "default")
    datacenter: Name | None = _key("replace", "Nomad datacenter of its nodes; the cluster's where not given", None)
    minimum: int = _key("live", "Fewest clients", 1, ge=0, le=1000)
    maximum: int = _key("live", "Most clients", 10, ge=1, le=1000)
    instance_type: InstanceType = _key("replace", "EC2 instance type", "t4g.large")
    volume_gib: int = _key("replace", "Encrypted gp3 root volume, in GiB", 60, ge=8, le=16384)
    drivers: tuple[Driver, ...] = _key("replace", "Nomad task drivers", ("docker",), min_length=1)
    drain_minutes: int = _key(
        "live", "Longest time that Nomad may take to move a client's work away before it goes", 15, ge=0, le=1440
    )


class NewVpc(Model):
    kind: Literal["new"] = _key("refuse", "`new`: the stack makes the VPC", "new")
    cidr: IPv4Network = _key("refuse", "Address range of the VPC", IPv4Network("10.77.0.0/16"))
    availability_zones: tuple[Zone, ...] = _key(
        "refuse", "Zones to spread over; empty: `a`, `b` and `c` of the region", (), max_length=6
    )


class ExistingVpc(Model):
    kind: Literal["existing"] = _key("refuse", "`existing`: a VPC that is there")
    vpc_id: VpcId = _key("refuse", "Id of the VPC")
    cidr: IPv4Network = _key("refuse", "Its address range: security groups are derived from it")
    subnet_ids: tuple[SubnetId, ...] = _key(
        "rolling", "Private subnets for all nodes, one or more a zone", min_length=1
    )
    availability_zones: tuple[Zone, ...] = _key("refuse", "The subnets' zones, in the same order", min_length=1)


Network = Annotated[NewVpc | ExistingVpc, Field(discriminator="kind")]


class ClusterConfig(Model):
    """One cluster. See `clusters/example.yaml` for every key in use."""

    name: Name = _key("refuse", "Name of the cluster; prefix of everything it owns")
    region: Region = _key("refuse", "AWS region", "eu-west-1")
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
    certificate_days: int = _key(
        "live", "Life of a node's certificate, renewed when two thirds of it are over", 30, ge=1, le=825
    )
    vault: VaultSettings = _key("refuse", "What unseals Vault, and who has its recovery keys", VaultSettings())
    ca_generation: int = _key(
        "live", "Authority that signs nodes: one more than before, and the next one takes over", 1, ge=1, le=100
    )
    tags: dict[str, str] = _key("live", "Tags on everything that takes tags", {})

    @model_validator(mode="after")
    def _keeps_the_rules(self, info: ValidationInfo) -> Self:
        from lambdas.domain.rules import broken_rules  # rules know the models

        if not (info.context or {}).get(RULES_LATER) and (problems := list(broken_rules(self))):
            raise ValueError("; ".join(f"{problem.path}: {problem.text}" for problem in problems))
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
