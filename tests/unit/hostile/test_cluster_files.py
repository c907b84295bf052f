"""Cluster files: every problem with file and key, or a cluster whose names AWS and shells can take."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambdas.domain.cluster_file import load, parse
from lambdas.domain.config import ClusterConfig
from lambdas.domain.errors import InvalidConfig
from tests.unit.hostile.inputs import bent, hostile_text, json_values

EXAMPLE = yaml.safe_load((Path(__file__).parents[3] / "clusters/example.yaml").read_text("utf-8"))
LONGEST = 400
"""Characters of a text here: PyYAML takes seconds for thousands of brackets, and an operator's own file may."""

short_text = hostile_text.map(lambda text: text[:LONGEST])
SAFE = re.compile(r"[A-Za-z0-9 _.:/+=@,-]*")
"""No character of these means anything to a shell, within quotes or not, nor to a placeholder."""


def strings(value: Any, path: str = "") -> list[tuple[str, str]]:
    match value:
        case str():
            return [(path, value)]
        case dict():
            return [found for key, inner in value.items() for found in strings(inner, f"{path}.{key}")]
        case list() | tuple():
            return [found for inner in value for found in strings(inner, path)]
    return []


def read(text: str) -> tuple[ClusterConfig | None, list[str]]:
    try:
        return parse(text, source="demo.yaml"), []
    except InvalidConfig as refused:
        return None, str(refused).splitlines()


def is_refused_or_safe(text: str) -> None:
    config, problems = read(text)
    assert all(line.startswith("demo.yaml:") for line in problems)
    if config is None:
        assert problems
        return
    assert ClusterConfig.model_validate_json(config.model_dump_json()) == config
    for path, value in strings(config.model_dump(mode="json", exclude={"tags"})):
        assert SAFE.fullmatch(value), f"{path}: {value!r} reaches nodes"


@settings(max_examples=100)
@given(bent(EXAMPLE))
def test_the_example_bent(content: dict[str, Any]) -> None:
    is_refused_or_safe(yaml.safe_dump(content))


@settings(max_examples=100)
@given(short_text, st.sampled_from(sorted(ClusterConfig.model_fields)))
def test_text_in_the_place_of_a_value(text: str, key: str) -> None:
    is_refused_or_safe(yaml.safe_dump({"name": "demo", key: text}))
    is_refused_or_safe(
        yaml.safe_dump({"name": "demo", "server_groups": [{"name": text}], "client_pools": [{"name": text}]})
    )


@settings(max_examples=100)
@given(short_text)
@example("[" * 500)
@example("a: &a [*a, *a]")
@example("!!python/object/apply:os.system ['id']")
@example("name: demo\n<<: {region: x}")
def test_any_text(text: str) -> None:
    is_refused_or_safe(text)
    is_refused_or_safe(f"name: demo\ntags:\n  team: {text}")


@settings(max_examples=200)
@given(json_values)
def test_any_value_of_the_whole_file(value: Any) -> None:
    is_refused_or_safe(yaml.safe_dump(value))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name: d\xe9mo", b"\x00" * 9_000])
def test_bytes_that_are_no_text(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_bytes(content)
    with pytest.raises(InvalidConfig, match=r"demo\.yaml"):
        load(path)


def test_a_directory_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(InvalidConfig, match="cannot be read"):
            load(path)
