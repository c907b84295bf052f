"""Called by node_terminate: Decide. One decision from what was seen in this turn, and the command it asks for."""

import time
from typing import Any

from lambdas.aws import cluster_config, journal, lease, members, servers
from lambdas.domain.errors import LeaseLost
from lambdas.domain.goodbye import Goodbye
from lambdas.domain.membership.decision import Decision, decide
from lambdas.domain.membership.observation import Observation
from lambdas.domain.node import describe_server
from lambdas.domain.observed import observe
from lambdas.domain.plans.leaving import plan_step
from lambdas.domain.plans.site import Site
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"goodbye", "turn", "observed": answers of Observe, "execution"}. Raises LeaseLost.

    Returns {"kind", "row", "reason", "commands"}; `hold` is the kind where a hook waits for an answer that only a
    human can give.
    """
    settings = Settings.from_environment()
    goodbye, turn = Goodbye.model_validate(event["goodbye"]), event["turn"]
    if lease.renew(settings.table_name, event["execution"], turn["fencing"], time.time()) is None:
        raise LeaseLost(f"turn {turn['number']} of {goodbye.subject} took longer than its lease")
    config = cluster_config.load(settings.config_parameter)
    known = members.every(settings.table_name)
    observation = observe(config, servers.find(config, known), known, event["observed"])
    decision = decide(observation, goodbye.subject)
    _tell(settings, event, goodbye, decision)
    kind = "hold" if decision.kind == "human" and goodbye.lifecycle else decision.kind
    site = Site.of(config, settings)
    told = {"kind": kind, "row": decision.row, "reason": decision.reason}
    return told | {"commands": _commands(site, observation, decision, event["execution"], turn["fencing"])}


def _commands(site: Site, seen: Observation, decision: Decision, execution: str, fencing: int) -> list[Any]:
    step = decision.step
    server = seen.server(step.on) if step else None
    if step is None or server is None:
        return []
    node = describe_server(site.config, server)
    return plan_step(site, node, step, fencing, scope=f"{execution}#{fencing}").of(step.phase)


def _tell(settings: Settings, event: dict[str, Any], goodbye: Goodbye, decision: Decision) -> None:
    """In the log each time; in the journal where it says something new."""
    decided(f"{decision.kind}: {decision.reason}", node=goodbye.subject, row=decision.row)
    if decision.kind == "human":
        count("HumansCalled")
    if decision.kind in ("act", "release") or decision.reason == event["turn"].get("said"):
        return  # what is done is written with what comes of it
    if decision.kind != "human" and goodbye.lifecycle is None:
        return  # the sweep's goodbyes of what was retained: the same every five minutes
    told = goodbye.told(settings.cluster_name, event["execution"], decision.kind, decision.reason)
    journal.write(settings.table_name, told)
