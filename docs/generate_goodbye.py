"""Write the truth table of docs/goodbye.md from the code: `python -m docs.generate_goodbye`. The prose around it stays.

A test holds the page against the code, so it cannot fall behind.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from lambdas.domain.membership.answer import Row
from lambdas.domain.membership.case import ORDER
from lambdas.domain.membership.decision import ROWS, Decision, decide
from lambdas.domain.membership.observation import Observation, Presence, Raft, Unknown
from lambdas.domain.membership.truth_table import EXAMPLES, Example

PAGE = Path(__file__).with_name("goodbye.md")
BEGIN = "<!-- The table begins. Written by `python -m docs.generate_goodbye`: change the code. -->"
END = "<!-- The table ends. -->"


def render(page: str) -> str:
    """`page` with the table of this moment between its marks. Raises ValueError where they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE.name} has lost the marks of its table")
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


def table() -> str:
    return "\n".join(_row(number, row) for number, row in enumerate(ROWS, start=1))


def _row(number: int, row: Row) -> str:
    said = " ".join((row.__doc__ or "").split())
    lines = [f"### {number}. `{row.__name__}`", "", said, ""]
    lines += ["| situation | what is seen | decided | reason |", "|---|---|---|---|"]
    lines += [_example(example) for example in EXAMPLES if example.row == row.__name__]
    return "\n".join([*lines, ""])


def _example(example: Example) -> str:
    decision = decide(example.observation, example.subject)
    seen = f"{_hosts(example.observation)}. {_views(example.observation)}"
    return f"| {example.situation} | {seen} | {_decided(example.subject, decision)} | {decision.reason} |"


def _decided(subject: str, decision: Decision) -> str:
    step = decision.step
    what = f"{step.product} `{step.phase}` on {step.on}" if step else decision.kind
    return f"`{subject}`: **{what}**"


def _hosts(observation: Observation) -> str:
    groups = []
    for presence in get_args(Presence):
        there = [server for server in observation.servers if server.presence == presence]
        if there:
            groups.append(f"{_letters(server.instance_id for server in there)} {presence.replace('_', ' ')}")
    silent = [
        server.instance_id for server in observation.servers if not server.reachable and server.presence != "gone"
    ]
    sizes = "size 1" if set(observation.sizes.values()) == {1} else ""
    return "; ".join([*groups, *([f"no agent on {_letters(silent)}"] if silent else []), *([sizes] if sizes else [])])


def _views(observation: Observation) -> str:
    """Products of one view together, in order."""
    views: dict[str, list[str]] = {}
    for product in ORDER:
        views.setdefault(_view(observation.rafts[product]), []).append(product)
    told = [("all" if len(products) == len(ORDER) else ", ".join(products), view) for view, products in views.items()]
    return "; ".join(f"*{products}*: {view}" for products, view in told)


def _view(raft: Raft | Unknown) -> str:
    if isinstance(raft, Unknown):
        return f"unknown{' (another cluster)' if raft.foreign else ''}"
    facts = {
        "no voter yet": [peer.raft_id for peer in raft.peers if not peer.voter],
        "unhealthy": [peer.raft_id for peer in raft.peers if not peer.healthy],
        "without a name": [peer.raft_id for peer in raft.peers if peer.instance_id is None],
        "sealed": sorted(raft.sealed),
        "stopped": sorted(raft.stopped),
    }
    words = [f"voters {_letters(peer.raft_id for peer in raft.voters)}", f"{_letters([raft.leader])} leads"]
    return ", ".join([*words, *(f"{_letters(ids)} {what}" for what, ids in facts.items() if ids)])


def _letters(ids: Iterable[str]) -> str:
    return " ".join(one.rpartition("-")[2] for one in ids)


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text()))
