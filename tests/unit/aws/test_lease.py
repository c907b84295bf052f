"""The lease in DynamoDB against the rules of the domain: the same answer to every question, whatever came before."""

import random

import pytest

from lambdas.aws import lease, table
from lambdas.domain.membership import lease as rules
from lambdas.domain.membership.lease import LEASE_SECONDS, Lease

NOW = 1_764_000_000.0


@pytest.fixture(name="records")
def _records(table: str) -> str:
    return table


def test_nobody_holds_it_at_first(records: str) -> None:
    assert lease.read(records) == Lease()
    assert lease.take(records, "one", NOW) == Lease("one", 1, NOW + LEASE_SECONDS)


def test_of_two_contenders_one_gets_it_until_it_is_given_back(records: str) -> None:
    assert lease.take(records, "one", NOW)
    assert lease.take(records, "two", NOW + 1) is None
    assert not lease.release(records, "two", 1), "it is not his to give back"
    assert lease.release(records, "one", 1)
    taken = lease.take(records, "two", NOW + 2)
    assert taken
    assert taken.fencing == 2


def test_an_expired_lease_is_anybodys_and_its_holder_cannot_go_on(records: str) -> None:
    lease.take(records, "one", NOW)
    late = NOW + LEASE_SECONDS
    assert not lease.holds(records, "one", 1, late)
    assert lease.renew(records, "one", 1, late) is None, "expired is lost, even if nobody took it"
    assert lease.take(records, "two", late) == Lease("two", 2, late + LEASE_SECONDS)
    assert not lease.release(records, "one", 1)
    assert lease.holds(records, "two", 2, late)


def test_the_same_owner_gets_a_new_number_and_the_old_one_counts_no_more(records: str) -> None:
    lease.take(records, "one", NOW)
    assert lease.take(records, "one", NOW + 5) == Lease("one", 2, NOW + 5 + LEASE_SECONDS)
    assert lease.renew(records, "one", 1, NOW + 6) is None
    assert lease.renew(records, "one", 2, NOW + 6) == Lease("one", 2, NOW + 6 + LEASE_SECONDS)


def test_dynamodb_never_deletes_it(records: str) -> None:
    """`expires_at` is the table's time to live: the number of a lease that nobody gave back would begin again."""
    lease.take(records, "one", NOW)
    assert "expires_at" not in (table.get(records, "lease", "membership") or {})


@pytest.mark.parametrize("seed", range(5))
def test_every_history_goes_as_the_rules_say(records: str, seed: int) -> None:
    chance, now, expected, growing = random.Random(seed), NOW, Lease(), 0
    for _ in range(60):
        now += chance.choice((0, 0.25, 1, LEASE_SECONDS / 2, LEASE_SECONDS))
        owner = chance.choice(("one", "two", "three"))
        fencing = max(0, expected.fencing - chance.choice((0, 0, 1)))
        match chance.choice(("take", "renew", "release", "holds")):
            case "take":
                taken = rules.take(expected, owner, now)
                assert lease.take(records, owner, now) == taken
                expected = taken or expected
            case "renew":
                renewed = rules.renew(expected, owner, fencing, now)
                assert lease.renew(records, owner, fencing, now) == renewed
                expected = renewed or expected
            case "release":
                expected = rules.release(expected, owner, fencing)
                lease.release(records, owner, fencing)
            case _:
                assert lease.holds(records, owner, fencing, now) == rules.holds(expected, owner, fencing, now)
        kept = lease.read(records)
        assert kept == expected
        assert kept.fencing >= growing
        growing = kept.fencing
