"""YAML as people mean it: text, whole numbers, fractions, true, false, null, lists and keys, each key once.

YAML 1.1 has more in store than a cluster file can use, and all of it surprises: `no` is false, `1:30` is ninety, a date
is an object, an alias can repeat itself a billion times, the second of two equal keys wins in silence.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

import yaml

PlainYaml: TypeAlias = "bool | int | float | str | list[PlainYaml] | dict[str, PlainYaml] | None"

DEPTH_LIMIT = 20
"""Levels of nesting; a cluster file has five."""


@dataclass(frozen=True)
class Document:
    content: PlainYaml
    problems: tuple[tuple[int, str], ...]
    """Line and words; where there are some, `content` is what could be read beside them."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Resolves the scalars of YAML 1.2's JSON schema, and nothing else."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("bool", r"^(true|false)$", "tf"),
    ("null", r"^(null|~|)$", ["n", "~", ""]),
    ("int", r"^-?(0|[1-9][0-9]{0,17})$", "-0123456789"),
    ("float", r"^-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}$", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def read_plain_yaml(text: str) -> Document:
    """Never raises: what cannot be read is a problem with its line."""
    problems: list[tuple[int, str]] = []
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
        content = _plain(root, problems, set(), 0) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        return Document(None, ((line, " ".join(part for part in (error.context, error.problem) if part)),))
    except yaml.YAMLError as error:
        return Document(None, ((1, f"cannot be read: {str(error).splitlines()[0]}"),))
    except RecursionError:
        return Document(None, ((1, f"is nested too deeply: {DEPTH_LIMIT} levels are the most"),))
    return Document(content, tuple(problems))


def _plain(node: yaml.Node, problems: list[tuple[int, str]], seen: set[int], depth: int) -> PlainYaml:
    line = node.start_mark.line + 1
    if id(node) in seen:
        problems.append((line, "anchors and aliases are not taken: write it out"))
        return None
    seen.add(id(node))
    if depth > DEPTH_LIMIT:
        problems.append((line, f"is nested too deeply: {DEPTH_LIMIT} levels are the most"))
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, problems, seen, depth)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(entry, problems, seen, depth + 1) for entry in node.value]
    return _scalar(node, problems, line)


def _mapping(
    node: yaml.MappingNode, problems: list[tuple[int, str]], seen: set[int], depth: int
) -> dict[str, PlainYaml]:
    content: dict[str, PlainYaml] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or not _is_unicode(key_node.value):
            problems.append((line, "a key is text"))
        elif (key := key_node.value) in content:
            problems.append((line, f"the key {key} is there twice: keep one"))
        else:
            content[key] = _plain(value_node, problems, seen, depth + 1)
    return content


def _scalar(node: yaml.Node, problems: list[tuple[int, str]], line: int) -> PlainYaml:
    text = str(node.value)
    match node.tag.removeprefix("tag:yaml.org,2002:"):
        case "str":
            if _is_unicode(text):
                return text
            problems.append((line, "has half a character (a lone surrogate): write it without"))
        case "bool" if text in ("true", "false"):
            return text == "true"
        case "null":
            return None
        case "int" if re.fullmatch(r"-?\d{1,18}", text):
            return int(text)
        case "float" if re.fullmatch(r"-?\d{1,18}\.\d{1,17}", text):
            return float(text)
        case _:
            problems.append((line, f"the tag {node.tag} is not taken: write plain text"))
    return None


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
