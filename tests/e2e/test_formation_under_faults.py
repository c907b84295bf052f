"""Events twice, coordinators that die: the cluster ends in the same state, on real products."""

import threading
import time

import pytest

from lab.aws import Chaos
from lab.laboratory import Laboratory
from tests.e2e.cluster import assert_quorate, executions

pytestmark = pytest.mark.e2e


def test_every_event_twice_and_a_server_added_while_formation_is_under_way() -> None:
    chaos = Chaos()
    chaos.duplicate_events()
    with Laboratory("container", chaos=chaos) as lab:
        lab.wait_until(lambda: bool(executions(lab, "form_cluster")), 180, lambda: str(lab.nodes()))
        lab.scale(servers=4)
        lab.wait_formed()
        assert_quorate(lab.survey(), voters=4)
        assert executions(lab, "form_cluster") == ["lab-g1-a1"]
        assert len(executions(lab, "node_launch")) == 2 * 5, "every launch came twice"
        assert int(lab.formation()["fencing"]) == 1


def test_the_coordinator_dies_after_each_step_and_the_next_one_goes_on_from_the_record() -> None:
    """Its first Lambda dies after its work, its last before, and its execution is stopped after each of its phases."""
    chaos = Chaos()
    chaos.fail_lambda("begin_formation", when="after")
    chaos.fail_lambda("complete_formation", times=4)  # its retries leave time to stop the execution after Bootstrap
    with Laboratory("container", chaos=chaos) as lab:
        stopped: list[str] = []
        watch = threading.Thread(target=stop_after_each_phase, args=(lab, stopped), daemon=True)
        watch.start()
        lab.wait_formed()
        watch.join(timeout=10)
        assert stopped == ["Secrets", "Configure", "Start", "Bootstrap"]
        assert_quorate(lab.survey(), voters=3)
        lab.wait_until(
            lambda: executions(lab, "form_cluster", "SUCCEEDED") == ["lab-g1-a5"],
            60,
            lambda: str(executions(lab, "form_cluster")),
        )
        assert len(executions(lab, "form_cluster", "ABORTED")) == 4
        sent = [
            command["DocumentName"]
            for page in lab.aws.client("ssm").get_paginator("list_commands").paginate()
            for command in page["Commands"]
        ]
        for once in ("vault_init-bootstrap", "consul-bootstrap", "nomad-bootstrap", "consul-secrets"):
            assert sent.count(f"quorate-lab-{once}") == 1, f"{once} was sent again"


def stop_after_each_phase(lab: Laboratory, stopped: list[str]) -> None:
    """Stop attempt 1 after Secrets, 2 after Configure, 3 after Start, 4 after Bootstrap."""
    for attempt, phase in enumerate(("Secrets", "Configure", "Start", "Bootstrap"), start=1):
        name = f"lab-g1-a{attempt}"
        while True:
            found = [one for one in lab.aws.executions("form_cluster") if one.name == name]
            if found and phase in {
                event["stateExitedEventDetails"]["name"]
                for event in lab.aws.client("stepfunctions").get_execution_history(
                    executionArn=found[0].arn, maxResults=1000
                )["events"]
                if "stateExitedEventDetails" in event
            }:
                lab.aws.client("stepfunctions").stop_execution(
                    executionArn=found[0].arn, error="Test", cause=f"stopped after {phase}"
                )
                stopped.append(phase)
                break
            time.sleep(0.05)
