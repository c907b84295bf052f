"""The Raft model: who votes, who leads, what dead voters cost."""

import pytest

from lab.hosts.simulated.raft import NoLeaderError, Raft


class Cluster:
    """A Raft cluster whose clock and deaths the test decides."""

    def __init__(self, voters: int, **options: object) -> None:
        self.time = 0.0
        self.dead: set[str] = set()
        self.raft = Raft(lambda server: server not in self.dead, lambda: self.time, 10.0, **options)  # type: ignore[arg-type]
        self.raft.found([f"s{n}" for n in range(voters)])


def test_founders_vote_at_once_and_one_of_them_leads():
    raft = Cluster(3).raft
    assert raft.voters == ("s0", "s1", "s2")
    assert raft.leader == "s0"


def test_a_joiner_votes_after_it_was_stable():
    cluster = Cluster(3)
    cluster.raft.join("s3")
    assert cluster.raft.non_voters == ("s3",)
    cluster.time = 10.0
    assert cluster.raft.is_voter("s3")


def test_dead_voters_count_until_they_are_removed():
    cluster = Cluster(5, cleans_up_dead_servers=False)
    cluster.dead = {"s0", "s1"}
    assert (cluster.raft.quorum, cluster.raft.leader) == (3, "s2")
    cluster.dead.add("s2")
    assert cluster.raft.leader is None
    with pytest.raises(NoLeaderError, match="2 of 5 voters are alive, 3 are needed"):
        cluster.raft.join("s5")


def test_leadership_stays_until_its_holder_goes():
    cluster = Cluster(3)
    cluster.raft.transfer_leadership()
    assert cluster.raft.leader == "s1"
    cluster.dead = {"s1"}
    assert cluster.raft.leader == "s0"


def test_cleaning_up_takes_less_than_half_and_never_goes_below_the_minimum():
    cluster = Cluster(5, minimum_quorum=4)
    cluster.dead = {"s3", "s4"}
    assert cluster.raft.clean_up() == ("s3",)
    assert cluster.raft.clean_up() == ()


def test_nothing_is_cleaned_up_without_a_leader():
    cluster = Cluster(3)
    cluster.dead = {"s1", "s2"}
    assert cluster.raft.clean_up() == ()
    assert len(cluster.raft.voters) == 3
