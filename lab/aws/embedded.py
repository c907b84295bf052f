"""The embedded AWS as others use it: one object, one context manager."""

import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from moto import mock_aws

from lab.aws import api_gate
from lab.aws.auto_scaling import AutoScaling
from lab.aws.auto_scaling_api import AutoScalingApi
from lab.aws.bucket_policies import BucketPolicies
from lab.aws.calls import CallCounter
from lab.aws.chaos import Chaos
from lab.aws.client_calls import ClientCalls
from lab.aws.clock import Clock
from lab.aws.cloud import Cloud
from lab.aws.cloud_formation import CloudFormation
from lab.aws.cloud_formation_changes import CloudFormationChanges
from lab.aws.deployment import deploy
from lab.aws.direct_answers import DirectAnswers
from lab.aws.event_bridge import EventBridge
from lab.aws.event_targets import EventTargets
from lab.aws.http_server import AwsServer, Certificate
from lab.aws.iam.authorization import Authorization, Denial
from lab.aws.instances import Instances
from lab.aws.invocation import InvocationEnvironment
from lab.aws.item_answers import ItemAnswers
from lab.aws.json_copies import JsonCopies
from lab.aws.kms_keys import KmsKeys
from lab.aws.lambda_functions import Invoked, LambdaFunctions
from lab.aws.lifecycle_hooks import LifecycleHooks
from lab.aws.limits import IdleTime, Limits
from lab.aws.memory import Memory
from lab.aws.requests import Requests
from lab.aws.run_command import RunCommand
from lab.aws.run_command_api import RunCommandApi
from lab.aws.scaling_activities import ScalingActivities
from lab.aws.step_functions import ExecutionRecord, StepFunctions
from lab.aws.step_functions_language import StatesLanguage
from lab.aws.step_functions_tokens import TaskTokens
from lab.aws.table_queries import TableQueries
from lab.hosts.seam import Hosts

# Whatever finds its way to a real endpoint must fail there: these are nobody's.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "LAB0LAB0LAB0LAB0LAB0", "AWS_SECRET_ACCESS_KEY": "lab"}

# The default session stays: it has parsed the services' models, which takes longer than all else in a short test.
MOTO: Any = {"stepfunctions": {"execute_state_machine": True}, "core": {"reset_boto3_session": False}}


