"""What is to be looked for: all that Secrets Manager holds, of every version, and what nobody stores but many make."""

import json
from collections.abc import Iterator
from typing import Any

from lab.leak_hunt.hunt import SHORTEST, spellings

PUBLIC = frozenset({"cluster", "generation", "recovery_threshold"})
"""Keys of a stored JSON whose values are no secrets."""


def secret_values(secrets_manager: Any) -> dict[str, str]:
    """Every value that somebody could use, by the name of its secret and its place in it."""
    found = {}
    for page in secrets_manager.get_paginator("list_secrets").paginate():
        for secret in page["SecretList"]:
            for version in secret.get("SecretVersionsToStages", {}):
                kept = secrets_manager.get_secret_value(SecretId=secret["ARN"], VersionId=version)
                for path, value in leaves(kept.get("SecretString", "")):
                    if len(value) >= SHORTEST:
                        found[f"{secret['Name']}{path} {version[:8]}"] = value
    return found


INTRODUCTION = b"node-introduction:"
"""Beginning of the subject of each introduction of a Nomad client (nomad/structs/identity.go)."""


def introduction_marks() -> dict[str, str]:
    """What every such token has in it, made by whomever and whenever: its subject as base64, wherever that begins."""
    in_base64 = [spelled.decode() for how, spelled in spellings(INTRODUCTION) if how == "base64"]
    return {f"introduction of a client ({number})": mark for number, mark in enumerate(in_base64)}


def leaves(text: str) -> Iterator[tuple[str, str]]:
    """Each text within a value that may be JSON, by its place there."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    yield from _leaves(value, "")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, inner in value.items():
                if key not in PUBLIC:
                    yield from _leaves(inner, f"{path}.{key}")
        case list():
            for index, inner in enumerate(value):
                yield from _leaves(inner, f"{path}[{index}]")
        case _:
            yield path, str(value)
