"""Documents as files: an operator's YAML, a plain script beside it, and the shell library that the script sources.

What runs on a node is one text: each `source .../lib/<name>.sh` line gives way to that file, once. Called at synth and
by tests; everything that Systems Manager or a node would refuse is refused here.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

MAXIMUM_BYTES = 60 * 1024
"""Of a document as JSON. Systems Manager takes 64 KB with the parameters' values."""

_SOURCE = re.compile(r'^source "\$\{BASH_SOURCE\[0\]%/\*\}/(?:\.\./lib/)?(?P<name>[a-z_]+)\.sh"$')
_HERE_DOCUMENT = re.compile(r"(?<!<)<<-?\s*['\"]?(?P<end>[A-Za-z_]+)['\"]?")
_PARAMETER_USE = re.compile(r"\bSSM_([A-Za-z0-9]+)")
_REQUIRED = re.compile(r"^require_parameters ((?:[A-Za-z0-9]+|\\\n| )+)", re.MULTILINE)


class InvalidDocument(Exception):
    """A document or its script breaks a rule; the message names the file and the rule."""


def documents(root: Path) -> list[tuple[str, str]]:
    """Every (component, phase) that has a document, sorted. A script without a document, or the reverse, is refused."""
    described = {_name(path) for path in root.glob("*/*.yaml")}
    scripted = {_name(path) for path in root.glob("*/*.sh") if path.parent.name != "lib"}
    if odd := sorted(described ^ scripted):
        raise InvalidDocument(f"a document needs a .yaml and a .sh: {', '.join('/'.join(name) for name in odd)}")
    return sorted(described)


def load(root: Path, component: str, phase: str) -> dict[str, Any]:
    """The content of one document, with its script spliced in.

    As one string: a list of lines would cost each of them a dozen bytes of indentation in the template.
    """
    where = f"{component}/{phase}"
    path = root / component / f"{phase}.yaml"
    content: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    declared = content.get("parameters", {})
    _check_parameters(where, declared)
    inputs = _only_step(where, content)["inputs"]
    command = inputs["runCommand"]
    if command != {"script": f"{where}.sh"}:
        raise InvalidDocument(f"{where}: runCommand is {command!r}, not {{script: {where}.sh}}")
    text = splice(root, root / f"{where}.sh")
    _check_script(where, text, set(declared))
    inputs["runCommand"] = ["\n".join(without_remarks(text.splitlines()))]
    size = len(json.dumps(content).encode())
    if size > MAXIMUM_BYTES:
        raise InvalidDocument(f"{where}: {size} bytes, and {MAXIMUM_BYTES} is the limit")
    return content


def without_remarks(lines: list[str]) -> list[str]:
    """Without lines that are remarks alone: in all documents together they are a seventh of what a template may weigh.

    What a here-document holds stays as it is, and so does what shellcheck is told.
    """
    kept: list[str] = []
    ends_with = ""
    for number, line in enumerate(lines):
        bare = line.strip()
        if ends_with or number == 0 or not bare.startswith("#") or bare.startswith("# shellcheck"):
            kept.append(line)
        if ends_with:
            ends_with = "" if bare == ends_with else ends_with
        elif found := _HERE_DOCUMENT.search(line):
            ends_with = found["end"]
    return kept


def splice(root: Path, script: Path) -> str:
    """The script with the library files it sources in their place, each at its first mention only."""
    placed: set[str] = set()

    def lines_of(path: Path) -> list[str]:
        result: list[str] = []
        for line in path.read_text().splitlines():
            found = _SOURCE.match(line)
            if found is None:
                if line.startswith(("source ", ". ")):
                    raise InvalidDocument(f"{path.name}: cannot splice '{line}'")
                result.append(line)
            elif found["name"] not in placed:
                placed.add(found["name"])
                result += lines_of(_library_file(root, path, found["name"]))
        return result

    return "\n".join(lines_of(script)) + "\n"


def _library_file(root: Path, asker: Path, name: str) -> Path:
    path = root / "lib" / f"{name}.sh"
    if not path.is_file():
        raise InvalidDocument(f"{asker.name} sources lib/{name}.sh, which is not there")
    return path


def _name(path: Path) -> tuple[str, str]:
    return path.parent.name, path.stem


def _only_step(where: str, content: dict[str, Any]) -> dict[str, Any]:
    steps = content.get("mainSteps", [])
    if content.get("schemaVersion") != "2.2" or len(steps) != 1 or steps[0].get("action") != "aws:runShellScript":
        raise InvalidDocument(f"{where}: one aws:runShellScript step of schema 2.2 is what the command contract knows")
    step: dict[str, Any] = steps[0]
    if not str(step["inputs"].get("timeoutSeconds", "")).isdigit():
        raise InvalidDocument(f"{where}: timeoutSeconds is missing: the agent's default is an hour")
    return step


def _check_parameters(where: str, declared: dict[str, dict[str, Any]]) -> None:
    for name, parameter in declared.items():
        for key, wanted in (("type", "String"), ("interpolationType", "ENV_VAR")):
            if parameter.get(key) != wanted:
                raise InvalidDocument(f"{where}: parameter {name} needs {key}: {wanted}")
        for key in ("description", "allowedPattern"):
            if not parameter.get(key):
                raise InvalidDocument(f"{where}: parameter {name} has no {key}")
        pattern = parameter["allowedPattern"]
        if not (pattern.startswith("^") and pattern.endswith("$")) or _pattern(pattern).fullmatch(""):
            raise InvalidDocument(
                f"{where}: the pattern of parameter {name} has to be anchored and refuse an empty value"
            )


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _check_script(where: str, text: str, declared: set[str]) -> None:
    if not text.startswith("#!/usr/bin/env bash\n"):
        raise InvalidDocument(f"{where}: the first line has to be '#!/usr/bin/env bash'")
    if "{{" in text:
        raise InvalidDocument(f"{where}: '{{{{' in the script: Systems Manager takes it for a parameter")
    if re.search(r"\bset -\w*x|\bset -o xtrace", text):
        raise InvalidDocument(f"{where}: tracing would print secrets")
    if undeclared := sorted(set(_PARAMETER_USE.findall(text)) - declared):
        raise InvalidDocument(f"{where}: the script reads what the document does not declare: {', '.join(undeclared)}")
    found = _REQUIRED.search(text)
    required = set(found[1].replace("\\", " ").split()) if found else set()
    if required != declared:
        odd = ", ".join(sorted(required ^ declared))
        raise InvalidDocument(f"{where}: require_parameters and the document's parameters differ: {odd}")
