"""Every problem of a cluster file at once, in words, and nothing but InvalidConfig whatever the file holds."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.cluster_file import load, parse
from lambdas.domain.config import ClusterConfig, Model
from lambdas.domain.errors import InvalidConfig
from tests.builders import a_config

CLUSTERS = Path(__file__).parents[3] / "clusters"


def problems(text: str, **more: Any) -> list[str]:
    with pytest.raises(InvalidConfig) as refused:
        parse(text, source="x.yaml", **more)
    return str(refused.value).splitlines()


def test_a_name_is_a_cluster() -> None:
    assert parse("name: demo") == a_config()


def test_every_problem_is_said_at_once() -> None:
    text = """\
name: Demo
regoin: eu-west-2
architecture: arm
server_groups:
  - {name: one, size: 4}
  - {name: one, serves: [consul, nomat], siz: 3}
client_pools:
  - {name: pool, minimum: 5, maximum: 2}
  - {minimum: no}
network: {kind: new, cidr: 172.17.0.0/16, availability_zones: [us-east-1a]}
tags: {"aws:x": text}
"""
    assert problems(text) == [
        'x.yaml: name: "Demo" is not 2 to 30 lower-case letters, digits and hyphens, a letter first and no hyphen last',
        "x.yaml: architecture: \"arm\": use 'arm64' or 'amd64': did you mean arm64?",
        "x.yaml: server_groups.0.size: 4 servers tolerate no more failures than 3: use 3 or 5",
        "x.yaml: server_groups.1.serves.1: \"nomat\": use 'consul', 'vault' or 'nomad': did you mean nomad?",
        "x.yaml: server_groups.1.siz: there is no such key: did you mean size?",
        "x.yaml: client_pools.1.name: is missing: add it",
        'x.yaml: client_pools.1.minimum: "no" is not a whole number (without quotes)',
        "x.yaml: regoin: there is no such key: did you mean region?",
        "x.yaml: server_groups.1.name: one is the name of server_groups.0 too: use another",
        "x.yaml: client_pools.0.maximum: 2 is less than minimum, 5: raise it",
        "x.yaml: network.availability_zones.0: us-east-1a is not in eu-west-1: name zones of the region",
        "x.yaml: network.cidr: 172.17.0.0/16 overlaps 172.17.0.0/16, Docker's default bridge: use another range,"
        " such as 10.77.0.0/16",
        "x.yaml: tags.aws:x: keys that begin with aws: or quorate: are reserved: use another",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x.yaml: is not a cluster: begin with `name:`, see clusters/example.yaml"),
        ("- name", "x.yaml: is not a cluster: begin with `name:`, see clusters/example.yaml"),
        ("region: eu-west-1", "x.yaml: name: is missing: add it"),
        ("name: demo\nname: other", "x.yaml:2: the key name is there twice: keep one"),
        ("name: demo\ntags: {a: b, a: c}", "x.yaml:2: the key a is there twice: keep one"),
        ("name: [demo", "x.yaml:1: while parsing a flow sequence expected ',' or ']', but got '<stream end>'"),
        (
            "name: demo\n---\nname: other",
            "x.yaml:2: expected a single document in the stream but found another document",
        ),
        ("name: &a demo\ndatacenter: *a", "x.yaml:1: anchors and aliases are not taken: write it out"),
        ("name: !!python/name:os.system x", "x.yaml:1: the tag tag:yaml.org,2002:python/name:os.system is not taken:"),
        ("? [a]\n: b\nname: demo", "x.yaml:1: a key is text"),
        ("name: demo\nserver_groups: []", "x.yaml: server_groups: has 0 entries: at least 1"),
        ("name: demo\nversions: {nomad: 1.11}", "x.yaml: versions.nomad: 1.11 is not text: put it in quotes"),
        ("name: demo\nversions: {nomad: v1}", 'x.yaml: versions.nomad: "v1" is not a version such as 1.2.3'),
        ("name: demo\ncertificate_days: 826", "x.yaml: certificate_days: 826 is too large: at most 825"),
        ("name: demo\ncertificate_days: true", "x.yaml: certificate_days: true is not a whole number"),
        ("name: demo\nnetwork: {cidr: 10.0.0.0/16}", "x.yaml: network: say `kind: new` or `kind: existing`"),
        (
            "name: demo\nnetwork: {kind: new, cidr: 10.0.0.1/16}",
            'x.yaml: network.cidr: "10.0.0.1/16" is not an IPv4 range',
        ),
        (
            "name: demo\nnetwork: {kind: new, cidr: 10.0.0.0/27}",
            "x.yaml: network.cidr: 10.0.0.0/27 is too small for 17 nodes (all maxima) in 3 zones: use /26 or larger",
        ),
        (
            "name: demo\nnetwork: {kind: new, cidr: 172.26.0.0/16}",
            "x.yaml: network.cidr: 172.26.0.0/16 overlaps 172.26.64.0/20, Nomad's bridge networks",
        ),
        (
            "name: demo\nnetwork: {kind: new, cidr: 10.0.0.0/8}",
            "x.yaml: network.cidr: 10.0.0.0/8: AWS takes ranges from",
        ),
        (
            "name: demo\nnetwork: {kind: existing, vpc_id: vpc-01234567, cidr: 10.0.0.0/16,"
            " subnet_ids: [subnet-01234567, subnet-12345678], availability_zones: [eu-west-1a]}",
            "x.yaml: network.availability_zones: 1 zones for 2 subnets: name the zone of each subnet",
        ),
        (
            "name: demo\nserver_groups: [{name: all, serves: [consul, vault]}]",
            "x.yaml: server_groups: no group serves nomad: add it to the `serves` of one",
        ),
        (
            "name: demo\nserver_groups: [{name: one}, {name: two, serves: [nomad]}]",
            "x.yaml: server_groups: nomad would have 6 voters: make its groups' sizes add up to 3, 5 or 7",
        ),
        (
            "name: demo\nserver_groups: [{name: one, size: 9}]",
            "x.yaml: server_groups.0.size: 9 servers: use 1, 3, 5 or 7",
        ),
        (
            "name: demo\nserver_groups: [{name: one, size: 5, maximum: 3}]",
            "x.yaml: server_groups.0.maximum: 3 is less than size, 5: raise it",
        ),
        (
            "name: demo\narchitecture: amd64\nclient_pools: []",
            "x.yaml: server_groups.0.instance_type: t4g.medium is arm64, the architecture is amd64: use a type such as"
            " t3.medium, or change `architecture`",
        ),
        (
            "name: a-name-of-just-thirty-letters0\nregion: ap-southeast-2",
            "x.yaml: name: its bucket quorate-a-name-of-just-thirty-letters0-000000000000-ap-southeast-2 would have 66"
            " characters, S3 allows 63: shorten it to 27",
        ),
    ],
)
def test_a_problem_says_where_what_and_what_to_do(text: str, said: str) -> None:
    assert [problem for problem in problems(text) if problem.startswith(said)], problems(text)


@pytest.mark.parametrize(
    ("processor", "types"),
    {
        "arm64": [
            "a1.large",
            "t4g.nano",
            "m7gd.large",
            "c6gn.large",
            "im4gn.large",
            "is4gen.large",
            "g5g.xlarge",
            "r8g.12xlarge",
        ],
        "amd64": ["t3.micro", "m7a.large", "g4dn.xlarge", "g6.xlarge", "c5n.large", "m5zn.large", "u7i-12tb.224xlarge"],
    }.items(),
)
def test_the_processor_of_an_instance_type_is_known(processor: str, types: list[str]) -> None:
    for instance_type in types:
        entry = f"[{{name: one, instance_type: {instance_type}}}]"
        parse(f"name: demo\narchitecture: {processor}\nserver_groups: {entry}\nclient_pools: []")


def test_a_version_that_nobody_has_is_a_problem() -> None:
    available = {"nomad": {"1.11.2", "1.11.3"}, "consul": set[str]()}
    assert problems("name: demo\nversions: {nomad: 1.11.9}", available=available) == [
        "x.yaml: versions.nomad: 1.11.9 is not there to install: use one of 1.11.2, 1.11.3",
        "x.yaml: versions.consul: 1.22.5 is not there to install: use one of none",
    ]


def test_a_rule_that_rests_on_a_refused_key_is_not_judged() -> None:
    assert problems("name: demo\narchitecture: arm\nclient_pools: [{name: one, instance_type: t3.large}]") == [
        "x.yaml: architecture: \"arm\": use 'arm64' or 'amd64': did you mean arm64?"
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"absent\.yaml: cannot be read: No such file or directory"):
        load(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: d\xe9mo")
    with pytest.raises(InvalidConfig, match=r"latin\.yaml: is not UTF-8 at byte 7"):
        load(tmp_path / "latin.yaml")


def test_nesting_without_end_is_refused() -> None:
    assert problems("name: " + "[" * 2000) == ["x.yaml:1: is nested too deeply: 20 levels are the most"]
    assert "x.yaml:1: is nested too deeply: 20 levels are the most" in problems("name: " + "[" * 30 + "]" * 30)


@pytest.mark.parametrize("path", sorted(CLUSTERS.glob("*.yaml")), ids=lambda path: path.name)
def test_the_files_that_come_along_are_clusters(path: Path) -> None:
    load(path)


def test_the_example_has_every_key_with_its_default() -> None:
    config = load(CLUSTERS / "example.yaml")
    assert config == a_config(name="example")
    written = yaml.safe_load((CLUSTERS / "example.yaml").read_text())
    assert list(missing_keys(config, written)) == []


def missing_keys(model: Model, written: dict[str, Any], at: str = "") -> list[str]:
    missing = [f"{at}{key}" for key in type(model).model_fields if key not in written]
    for key, value in model:
        inside = value if isinstance(value, tuple) else (value,)
        texts = written[key] if isinstance(value, tuple) else [written[key]]
        for index, (entry, text) in enumerate(zip(inside, texts, strict=True)):
            if isinstance(entry, Model):
                missing += missing_keys(entry, text, f"{at}{key}.{index}.")
    return missing


KEYS = st.sampled_from(
    [
        *ClusterConfig.model_fields,
        "kind",
        "cidr",
        "serves",
        "size",
        "minimum",
        "maximum",
        "drivers",
        "consul",
        "no such",
    ]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(["new", "existing", "10.0.0.0/16"])
)
CONTENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | SCALARS, inner, max_size=6),
    max_leaves=20,
)


def only_invalid_config(text: str) -> None:
    try:
        config = parse(text)
    except InvalidConfig as refused:
        words = str(refused)
    else:
        words = config.model_dump_json()
        assert ClusterConfig.model_validate_json(words) == config
    assert words.encode().strip()


@given(CONTENTS)
def test_any_content_is_a_cluster_or_invalid_config(content: Any) -> None:
    only_invalid_config(yaml.safe_dump(content))


@given(st.dictionaries(KEYS, CONTENTS, max_size=8).map(lambda keys: {"name": "demo", **keys}))
def test_any_content_below_known_keys_is_a_cluster_or_invalid_config(content: dict[str, Any]) -> None:
    only_invalid_config(yaml.safe_dump(content))


@given(st.text())
def test_any_text_is_a_cluster_or_invalid_config(text: str) -> None:
    only_invalid_config(text)
    only_invalid_config(f"name: demo\ntags: {text}")
