"""Called by sweep: Triage. Starts what nobody looks after; changes no membership itself."""

import time
from typing import Any

from lambdas.aws import (
    answers,
    claims,
    cluster_config,
    dispatches,
    executions,
    journal,
    lifecycle,
    members,
    rotation_record,
    servers,
    sweep_record,
)
from lambdas.aws.claims import Of
from lambdas.aws.sweep_record import Seen
from lambdas.domain import names
from lambdas.domain.config import ClusterConfig
from lambdas.domain.membership.journal import Entry
from lambdas.domain.membership.observation import Observation
from lambdas.domain.membership.triage import Attended, Finding, outsiders, triage
from lambdas.domain.neglect import launch_event, neglected
from lambdas.domain.node import describe_server
from lambdas.domain.observed import observe
from lambdas.domain.phases import Phase
from lambdas.domain.plans.renewing import plan_unsealing
from lambdas.domain.plans.site import Site
from lambdas.domain.rotation import OVERDUE_SECONDS
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"formed", "observed": answers of Observe, "execution"}. Every repair may be made twice.

    Returns {"unseal": commands for servers whose Vault is sealed, each in a Map of its own}.
    """
    settings = Settings.from_environment()
    _answer_overdue(settings.table_name)
    config = cluster_config.load(settings.config_parameter)
    machines = {"launch": settings.node_launch_arn, "goodbye": settings.node_terminate_arn}
    launches = _tended(settings.table_name, "launch", machines["launch"])
    goodbyes = _tended(settings.table_name, "goodbye", machines["goodbye"])
    standing = lifecycle.every(names.autoscaling_group(config.name, group.name) for group in config.groups)
    states = {instance_id: one.state for instance_id, one in standing.items()}
    found = neglected(states, launches=launches, goodbyes=goodbyes)
    seen = sweep_record.read(settings.table_name)
    out: frozenset[str] = frozenset()
    unseal: list[dict[str, Any]] = []
    if event["formed"]:
        begun = {one.subject for one in found}
        attended = Attended(
            goodbyes=goodbyes | begun,
            launches=frozenset(states),
            outsiders=seen.outsiders,
            unseals=config.vault.seal == "shamir",
        )
        seen_now = _look(config, settings.table_name, event["observed"])
        found += triage(seen_now, attended)
        out = outsiders(seen_now)
        unseal = _unsealing(
            Site.of(config, settings),
            seen_now,
            found,
            event["execution"],
        )
    for one in found:
        decided(f"{one.what}: {one.reason}", node=one.subject)
        again = _key(one) in seen.findings
        if not again:
            told = Entry(settings.cluster_name, one.subject, event["execution"], "sweep", one.what, one.reason)
            journal.write(settings.table_name, told)
        match one.what:
            case "launch":
                group = standing[one.subject].autoscaling_group
                executions.start_for(machines["launch"], one.subject, launch_event(one.subject, group))
            case "goodbye":
                executions.start_for(machines["goodbye"], one.subject, {"subject": one.subject, "by": "sweep"})
            case "replace":
                lifecycle.set_unhealthy(one.subject)
            case "call" | "unseal" if again:  # an election is over before anybody has read the message
                count("HumansCalled")
    _go_on_rotating(settings)
    sweep_record.write(settings.table_name, Seen(out, frozenset(map(_key, found))))
    return {"unseal": unseal}


def _go_on_rotating(settings: Settings) -> None:
    """With what is under way and in no running execution's hands; one that waits for long is told to a human."""
    rotation = rotation_record.read(settings.table_name)
    if rotation is None or rotation.stage is None:
        return
    if rotation.execution not in executions.running(settings.rotate_secrets_arn):
        decided(f"rotation {rotation.number} is at {rotation.stage.name}, and no execution looks after it")
        executions.start_for(settings.rotate_secrets_arn, "rotation", {"by": "sweep"})
    if time.time() - rotation.since > OVERDUE_SECONDS:
        count("RotationsWaiting")


def _key(finding: Finding) -> str:
    return f"{finding.what} {finding.subject}"


def _answer_overdue(table: str) -> None:
    """Answers of commands whose end nobody told: the status event, or the function that it woke, was lost."""
    for waiting in dispatches.overdue(table, time.time()):
        if answers.answer_if_ended(table, waiting):
            decided("the end of a command had not been told", command=waiting.command_id)


def _tended(table: str, of: Of, machine_arn: str) -> frozenset[str]:
    """Subjects whose execution runs."""
    running = executions.running(machine_arn)
    return frozenset(claim.subject for claim in claims.every(table, of) if claim.execution in running)


def _look(config: ClusterConfig, table: str, observed: list[Any]) -> Observation:
    known = members.every(table)
    return observe(config, servers.find(config, known), known, observed)


def _unsealing(site: Site, seen: Observation, found: list[Finding], scope: str) -> list[dict[str, Any]]:
    sealed = {one.subject for one in found if one.what == "unseal"}
    nodes = [describe_server(site.config, server) for server in seen.servers if server.instance_id in sealed]
    return [{"commands": [command]} for command in plan_unsealing(site, nodes, scope).of(Phase.VERIFY)]
