"""Write docs/configuration.md from the models: `python -m docs.generate_configuration`.

A test holds the page against the models, so it cannot fall behind.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from lambdas.domain.config import (
    PATTERN_WORDS,
    ClientPool,
    ClusterConfig,
    ExistingVpc,
    NewVpc,
    ServerGroup,
    VaultSettings,
    Versions,
)
from lambdas.domain.rules import RULES

PAGE = Path(__file__).with_name("configuration.md")

SECTIONS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("Cluster", "The keys of the file itself.", ClusterConfig),
    ("`versions`", "What nodes install. The cluster's bucket has to hold these versions.", Versions),
    (
        "`vault`",
        "What unseals Vault, and who has its recovery keys. Vault is told once, when it is initialised.",
        VaultSettings,
    ),
    ("`network`, `kind: new`", "A VPC that the stack makes.", NewVpc),
    ("`network`, `kind: existing`", "A VPC that is there, by ids.", ExistingVpc),
    (
        "`server_groups`",
        "Each an Auto Scaling group of servers. The sizes of the groups that serve a product add up to its voters.",
        ServerGroup,
    ),
    ("`client_pools`", "Each an Auto Scaling group of Nomad clients.", ClientPool),
)

INTRODUCTION = """\
# The cluster file

<!-- Written by `python -m docs.generate_configuration` from lambdas/domain/config.py: change it there. -->

A cluster is one YAML file in `clusters/`. [clusters/example.yaml](../clusters/example.yaml) has every key with its
default; `name` alone is enough. Unknown keys are refused, and so is everything of YAML that surprises: a key twice,
aliases, tags, `no` for false. All problems of a file are said at once, each with its key and what to do.

How a change of a key takes effect:

| change | what happens |
|---|---|
| live | at the next deployment, no node is touched |
| rolling | nodes that launch from then on have it; living servers have to be replaced, one by one |
| replace | nodes that launch from then on have it; living nodes of the group have to be replaced |
| refuse | it cannot change in a living cluster: make another one |
"""

REFERENCES = {
    "Versions": "`versions`",
    "VaultSettings": "`vault`",
    "ServerGroup": "`server_groups`",
    "ClientPool": "`client_pools`",
}


def render() -> str:
    rules = ["## What the keys must keep together", "", *(f"* {rule.__doc__}" for rule in RULES), ""]
    return "\n".join([INTRODUCTION, *(_section(*section) for section in SECTIONS), *rules])


def _section(title: str, text: str, model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    lines = [f"## {title}", "", text, "", "| key | meaning | type | default | change |", "|---|---|---|---|---|"]
    for name, field in model.model_fields.items():
        said = schema["properties"][name]
        default = "*required*" if field.is_required() else _default(field.annotation, field.default)
        lines.append(f"| `{name}` | {said['description']} | {_type(said)} | {default} | {said['change']} |")
    return "\n".join([*lines, ""])


def _default(annotation: Any, value: Any) -> str:
    if isinstance(value, BaseModel):
        return "its own defaults"
    plain = TypeAdapter(annotation).dump_python(value, mode="json")
    if isinstance(plain, list) and any(isinstance(entry, dict) for entry in plain):
        return f"one, named `{plain[0]['name']}`"
    if isinstance(plain, list):
        return f"`[{', '.join(plain)}]`"
    return f"`{'null' if plain is None else plain}`"


def _type(schema: dict[str, Any]) -> str:
    """A JSON schema in words."""
    if reference := schema.get("$ref"):
        return f"see {REFERENCES[reference.rpartition('/')[2]]}"
    if choices := schema.get("anyOf"):
        return " or ".join(_type(choice) for choice in choices)
    if "oneOf" in schema:
        return "see `network`"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    if "pattern" in schema:
        return PATTERN_WORDS[schema["pattern"]]
    match schema["type"]:
        case "array":
            return f"list: {_type(schema['items'])}"
        case "object":
            return "text by key"
        case "integer" if "minimum" in schema:
            return f"{schema['minimum']} to {schema['maximum']}"
        case "integer":
            return "whole number"
        case "string" if schema.get("format") == "ipv4network":
            return "IPv4 range"
        case kind:
            return str(kind)


if __name__ == "__main__":
    PAGE.write_text(render())
