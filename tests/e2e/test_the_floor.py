"""What `make bench` compares formation with: a plain script makes the same cluster, and its job runs."""

import pytest

from lab.bench.floor import Floor
from lab.bench.formation import form_plainly
from lab.preparation import prepare

pytestmark = pytest.mark.e2e


def test_the_plain_script_forms_a_cluster_that_runs_the_job() -> None:
    with Floor(prepare("container")) as floor:
        times = form_plainly(floor)
    assert times.missing == []
