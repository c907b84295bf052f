"""SSM documents of type Command: what the service checks when one is sent, and what the agent then runs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import JsonRESTError

DEFAULT_EXECUTION_TIMEOUT_SECONDS = 3600.0

ENVIRONMENT = "ENV_VAR"
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")

# The public document that everybody knows; others of AWS's are not here.
RUN_SHELL_SCRIPT: Mapping[str, Any] = {
    "schemaVersion": "2.2",
    "parameters": {
        "commands": {"type": "StringList"},
        "workingDirectory": {"type": "String", "default": ""},
        "executionTimeout": {
            "type": "String",
            "default": "3600",
            "allowedPattern": "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})",
        },
    },
    "mainSteps": [
        {
            "action": "aws:runShellScript",
            "name": "runShellScript",
            "inputs": {"runCommand": "{{ commands }}", "timeoutSeconds": "{{ executionTimeout }}"},
        }
    ],
}


class InvalidParameters(JsonRESTError):
    """What SendCommand answers to parameters that the document does not take."""

    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("InvalidParameters", message)


@dataclass(frozen=True)
class Step:
    name: str
    script: str
    timeout_seconds: float
    exit_on_failure: bool


def resolve_parameters(document: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, list[str]]:
    """The document's parameters with defaults filled in; raises `InvalidParameters` as SendCommand does."""
    declared: Mapping[str, Any] = document.get("parameters") or {}
    if unknown := sorted(set(given) - set(declared)):
        raise InvalidParameters(f"Parameters {unknown} are not defined in the document.")
    resolved: dict[str, list[str]] = {}
    for name, declaration in declared.items():
        if name in given:
            values = given[name]
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise InvalidParameters(f"Parameter {name!r} must be a list of strings, not {values!r}.")
            if declaration.get("type") == "String" and len(values) != 1:
                raise InvalidParameters(f"Parameter {name!r} is a String and takes one value, not {len(values)}.")
        elif "default" in declaration:
            default = declaration["default"]
            values = [_text(value) for value in (default if isinstance(default, list) else [default])]
        else:
            raise InvalidParameters(f"Parameter {name!r} is required by the document and was not given.")
        if name in given:
            _check(name, declaration, values)
        resolved[name] = values
    return resolved


def _check(name: str, declaration: Mapping[str, Any], values: Sequence[str]) -> None:
    pattern, allowed = declaration.get("allowedPattern"), declaration.get("allowedValues")
    shortest, longest = declaration.get("minChars"), declaration.get("maxChars")
    for value in values:
        if pattern and not re.fullmatch(pattern, value):  # by `search`, a newline may follow what `$` ends
            raise InvalidParameters(f"Parameter {name!r} has the value {value!r}, which does not match {pattern!r}.")
        if allowed and value not in [_text(choice) for choice in allowed]:
            raise InvalidParameters(f"Parameter {name!r} has the value {value!r}, which is not one of {allowed}.")
        if (shortest and len(value) < int(shortest)) or (longest and len(value) > int(longest)):
            raise InvalidParameters(f"Parameter {name!r} has {len(value)} characters, not {shortest} to {longest}.")


def environment(document: Mapping[str, Any], parameters: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The variables `SSM_<Name>` of the parameters that ask for them, as agents from 3.3.2746.0 on set them."""
    return {
        f"SSM_{name}": "\n".join(parameters[name])
        for name, declaration in (document.get("parameters") or {}).items()
        if declaration.get("interpolationType") == ENVIRONMENT
    }


def steps(document: Mapping[str, Any], parameters: Mapping[str, Sequence[str]]) -> list[Step]:
    """The shell steps for a Linux host, with `{{ Name }}` filled in."""
    declared = document.get("parameters") or {}

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            filled = [fill(item) for item in value]
            return [line for item in filled for line in (item if isinstance(item, list) else [item])]
        if not isinstance(value, str):
            return value
        whole = _PLACEHOLDER.fullmatch(value.strip())
        if whole and declared.get(whole[1], {}).get("type") == "StringList":
            return list(parameters[whole[1]])
        return _PLACEHOLDER.sub(lambda found: _inline(found, declared, parameters), value)

    result = []
    for step in document["mainSteps"]:
        if step["action"] != "aws:runShellScript":
            raise NotImplementedError(f"the lab's agent has no plugin {step['action']!r}")
        if not _wanted_on_linux(step):
            continue
        inputs = step.get("inputs", {})
        lines = fill(inputs["runCommand"])
        timeout = fill(inputs.get("timeoutSeconds", DEFAULT_EXECUTION_TIMEOUT_SECONDS))
        result.append(
            Step(
                name=step.get("name", "runShellScript"),
                script="\n".join(lines if isinstance(lines, list) else [lines]),
                timeout_seconds=float(timeout),
                exit_on_failure=inputs.get("onFailure", step.get("onFailure")) == "exit",
            )
        )
    return result


def _inline(found: re.Match[str], declared: Mapping[str, Any], parameters: Mapping[str, Sequence[str]]) -> str:
    name = found[1]
    if name not in declared:
        return found[0]
    # The agent never puts the text of such a parameter into the script: that is the point of the type.
    if declared[name].get("interpolationType") == ENVIRONMENT:
        return f"${{SSM_{name}}}"
    return "\n".join(parameters[name])


def _wanted_on_linux(step: Mapping[str, Any]) -> bool:
    operands = step.get("precondition", {}).get("StringEquals", [])
    return "platformType" not in operands or "Linux" in operands


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
