"""Which authority signs, and that whoever is shown its certificate trusted it before."""

import pytest

from lambdas.domain.authorities import signing, standby_of, trusted


def test_the_one_that_signs_its_standby_and_the_one_before_it_are_trusted() -> None:
    assert trusted(1, known=2) == (1, 2)
    assert trusted(2, known=3) == (2, 1, 3)
    assert trusted(2, known=2) == (2, 1), "its standby's key is not deployed yet"
    assert trusted(7, known=8) == (7, 6, 8)


@pytest.mark.parametrize("generation", range(1, 9))
def test_when_the_next_takes_over_everybody_trusts_everybody(generation: int) -> None:
    """A node of either generation knows the authority of the other: before, while and after they are renewed."""
    known = standby_of(generation)
    after = standby_of(generation + 1)
    for mine, others in ((generation, generation + 1), (generation + 1, generation)):
        bundle = trusted(mine, known if mine == generation else after)
        assert others in bundle
        assert mine in bundle


def test_an_authority_without_a_key_signs_nothing() -> None:
    assert signing(3, known=2) == 2
    assert signing(2, known=3) == 2
