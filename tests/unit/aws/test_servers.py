"""What becomes of Auto Scaling's and EC2's words for an instance."""

import pytest

from lambdas.aws.servers import presence_of
from lambdas.domain.membership.observation import Presence


@pytest.mark.parametrize(
    ("lifecycle_state", "state", "presence"),
    [
        ("Pending", "pending", "launching"),
        ("Pending:Wait", "running", "launching"),
        ("InService", "running", "in_service"),
        ("Standby", "running", "in_service"),
        ("Terminating:Wait", "running", "leaving"),
        ("Terminating:Proceed", "running", "leaving"),
        ("Terminating:Retained", "running", "retained"),
        ("InService", "stopped", "gone"),
        ("Terminating:Wait", "shutting-down", "gone"),
        ("Terminating:Retained", "terminated", "gone"),
        (None, "terminated", "gone"),
        (None, "running", "in_service"),
    ],
)
def test_presence(lifecycle_state: str | None, state: str, presence: Presence) -> None:
    assert presence_of(lifecycle_state, state) == presence
