"""One synthesis for all clusters of this suite and all of its processes; one embedded AWS for each story."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab.preparation import prepare
from tests.integration.assembly import CLUSTERS, assembled
from tests.integration.story import Story

Open = Callable[..., Story]


@pytest.fixture(scope="session")
def assembly() -> Path:
    return assembled()


@pytest.fixture(scope="session")
def tell(assembly: Path) -> Callable[..., Story]:
    """A story about the cluster of that name; not open yet."""

    def make(cluster: str, **options: Any) -> Story:
        return Story(prepare("simulated", CLUSTERS[cluster], assembly=assembly), **options)

    return make


@pytest.fixture
def story(tell: Open) -> Iterator[Open]:
    """Opens a story: `story("three", before=lambda story: story.chaos.duplicate_events())`.

    What `before` does happens when everything is deployed and no instance has booted.
    """
    with ExitStack() as stack:

        def begin(cluster: str, *, before: Callable[[Story], object] | None = None, **options: Any) -> Story:
            told = tell(cluster, before=before, **options)
            return stack.enter_context(told)

        yield begin
