"""When replacing instances stops: a launch that fails again and again fails for a reason that the next one has too."""

from dataclasses import dataclass

FAILURES_IN_A_ROW = 3


@dataclass(frozen=True)
class Verdict:
    stop: bool
    reason: str


def judge(group: str, failures: int, last_reason: str) -> Verdict:
    if failures < FAILURES_IN_A_ROW:
        return Verdict(False, f"{failures} of {FAILURES_IN_A_ROW} launches in a row failed in {group}: {last_reason}")
    return Verdict(
        True,
        f"{failures} launches in a row failed in {group}, launching stops: {last_reason}; "
        "mend the cause, then resume the group's Launch process",
    )


def withdrawn(group: str, last_reason: str) -> str:
    return f"its launch in {group} was ended from outside, which is no failure of the launch: {last_reason}"
