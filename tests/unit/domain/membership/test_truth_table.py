"""Every example of the truth table, every row of the decision."""

import re

import pytest

from docs.generate_goodbye import BEGIN, PAGE, render
from lambdas.domain.membership.decision import ROWS, decide
from lambdas.domain.membership.truth_table import EXAMPLES, Example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.situation)
def test_it_is_decided_as_the_table_says(example: Example) -> None:
    decision = decide(example.observation, example.subject)
    assert (decision.row, decision.kind) == (example.row, example.kind), decision.reason
    for words in example.words:
        assert words in decision.reason
    step = decision.step
    told = (None, None, None) if step is None else (step.product, step.phase, step.on)
    assert told == (example.product, example.phase, example.on)
    assert (step is not None) == (decision.kind == "act")


def test_every_row_has_an_example_and_stands_in_order() -> None:
    shown = [example.row for example in EXAMPLES]
    assert list(dict.fromkeys(shown)) == [row.__name__ for row in ROWS]


def test_no_two_examples_have_one_name() -> None:
    assert len({example.situation for example in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_every_row_says_what_it_is(row) -> None:
    assert (row.__doc__ or "").strip()


def test_scripts_are_told_the_floor_that_was_decided_with() -> None:
    floors = {example.situation: decide(example.observation, example.subject).step for example in EXAMPLES}
    told = {name: (step.fewest_voters, step.spare_voters) for name, step in floors.items() if step}
    assert told["a replaced server leaves Nomad first"] == (3, 1)
    assert told["a cluster of one is replaced: 1, 2, 1"] == (1, 0)
    assert told["dead voter, no replacement yet: its peer goes first"] == (0, 0)
    assert told["a server that never became a voter leaves a full set"] == (0, 0)
    assert told["silent agent, its products are dead too: replaced, then removed"] == (3, 1)


def test_the_page_shows_the_table_of_the_code(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PAGE.write_text(render(PAGE.read_text()))
    assert PAGE.read_text() == render(PAGE.read_text()), "run `make golden`"


def test_the_page_tells_what_to_do_about_every_row() -> None:
    told = re.findall(r"^\| .+ \| `(\w+)` \| .+ \|$", PAGE.read_text().partition(BEGIN)[0], re.MULTILINE)
    assert told == [row.__name__ for row in ROWS]


def test_a_page_that_lost_its_marks_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="marks"):
        render("# What happens when a server goes away")