class EmbeddedAws:
    """One AWS account in one region, in this process, over the machines of `hosts`.

    >>> with EmbeddedAws(hosts) as aws:
    ...     aws.deploy(Path("cdk.out"), "example")
    ...     aws.client("autoscaling").set_desired_capacity(...)
    ...     aws.drain()

    moto is patched for the whole process while it is open, so there is one at a time. `hosts` stay the caller's:
    close them after this. Handlers, state machines, rules and nodes may do what their roles allow; without
    `permissions_enforced` what they may not do is told in `denials`, and done. Where `patient`, time limits run only
    while this process has nothing to do: short ones then cut off what nobody answers, and not what is slow.
    """

    _open: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        hosts: Hosts,
        region: str = "eu-west-1",
        account: str = "123456789012",
        time_scale: float = 1.0,
        timeout_scale: float = 1.0,
        shortest_timeout_seconds: float = 0.0,
        chaos: Chaos | None = None,
        *,
        permissions_enforced: bool = True,
        patient: bool = False,
    ) -> None:
        self.region = region
        self.account = account
        self.chaos = chaos or Chaos()
        clock = Clock(time_scale, timeout_scale, shortest_timeout_seconds)
        self._cloud = Cloud(hosts, region, account, clock, self.chaos)
        self._patient = patient
        self._stack = ExitStack()
        self._servers: list[AwsServer] = []
        cloud = self._cloud
        self._event_bridge = EventBridge(cloud)
        self._functions = LambdaFunctions(cloud)
        instances = Instances(cloud, self._event_bridge)
        self._hooks = LifecycleHooks(cloud, self._event_bridge)
        activities = ScalingActivities(cloud, self._event_bridge)
        self._auto_scaling = auto_scaling = AutoScaling(cloud, instances, self._hooks, activities)
        self._run_command = RunCommand(cloud, self._event_bridge)
        self._states = StepFunctions(cloud, self._event_bridge)
        self._language = StatesLanguage(cloud)
        tokens = TaskTokens(cloud)
        self._authorization = Authorization(cloud, tokens.machine_of, enforced=permissions_enforced)
        cloud.refusal = self._authorization.refusal
        self._services = (
            Memory(cloud),
            JsonCopies(cloud),
            ClientCalls(cloud),
            Requests(cloud),
            DirectAnswers(cloud),
            self._event_bridge,
            EventTargets(cloud, self._event_bridge),
            self._functions,
            instances,
            AutoScalingApi(cloud, auto_scaling, self._hooks, activities),
            RunCommandApi(cloud, self._run_command),
            self._language,
            tokens,
            self._states,
            CloudFormation(cloud),
            CloudFormationChanges(cloud),
            BucketPolicies(cloud),
            KmsKeys(cloud),
            ItemAnswers(cloud),
            TableQueries(cloud),
        )

    # Its life.

    def __enter__(self) -> "EmbeddedAws":
        if not EmbeddedAws._open.acquire(blocking=False):
            raise RuntimeError("an embedded AWS is already open in this process")
        self._stack.callback(EmbeddedAws._open.release)
        try:
            self._enter_environment()
            if self._patient:
                idle = IdleTime()
                self._stack.callback(idle.stop)
                self._cloud.limits = Limits(self._cloud.turns, self._cloud.background, idle)
            self._stack.enter_context(mock_aws(config=MOTO))
            self._stack.callback(self._cloud.seams.undo)
            api_gate.install(self._cloud)
            for service in self._services:
                service.install()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what is under way and leave no thread behind; the machines stay with their owner."""
        stack, self._stack = self._stack.pop_all(), ExitStack()
        with stack:
            for server in self._servers:
                server.close()
            self._servers.clear()
            self._cloud.background.stop()
            self._authorization.usage.keep(self._cloud)
            self._language.stopping.set()
            self._functions.kill_all()
            self._run_command.cancel_all()
            self._states.close()
            self._cloud.background.close()

    # Deploying and calling.

    def deploy(self, cloud_assembly: Path | str, stack_name: str) -> dict[str, str]:
        """Create or update a stack from the output of `cdk synth`; returns the stack's outputs."""
        return deploy(self._cloud, Path(cloud_assembly), stack_name)

    def client(self, service: str) -> Any:
        """A boto3 client; clients made anywhere else in the process reach the same AWS."""
        return self._cloud.client(service)

    def fire_schedule(self, rule_name: str) -> None:
        """Do now what a scheduled rule would do when its time has come."""
        self._event_bridge.fire_schedule(rule_name)

    def fire_schedules(self) -> list[str]:
        """Fire every rule that has a schedule, now; their names."""
        scheduled = self._event_bridge.scheduled()
        for name in scheduled:
            self._event_bridge.fire_schedule(name)
        return scheduled

    def run_schedules(self) -> None:
        """Let the scheduled rules that are deployed fire by themselves; without this they never do."""
        self._event_bridge.run_schedules()

    def fail_status_checks(self, instance_id: str) -> None:
        """EC2's status checks of a machine fail from now on: two minutes later its group replaces it."""
        self._auto_scaling.fail_status_checks(instance_id)

    def serve(self, host: str = "127.0.0.1", port: int = 0, tls_certificate: Certificate | None = None) -> AwsServer:
        """Serve the same AWS over HTTP (or TLS) until closed. The socket is bound in the calling thread, and so in
        the network namespace that this thread is in."""
        server = AwsServer(self._cloud, host, port, tls_certificate)
        self._servers.append(server)
        return server

    # Waiting and looking.

    def drain(self, timeout: float = 30.0) -> bool:
        """Wait until nothing is under way: no event, no command, no execution. False when time ran out first."""
        return self._cloud.background.drain(timeout)

    def limited_seconds(self) -> float:
        """The clock by which time limits run; for differences only."""
        return self._cloud.limits.now()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every service event in the order it was emitted, before drops and delays."""
        return list(self._event_bridge.events)

    def executions(self, machine: str | None = None) -> list[ExecutionRecord]:
        """Executions of one machine (its name or a part of it), or of all, oldest first."""
        return self._states.executions(machine)

    @property
    def calls(self) -> CallCounter:
        """AWS API calls, by caller."""
        return self._cloud.calls

    @property
    def denials(self) -> Sequence[Denial]:
        """Calls that the policies in force do not allow, with who made them."""
        return list(self._authorization.denials)

    @property
    def invoked(self) -> Sequence[Invoked]:
        """Lambda invocations that ended."""
        return list(self._functions.invoked)

    @property
    def errors(self) -> Sequence[BaseException]:
        """What went wrong inside the embedded AWS itself; a test should find none."""
        return list(self._cloud.background.errors)

    def _enter_environment(self) -> None:
        values = {
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Newer endpoints carry the account's id in the host name; moto does not know those.
            "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
            "MOTO_ACCOUNT_ID": self.account,
            # Instances take their image as a name; moto's list of images takes 0.2 s to load, and again to drop.
            "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
            # Packages of 130 MB are put here; botocore takes 6 s to wrap one into chunks with a checksum.
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        }
        before = {name: os.environ.get(name) for name in values}

        def restore() -> None:
            os.environ.__class__ = os._Environ
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

        os.environ.update(values)
        os.environ.__class__ = InvocationEnvironment
        self._stack.callback(restore)
