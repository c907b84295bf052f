"""What a cluster must keep beyond the type of each key: rules about several keys, and limits that AWS sets."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from math import ceil, log2

from lambdas.domain import names
from lambdas.domain.config import (
    PRODUCTS,
    VOTER_COUNTS,
    ClientPool,
    ClusterConfig,
    ExistingVpc,
    NewVpc,
    ServerGroup,
)


@dataclass(frozen=True)
class Problem:
    """`path` is the key to change; `because_of` are other keys that the judgement rests on."""

    path: str
    text: str
    because_of: tuple[str, ...] = ()


BUCKET_NAME_LIMIT = 63
ACCOUNT_ID_DIGITS = 12

TAG_LIMIT = 40
"""A resource takes 50 tags; Auto Scaling, CloudFormation and Quorate add their own."""
TAG_KEY_LIMIT, TAG_VALUE_LIMIT = 128, 256
TAG_CHARACTERS = re.compile(r"[\w +\-=.:/@]*")
RESERVED_TAG_PREFIXES = ("aws:", "quorate:")

RESERVED_RANGES = {
    "Docker's default bridge": IPv4Network("172.17.0.0/16"),
    "Nomad's bridge networks": IPv4Network("172.26.64.0/20"),
    "loopback": IPv4Network("127.0.0.0/8"),
    "link-local addresses and the metadata service": IPv4Network("169.254.0.0/16"),
    "multicast and beyond": IPv4Network("224.0.0.0/3"),
}
VPC_PREFIXES = range(16, 29)
"""AWS takes nothing larger than /16 and nothing smaller than /28, for a VPC and for a subnet."""
SUBNET_RESERVED = 5
"""Addresses of a subnet that AWS keeps for itself."""
SUBNET_ENDPOINTS = 5
"""Interface endpoints of a new VPC, each with an address in every subnet."""

ARM_FAMILY = re.compile(r"^(a1|[a-z]+\d+[a-z]*g[a-z]*)$")
"""Graviton: a `g` among the letters after the generation (t4g, m7gd, c6gn, im4gn, is4gen), and a1."""


def broken_rules(config: ClusterConfig) -> Iterator[Problem]:
    """All problems, in the order of the rules."""
    for rule in RULES:
        yield from rule(config)


def _names_are_not_too_long(config: ClusterConfig) -> Iterator[Problem]:
    """The name leaves room for account and region in the bucket's name: 63 characters in all."""
    longest = names.bucket(config.name, "0" * ACCOUNT_ID_DIGITS, config.region)
    if (excess := len(longest) - BUCKET_NAME_LIMIT) > 0:
        yield Problem(
            "name",
            f"its bucket {longest} would have {len(longest)} characters, S3 allows {BUCKET_NAME_LIMIT}:"
            f" shorten it to {len(config.name) - excess}",
            ("region",),
        )


def _placed_groups(config: ClusterConfig) -> Iterator[tuple[str, ServerGroup | ClientPool]]:
    """Each group with its path in the file."""
    for index, group in enumerate(config.server_groups):
        yield f"server_groups.{index}", group
    for index, pool in enumerate(config.client_pools):
        yield f"client_pools.{index}", pool


def _group_names_differ(config: ClusterConfig) -> Iterator[Problem]:
    """Every server group and client pool has a name of its own."""
    first: dict[str, str] = {}
    for at, group in _placed_groups(config):
        if other := first.get(group.name):
            yield Problem(f"{at}.name", f"{group.name} is the name of {other} too: use another", (f"{other}.name",))
        first.setdefault(group.name, at)


def _sizes_are_in_range(config: ClusterConfig) -> Iterator[Problem]:
    """A group's maximum is not below its size, a pool's not below its minimum."""
    for at, group in _placed_groups(config):
        key = "size" if isinstance(group, ServerGroup) else "minimum"
        least = getattr(group, key)
        if group.maximum < least:
            yield Problem(f"{at}.maximum", f"{group.maximum} is less than {key}, {least}: raise it", (f"{at}.{key}",))


def _every_product_has_a_majority(config: ClusterConfig) -> Iterator[Problem]:
    """Each product is served, and the sizes of its groups add up to 1, 3, 5 or 7."""
    for product in PRODUCTS:
        voters = config.voters(product)
        if voters == 0:
            yield Problem("server_groups", f"no group serves {product}: add it to the `serves` of one")
        elif voters not in VOTER_COUNTS:
            yield Problem(
                "server_groups", f"{product} would have {voters} voters: make its groups' sizes add up to 3, 5 or 7"
            )


def _instances_fit_the_architecture(config: ClusterConfig) -> Iterator[Problem]:
    """Instance types are of the cluster's architecture."""
    examples = {"arm64": "t4g.medium", "amd64": "t3.medium"}
    for at, group in _placed_groups(config):
        processor = "arm64" if ARM_FAMILY.match(group.instance_type.partition(".")[0]) else "amd64"
        if processor != config.architecture:
            yield Problem(
                f"{at}.instance_type",
                f"{group.instance_type} is {processor}, the architecture is {config.architecture}: use a type such as"
                f" {examples[config.architecture]}, or change `architecture`",
                ("architecture",),
            )


