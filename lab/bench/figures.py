"""A figure: what was measured, and what it should be at most."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`value` is the median of what was timed, the most of what was counted. Without a target it is not judged."""

    part: str
    name: str
    value: float
    unit: str
    target: float | None = None
    """At most this."""
    aim: float | None = None
    """What we would rather have; missing it is no miss."""
    samples: tuple[float, ...] = ()
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None where nothing was promised."""
        return None if self.target is None else self.value <= self.target

    def as_json(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "target": self.target,
            "aim": self.aim,
            "met": self.met,
            "samples": list(self.samples),
            "note": self.note,
        }


@dataclass(frozen=True)
class Measured:
    """What one part of the bench found: figures to be judged, and what explains them."""

    figures: tuple[Figure, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


def median_figure(
    part: str,
    name: str,
    samples: Sequence[float],
    unit: str,
    *,
    target: float | None = None,
    aim: float | None = None,
    note: str = "",
) -> Figure:
    rounded = tuple(round(sample, 3) for sample in samples)
    return Figure(part, name, round(statistics.median(samples), 3), unit, target, aim, rounded, note)
