"""The shortest history that still breaks the same rule: delta debugging (Zeller) on the list of events."""

from lab.histories.events import Event
from lab.histories.random_histories import History, replay


def shrink(history: History, rule: str) -> History:
    """No event can be taken out of the result without losing the failure."""
    found = list(history.events)
    parts = 2
    while found:
        size = max(1, len(found) // parts)
        shorter = _without_one_part(history, found, size, rule)
        if shorter is not None:
            found, parts = shorter, max(2, parts - 1)
        elif size == 1:
            break
        else:
            parts = min(len(found), parts * 2)
    return history._replace(events=tuple(found))


def _without_one_part(history: History, found: list[Event], size: int, rule: str) -> list[Event] | None:
    for start in range(len(found) - size, -1, -1) if size == 1 else range(0, len(found), size):
        rest = found[:start] + found[start + size :]
        if replay(history._replace(events=tuple(rest)))[0] == rule:
            return rest
    return None
