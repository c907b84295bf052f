"""A few hundred histories at every test run; `make histories` lives ten thousand."""

import pytest

from lab.histories import events, invariants, mutants, random_histories, shrink, words
from lab.histories.many import live_many
from lab.histories.random_histories import History, live, replay
from lab.histories.world import formed, name

ALL = ("consul", "vault", "nomad")


def test_histories_keep_every_invariant_and_come_to_rest() -> None:
    lived = live_many(1, 300)
    assert not lived.failures, lived.failures[0].words
    assert lived.outcomes["whole"] > 250
    assert len(lived.kinds) > 40, "misfortunes of every kind befall them"


def test_a_seed_is_one_history() -> None:
    once, again = live(11), live(11)
    assert once == again
    assert replay(once.history)[0] == once.outcome


@pytest.mark.parametrize("mutant", ["no lease", "ABANDON taken for safe", "dead voter never removed"])
def test_a_deliberate_mistake_breaks_a_history(mutant: str) -> None:
    with mutants.made(mutant):
        assert any(live(seed).failed for seed in range(60))
    assert not any(live(seed).failed for seed in range(5)), "the mistake is taken back"


def test_a_failing_history_shrinks_to_the_shortest_and_is_told_in_words() -> None:
    with mutants.made("nomad stops before it is out"):
        short = shrink.shrink(
            History(0, 1, ("nomad",), (("pause", 0), ("resume", 0), ("terminate", 0), ("sweep",))), "quorum"
        )
        rule, said = replay(short)
    assert rule == "quorum"
    assert short.events == (("terminate", 0),)
    told = list(words.story(short, rule, said))
    assert "i-0 is told to terminate" in told[1]
    assert "took quorum from nomad" in told[-1]


def test_every_event_has_words() -> None:
    assert set(events.HANDLERS) == set(words.WORDS)
    assert set(random_histories.WEIGHTS) <= set(events.HANDLERS)


def test_an_event_that_cannot_happen_changes_nothing() -> None:
    world = formed(3, ALL)
    for event in (("check", 0), ("turn", name(1)), ("join", "vault", 1), ("serve", 9), ("reboot", 0)):
        assert events.happen(world, event) is world


def test_whole_says_what_is_missing() -> None:
    world = formed(3, ALL)
    assert invariants.whole(world) == ""
    assert "i-00000001 is still leaving" in invariants.whole(events.happen(world, ("terminate", 1)))
