"""A few histories through the real state machines; `python -m lab.histories machines` lives hundreds."""

from collections.abc import Iterator

import pytest

from lab.histories.machines import series
from lab.histories.machines.deeds import Deed, History
from lab.hosts.simulated.documents.quorum import Membership
from lambdas.domain.membership import decision, standing


@pytest.fixture(scope="module")
def clusters() -> Iterator[series.Clusters]:
    clusters = series.Clusters(series.assemble(1, 3))
    yield clusters
    clusters.close()


def history(size: int, *deeds: Deed) -> History:
    return History(0, size, True, deeds)


LOST = (("drop", "launch Lifecycle Action", 1), ("terminate", 1), ("pass", 30), ("stop_execution", "node_terminate"))
STOPPED = (("stop_launching",), ("terminate", 1), ("pass", 10))
TWICE = (("duplicate", "", 0), ("kill_lambda", "decide_step", 2), ("kill_host", 2), ("pass", 10), ("expire_lease",))


@pytest.mark.parametrize(
    "deeds",
    [
        pytest.param(LOST, id="a launch that nobody heard of, and a goodbye whose execution died"),
        pytest.param(STOPPED, id="launching that was stopped until somebody resumes it"),
        pytest.param(TWICE, id="every event twice, a function that dies, a host without power, a lease that is over"),
    ],
)
def test_a_cluster_of_three_comes_to_rest_whole(clusters: series.Clusters, deeds: tuple[Deed, ...]) -> None:
    lived = clusters.live(history(3, *deeds))
    assert lived.outcome == "whole", lived.why
    assert lived.changes >= 3, "a server has left, or was removed from, each product"


def test_a_mistake_of_decision_and_script_is_found(clusters: series.Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    left_out = (standing.wanted, decision.too_few_voters, decision.too_few_healthy)
    monkeypatch.setattr(decision, "ROWS", tuple(row for row in decision.ROWS if row not in left_out))
    monkeypatch.setattr(Membership, "require_quorum", lambda self: None)
    lived = clusters.live(history(3, ("mistaken_goodbye", 1)))
    assert lived.outcome == "broken"
    assert "wanted: leave of" in lived.why


def test_what_lost_its_quorum_to_faults_is_left_to_a_human(clusters: series.Clusters) -> None:
    lived = clusters.live(history(1, ("kill_host", 0), ("pass", 3))._replace(merciful=False))
    assert (lived.outcome, lived.changes) == ("quorum lost", 0), lived.why
