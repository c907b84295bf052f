"""The lab's background process: holds a laboratory, brings it up, and answers the commands.

Started by `make up`; `python -m lab.daemon simulated clusters/lab.yaml` runs it in the foreground.
"""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.control import ControlServer
from lab.fault_commands import FaultCommands
from lab.forwarder import Forwarder
from lab.laboratory import SAMPLE_JOB, Laboratory
from lab.nodes import NodeView, failed_launches, find_node
from lab.preparation import Kind
from lab.products.progress import Step
from lab.records import describe_certificates
from lab.state import State
from lab.survey.apis import PORTS
from lambdas.domain.config import PRODUCTS

log = logging.getLogger("lab")

FORMATION_SECONDS = 1200.0
JOB_SECONDS = 300.0
STEPS_KEPT = 200
JOURNAL = """
cat /var/log/cloud-init-output.log
exec journalctl --no-pager --lines 200 --unit consul --unit vault --unit nomad --unit docker --unit amazon-ssm-agent
"""


class Daemon:
    """`stage` is how far the lab is: starting, forming, job, ready, or failed with `problem`."""

    def __init__(self, kind: Kind, cluster: Path, state: State) -> None:
        self._kind = kind
        self._cluster = cluster
        self._state = state
        self._steps: list[str] = []
        self._stage = "starting"
        self._problem: str | None = None
        self._started_at = time.time()
        self._lab: Laboratory | None = None
        self._faults: FaultCommands | None = None
        self._forwarders: dict[str, Forwarder] = {}
        self._ended = threading.Event()

    def run(self) -> int:
        """Until somebody says `down` or sends a signal. Returns the process's exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._ended.set())
        with ExitStack() as stack:
            record = self._state.write(self._kind, str(self._cluster))
            stack.callback(self._state.forget)
            verbs = {
                "progress": self.progress,
                "status": self.status,
                "scale": self.scale,
                "logs": self.logs,
                "shell": self.shell,
                "run": self.run_script,
                "fault": self.fault,
                "faults": self.faults,
                "journal": self.journal,
                "token": self.token,
                "down": self.down,
            }
            stack.callback(ControlServer(record.socket, verbs).close)
            try:
                lab = Laboratory(
                    self._kind,
                    self._cluster,
                    time_scale=_time_scale(self._kind),
                    schedules=True,
                    progress=self._note,
                )
                self._lab = stack.enter_context(lab)
                self._faults = FaultCommands(lab)
            except Exception as error:
                log.exception("the lab did not start")
                self._fail(error)
                self._ended.wait()  # so that `up` can say why; `down` ends it
                return 1
            self._open_forwarders(stack)
            conductor = threading.Thread(target=self._conduct, name="conductor", daemon=True)
            conductor.start()
            self._ended.wait()
            log.info("closing")
            conductor.join(5)
        return 0

    # How it comes up.

    def _conduct(self) -> None:
        """From launched instances to the running job; what fails stays to be looked at."""
        assert self._lab is not None
        try:
            self._stage = "forming"
            self._lab.wait_formed(FORMATION_SECONDS)
            self._write_authority()
            self._stage = "job"
            if self._lab.config.client_pools:
                self._lab.submit_job()
                self._lab.wait_job(JOB_SECONDS)
            self._stage = "ready"
        except Exception as error:
            if not self._ended.is_set():
                log.exception("the lab did not come up")
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._stage, self._problem = "failed", str(error) or type(error).__name__

    def _note(self, step: Step) -> None:
        line = f"{step.item}: {step.doing}"
        log.info(line)
        if not self._steps or self._steps[-1] != line:
            self._steps = [*self._steps[-STEPS_KEPT:], line]

    def _write_authority(self) -> None:
        assert self._lab is not None
        self._state.authority.write_text(self._lab.apis.authority())

    def _open_forwarders(self, stack: ExitStack) -> None:
        """For simulated hosts there is nothing to reach."""
        if self._kind != "container":
            return
        lab = self._laboratory()
        for product in PRODUCTS:
            port = PORTS[product]

            def targets(product: Any = product, port: int = port) -> list[tuple[str, int]]:
                return [(address, port) for address in lab.servers(product).values()]

            self._forwarders[product] = Forwarder(port, targets, lab.data_center.inside)
            stack.callback(self._forwarders[product].close)

    # What commands ask.

    def progress(self, since: int = 0) -> dict[str, Any]:
        """For `up`, which asks twice a second: nothing here calls a product."""
        lab = self._lab if self._stage != "starting" else None
        return {
            "stage": self._stage,
            "problem": self._problem,
            "started": self._lab is not None,
            "seconds": time.time() - self._started_at,
            "steps": self._steps[since:],
            "steps_total": len(self._steps),
            "formation": lab.formation() if lab else {},
            "nodes": [_node(node) for node in lab.nodes()] if lab else [],
            "failed_launches": failed_launches(lab.aws, lab.config) if lab else [],
            "server_group": lab.config.server_groups[0].name if lab else "",
            "client_pool": lab.config.client_pools[0].name if lab and lab.config.client_pools else "",
        }

    def status(self) -> dict[str, Any]:
        lab = self._laboratory()
        return {
            "cluster": lab.config.name,
            "hosts": self._kind,
            "cluster_file": str(self._cluster),
            "stage": self._stage,
            "problem": self._problem,
            "formation": {key: lab.formation().get(key) for key in ("status", "generation", "attempt", "reason")},
            "nodes": [_node(node) for node in lab.nodes()],
            "certificates": describe_certificates(lab.certificates(), time.time()),
            "goodbyes": _goodbyes(lab),
            "faults": self._fault_commands().active(),
            "failed_launches": failed_launches(lab.aws, lab.config),
            **lab.survey().as_json(),
            "reach": self._reach(lab),
        }

    def scale(self, servers: int | None = None, clients: int | None = None) -> dict[str, Any]:
        self._laboratory().scale(servers, clients)
        return {"servers": servers, "clients": clients}

    def logs(self, node: str | None = None) -> dict[str, Any]:
        """What ran on a node, oldest first; without one, what happened in the lab."""
        lab = self._laboratory()
        if node is None:
            return {"lab": self._steps, "events": [_event(event) for event in lab.aws.events]}
        instance_id = find_node(lab.nodes(), node).instance_id
        listed = lab.aws.client("ssm").get_paginator("list_command_invocations")
        commands = [
            {
                "at": str(invocation["RequestedDateTime"]),
                "document": invocation["DocumentName"],
                "status": invocation["Status"],
                "output": "\n".join(plugin.get("Output", "") for plugin in invocation["CommandPlugins"]).strip(),
            }
            for page in listed.paginate(InstanceId=instance_id, Details=True)
            for invocation in page["CommandInvocations"]
        ]
        journal = lab.data_center.look(instance_id, JOURNAL)
        commands.sort(key=lambda command: command["at"])
        return {"node": instance_id, "commands": commands, "journal": journal}

    def shell(self, node: str) -> dict[str, Any]:
        lab = self._laboratory()
        found = find_node(lab.nodes(), node)
        return {"node": found.instance_id, "command": lab.data_center.shell(found.instance_id)}

    def run_script(self, node: str, script: str, timeout_seconds: float = 60.0) -> dict[str, Any]:
        lab = self._laboratory()
        return asdict(lab.run_script(find_node(lab.nodes(), node).instance_id, script, timeout_seconds))

    def fault(self, name: str, **arguments: Any) -> dict[str, Any]:
        return self._fault_commands().do(name, **arguments)

    def faults(self) -> dict[str, Any]:
        return {"active": self._fault_commands().active()}

    def journal(self, node: str | None = None) -> dict[str, Any]:
        """A node is found by what it is now, or by its whole id: those that went are in the journal too."""
        lab = self._laboratory()
        entries = lab.journal()
        if node is not None:
            gone = {entry["node"] for entry in entries if entry["node"].startswith(node)}
            wanted = gone.pop() if len(gone) == 1 else find_node(lab.nodes(), node).instance_id
            entries = [entry for entry in entries if entry["node"] == wanted]
        return {"entries": entries}

    def token(self, product: str) -> dict[str, Any]:
        """The one verb that gives a secret away, to the lab's own user, who asked for just that."""
        if product not in ("consul", "nomad"):
            raise ValueError("consul and nomad have a management token; Vault's root token was revoked in formation")
        return {"token": self._laboratory().apis.management_token(product)}

    def down(self) -> dict[str, Any]:
        self._ended.set()
        return {"pid": os.getpid()}

    def _fault_commands(self) -> FaultCommands:
        self._laboratory()
        assert self._faults is not None
        return self._faults

    def _laboratory(self) -> Laboratory:
        if self._lab is None:
            raise LookupError(f"the lab is {self._stage}" + (f": {self._problem}" if self._problem else " still"))
        return self._lab

    def _reach(self, lab: Laboratory) -> dict[str, Any]:
        if self._kind != "container":
            return {}
        return {
            "authority": str(self._state.authority),
            "namespace": getattr(lab.data_center, "name", ""),
            "job": SAMPLE_JOB,
            **{product: f"https://127.0.0.1:{forwarder.port}" for product, forwarder in self._forwarders.items()},
        }