def _zones_are_of_the_region(config: ClusterConfig) -> Iterator[Problem]:
    """Availability zones are of the region; for a new VPC each is named once."""
    zones = config.network.availability_zones
    for index, zone in enumerate(zones):
        at = f"network.availability_zones.{index}"
        if not zone.startswith(config.region):
            yield Problem(at, f"{zone} is not in {config.region}: name zones of the region", ("region",))
        elif isinstance(config.network, NewVpc) and zone in zones[:index]:
            yield Problem(at, f"{zone} is there twice: name each zone once")


def _subnets_have_zones(config: ClusterConfig) -> Iterator[Problem]:
    """Each subnet of an existing VPC has its zone."""
    network = config.network
    if isinstance(network, ExistingVpc) and len(network.subnet_ids) != len(network.availability_zones):
        yield Problem(
            "network.availability_zones",
            f"{len(network.availability_zones)} zones for {len(network.subnet_ids)} subnets:"
            " name the zone of each subnet, in the same order",
        )


def _network_is_free(config: ClusterConfig) -> Iterator[Problem]:
    """The network keeps clear of Docker's (172.17.0.0/16) and Nomad's (172.26.64.0/20) own ranges."""
    cidr = config.network.cidr
    for whose, reserved in RESERVED_RANGES.items():
        if cidr.overlaps(reserved):
            yield Problem(
                "network.cidr", f"{cidr} overlaps {reserved}, {whose}: use another range, such as 10.77.0.0/16"
            )


def _network_is_large_enough(config: ClusterConfig) -> Iterator[Problem]:
    """The network is between /16 and /28, and a new one has room for all groups at their maxima."""
    cidr = config.network.cidr
    if cidr.prefixlen not in VPC_PREFIXES:
        yield Problem("network.cidr", f"{cidr}: AWS takes ranges from /16 to /28")
    elif isinstance(config.network, NewVpc):
        nodes = sum(group.maximum for group in config.groups)
        zones = len(config.zones)
        taken = SUBNET_RESERVED + SUBNET_ENDPOINTS
        subnet = 32 - ceil(log2(ceil(nodes / zones) + taken))
        largest = min(subnet, max(VPC_PREFIXES)) - ceil(log2(zones))
        if cidr.prefixlen > largest:
            yield Problem(
                "network.cidr",
                f"{cidr} is too small for {nodes} nodes (all maxima) in {zones} zones: use /{largest} or larger",
                ("server_groups", "client_pools", "network.availability_zones"),
            )


def _pgp_keys_have_recovery_keys_to_encrypt(config: ClusterConfig) -> Iterator[Problem]:
    """PGP keys are each there once, and only where KMS unseals Vault: servers have to read the shares of `shamir`."""
    keys = config.vault.recovery_pgp_keys
    if keys and config.vault.seal == "shamir":
        yield Problem(
            "vault.recovery_pgp_keys",
            "servers have to read the shares that unseal Vault: leave the keys out, or use `seal: awskms`",
            ("vault.seal",),
        )
    if len(set(keys)) < len(keys):
        yield Problem("vault.recovery_pgp_keys", "a key is there twice: one person would have two recovery keys")


def _tags_are_taken_by_aws(config: ClusterConfig) -> Iterator[Problem]:
    """Tags are within AWS's limits, and none begins with `aws:` or `quorate:`."""
    if len(config.tags) > TAG_LIMIT:
        yield Problem("tags", f"{len(config.tags)} tags: at most {TAG_LIMIT}, as a resource takes 50 in all")
    for key, value in config.tags.items():
        at = f"tags.{key if key.isprintable() else json.dumps(key)}"
        if key.lower().startswith(RESERVED_TAG_PREFIXES):
            yield Problem(at, f"keys that begin with {' or '.join(RESERVED_TAG_PREFIXES)} are reserved: use another")
        if not 1 <= len(key) <= TAG_KEY_LIMIT or len(value) > TAG_VALUE_LIMIT:
            yield Problem(
                at, f"a key has 1 to {TAG_KEY_LIMIT} characters, a value at most {TAG_VALUE_LIMIT}: shorten it"
            )
        if not (TAG_CHARACTERS.fullmatch(key) and TAG_CHARACTERS.fullmatch(value)):
            yield Problem(at, "tags take letters, digits, spaces and + - = . : / @ _: leave the others out")


RULES: tuple[Callable[[ClusterConfig], Iterator[Problem]], ...] = (
    _names_are_not_too_long,
    _group_names_differ,
    _sizes_are_in_range,
    _every_product_has_a_majority,
    _instances_fit_the_architecture,
    _zones_are_of_the_region,
    _subnets_have_zones,
    _network_is_free,
    _network_is_large_enough,
    _pgp_keys_have_recovery_keys_to_encrypt,
    _tags_are_taken_by_aws,
)
