"""Real products on real hosts. `make e2e` has prepared the machine: `python -m lab.preparation`."""

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest

from lab.hosts.container import sweep_leftovers
from lab.hosts.network import lab_name
from lab.ownership import OwnedElsewhereError, own


@pytest.fixture(scope="session", autouse=True)
def _own_lab() -> Iterator[None]:
    """A lab of its own name: one that runs on the same machine stays as it is."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("QUORATE_LAB", os.environ.get("QUORATE_LAB") or "e2e")
        _sweep()
        yield
        _sweep()


def _sweep() -> None:
    """What another run left behind; one that goes on keeps its hosts."""
    with suppress(OwnedElsewhereError), own(lab_name()):
        sweep_leftovers(lab_name())
