"""The state machines as files, and what they call. Reads files, knows no CDK."""

import re
from pathlib import Path

STATE_MACHINES = Path(__file__).parent / "state_machines"
PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9]+)\}")


def flows() -> tuple[str, ...]:
    """Names of the flows: `node_launch` is `node_launch.asl.json`."""
    return tuple(sorted(path.name.removesuffix(".asl.json") for path in STATE_MACHINES.glob("*.asl.json")))


def read(flow: str) -> str:
    return (STATE_MACHINES / f"{flow}.asl.json").read_text("utf-8")


def placeholder(handler: str) -> str:
    """What stands for the function of a handler: `PlanLaunchArn` for `plan_launch`."""
    return "".join(word.capitalize() for word in handler.split("_")) + "Arn"


def placeholders(text: str) -> frozenset[str]:
    return frozenset(PLACEHOLDER.findall(text))


def handlers_of(text: str, handlers: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `handlers` that the definition calls. ValueError names placeholders that stand for none."""
    by_placeholder = {placeholder(handler): handler for handler in handlers}
    used = placeholders(text)
    if unknown := sorted(used - set(by_placeholder)):
        raise ValueError(f"placeholders that stand for no handler: {', '.join(unknown)}")
    return tuple(sorted(by_placeholder[name] for name in used))