def _goodbyes(lab: Laboratory) -> list[dict[str, str]]:
    """Of each node on its way out, what was decided last."""
    last = {entry["node"]: entry for entry in lab.journal()}
    leaving = [node for node in lab.nodes() if node.state.startswith("Terminating")]
    return [
        {"node": node.instance_id, "state": node.state}
        | {key: last.get(node.instance_id, {}).get(key, "") for key in ("decision", "reason", "outcome")}
        for node in leaving
    ]


def _node(node: NodeView) -> dict[str, Any]:
    phases = {name: {"state": view.state, "text": str(view)} for name, view in node.phases.items()}
    return asdict(node) | {"phases": phases}


def _event(event: dict[str, Any]) -> dict[str, Any]:
    kept = ("EC2InstanceId", "instance-id", "state", "status", "name", "document-name", "LifecycleTransition")
    detail = {key: value for key, value in event.get("detail", {}).items() if key in kept}
    return {"at": event.get("time"), "type": event.get("detail-type"), **detail}


def _time_scale(kind: Kind) -> float:
    """Real products wait as long as they wait; simulated ones can be hurried."""
    return float(os.environ.get("QUORATE_LAB_TIME_SCALE", "1")) if kind == "simulated" else 1.0


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m lab.daemon", description=__doc__)
    arguments.add_argument("hosts", choices=["container", "simulated"])
    arguments.add_argument("cluster", type=Path)
    arguments.add_argument("--state", type=Path, help="where the lab is kept (.lab in the clone)")
    given = arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("botocore", "werkzeug", "moto", "aws_lambda_powertools"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return Daemon(given.hosts, given.cluster, State(given.state)).run()


if __name__ == "__main__":
    sys.exit(main())
