"""Replacing parts of moto, and putting them back.

Every replacement first asserts that what it replaces is there (or, for an addition, that it is not yet there), so a
new moto version that moved or filled a seam fails when the lab starts and not as a puzzle in the middle of a run.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

_ABSENT = object()


class SeamMovedError(AssertionError):
    """moto no longer has what the lab replaces there, or now has what the lab adds."""


class Seams:
    """Replacements in the order they were made; `undo` restores them in reverse."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Put `value` where `owner.name` is."""
        if not hasattr(owner, name):
            raise SeamMovedError(f"{_describe(owner)} has no {name!r} to replace; moto was changed")
        self._set(owner, name, value)

    def wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace `owner.name` by `make(original)`."""
        if not hasattr(owner, name):
            raise SeamMovedError(f"{_describe(owner)} has no {name!r} to wrap; moto was changed")
        self._set(owner, name, make(getattr(owner, name)))

    def add(self, owner: Any, name: str, value: Any) -> None:
        """Give `owner` a new attribute; refuses when moto has come to define it itself."""
        if hasattr(owner, name):
            raise SeamMovedError(f"{_describe(owner)} already has {name!r}; drop the lab's own version")
        self._set(owner, name, value)

    def replace_everywhere(self, package: str, name: str, original: Any, value: Any) -> None:
        """Replace a function in every loaded module of `package` that imported it by name."""
        found = [
            module
            for module_name, module in list(sys.modules.items())
            if module_name.startswith(package)
            and isinstance(module, ModuleType)
            and getattr(module, name, None) is original
        ]
        if not found:
            raise SeamMovedError(f"no module under {package} imports {name!r} any more")
        for module in found:
            self._set(module, name, value)

    def on_undo(self, action: Callable[[], None]) -> None:
        self._undo.append(action)

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()

    def _set(self, owner: Any, name: str, value: Any) -> None:
        # A class's own __dict__ keeps staticmethod and classmethod objects; getattr would unwrap them.
        before = owner.__dict__.get(name, _ABSENT)
        setattr(owner, name, value)
        if before is _ABSENT:
            self._undo.append(lambda: delattr(owner, name))
        else:
            self._undo.append(lambda: setattr(owner, name, before))


def _describe(owner: Any) -> str:
    if isinstance(owner, type):
        return f"{owner.__module__}.{owner.__qualname__}"
    return getattr(owner, "__name__", repr(owner))
