"""What a target of an EventBridge rule gets to see: the event, a constant, a part of it, or a template filled in."""

import json
import re
from collections.abc import Mapping
from typing import Any

_STEP = re.compile(r"\.([A-Za-z0-9_\-]+)|\['([^']+)'\]|\[(\d+)\]")
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>")


def target_input(rule: Any, target: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    """The payload for one target of a rule (Input, InputPath, InputTransformer, or the event as it is)."""
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputPath" in target:
        return _at(event, target["InputPath"])
    if transformer := target.get("InputTransformer"):
        values = {name: _at(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
        values |= {
            "aws.events.rule-arn": rule.arn,
            "aws.events.rule-name": rule.name,
            "aws.events.event": event,
            "aws.events.event.json": event,
            "aws.events.event.ingestion-time": event["time"],
        }
        return json.loads(_fill(transformer["InputTemplate"], values))
    return event


def _at(value: Any, path: str) -> Any:
    """The value at a simple JSONPath ($.detail.instance-id); None where there is none."""
    for name, quoted, index in _STEP.findall(path.removeprefix("$")):
        if index:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
        else:
            value = value.get(name or quoted) if isinstance(value, Mapping) else None
    return value


def _fill(template: str, values: Mapping[str, Any]) -> str:
    """Placeholders stand for JSON values outside of quotes, and for text inside of them."""
    filled: list[str] = []
    inside_string = False
    position = 0
    while position < len(template):
        placeholder = _PLACEHOLDER.match(template, position)
        if placeholder and placeholder[1] in values:
            value = values[placeholder[1]]
            if inside_string:
                text = value if isinstance(value, str) else json.dumps(value)
                filled.append(json.dumps(text)[1:-1])
            else:
                filled.append(json.dumps(value))
            position = placeholder.end()
            continue
        character = template[position]
        if character == '"' and (position == 0 or template[position - 1] != "\\"):
            inside_string = not inside_string
        filled.append(character)
        position += 1
    whole = "".join(filled)
    # A template that is bare text with placeholders ("<instance> is down") is a JSON string for the target.
    return whole if _is_json(whole) else json.dumps(whole)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
