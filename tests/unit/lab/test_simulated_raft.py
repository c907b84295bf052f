"""The Raft model: who votes, who leads, what dead voters cost."""

import pytest

from lab.hosts.simulated.raft import NoLeaderError, Raft


class Cluster:
    """A Raft cluster whose clock and deaths the test decides."""

    def __init__(self, voters: int, **options: object) -> None:
        self.time = 0.0
        self.dead: set[str] = set()
        self.cut_off: set[str] = set()
        self.raft = Raft(self.place, lambda: self.time, 10.0, **options)  # type: ignore[arg-type]
        self.raft.found([f"s{n}" for n in range(voters)])

    def place(self, server: str) -> str | None:
        if server in self.dead:
            return None
        return "cut off" if server in self.cut_off else ""


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


def test_a_minority_that_is_cut_off_sees_no_leader_and_the_others_elect_one():
    cluster = Cluster(3)
    assert cluster.raft.leader == "s0"
    cluster.cut_off = {"s0"}
    assert cluster.raft.leader_seen_by("s0") is None
    assert cluster.raft.leader_seen_by("s1") == "s1"
    assert not cluster.raft.healthy("s0")
    cluster.cut_off = {"s0", "s1"}
    assert cluster.raft.leader_seen_by("s2") is None
    assert cluster.raft.leader_seen_by("s0") == "s1", "two of three are a majority wherever they are"


def test_nobody_leads_where_no_part_is_a_majority():
    cluster = Cluster(4)
    cluster.cut_off = {"s0", "s1"}
    assert cluster.raft.leader is None
    with pytest.raises(NoLeaderError, match="2 of 4 voters are alive, 3 are needed"):
        cluster.raft.remove("s0")


def test_a_joiner_that_is_away_for_a_while_waits_anew():
    cluster = Cluster(3, cleans_up_dead_servers=False)
    cluster.raft.join("s3")
    cluster.time, cluster.cut_off = 5.0, {"s3"}
    cluster.raft.settle()
    cluster.time, cluster.cut_off = 8.0, set()
    cluster.raft.settle()
    cluster.time = 17.0
    assert not cluster.raft.is_voter("s3")
    cluster.time = 18.0
    assert cluster.raft.is_voter("s3")


def test_autopilot_that_is_not_to_clean_up_leaves_the_dead_where_they_are():
    cluster = Cluster(5, cleans_up_dead_servers=False)
    cluster.dead = {"s3"}
    cluster.raft.settle()
    assert cluster.raft.voters == ("s0", "s1", "s2", "s3", "s4")
