"""What the sweep before has seen: two in a row make a finding that one alone does not."""

from dataclasses import dataclass

from lambdas.aws import table


@dataclass(frozen=True)
class Seen:
    outsiders: frozenset[str] = frozenset()
    """Servers in service that were no peers."""
    findings: frozenset[str] = frozenset()
    """What was found, in words that tell one finding from another."""


def read(name: str) -> Seen:
    item = table.get(name, "sweep", "record")
    return Seen() if item is None else Seen(frozenset(item["outsiders"]), frozenset(item["findings"]))


def write(name: str, seen: Seen) -> None:
    item = {"outsiders": sorted(seen.outsiders), "findings": sorted(seen.findings)}
    table.put(name, "sweep", "record", item)
