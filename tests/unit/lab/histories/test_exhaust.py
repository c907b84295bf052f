"""The search on a bound that a test run can bear; `make exhaust` goes on to the end."""

import pytest

from lab.histories import exhaust, mutants
from lab.histories.canonical import canonical
from lab.histories.random_histories import replay
from lab.histories.world import formed
from lambdas.domain.membership.lease import Lease


def test_the_first_states_of_the_small_world_keep_every_invariant() -> None:
    found = exhaust.search(("consul",), budget=exhaust.Budget(pool=1), most_states=1_200)
    assert not found.rule, found.words
    assert found.states >= 1_200
    assert not found.complete


@pytest.mark.parametrize("mutant", ["skip the quorum check", "dead voter never removed"])
def test_it_finds_a_deliberate_mistake_and_the_way_there(mutant: str) -> None:
    with mutants.made(mutant):
        found = exhaust.search(("consul",), most_states=5_000)
        assert found.rule
        assert found.history is not None
        assert replay(found.history)[0] == found.rule


def test_how_often_the_lease_was_taken_makes_no_other_state() -> None:
    world = formed(3, ("consul",))
    assert canonical(world._replace(lease=Lease(None, 4))) == canonical(world._replace(lease=Lease(None, 9)))
    assert canonical(world._replace(lease=Lease("a#1", 4))) != canonical(world._replace(lease=Lease(None, 4)))
