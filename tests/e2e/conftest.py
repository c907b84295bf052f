"""Real products on real hosts. `make e2e` has prepared the machine: `python -m lab.preparation`."""

from collections.abc import Iterator

import pytest

from lab.hosts.container import sweep_leftovers
from lab.hosts.network import lab_name


@pytest.fixture(scope="session", autouse=True)
def _own_lab() -> Iterator[None]:
    """A lab of its own name: one that runs on the same machine stays as it is."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("QUORATE_LAB", "e2e")
        sweep_leftovers(lab_name())
        yield
        sweep_leftovers(lab_name())
