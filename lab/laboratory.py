"""One cluster in the lab, from the cluster file to a running job, in this process.

>>> with Laboratory("simulated", Path("clusters/lab.yaml")) as lab:
...     lab.wait_formed()
...     lab.scale(servers=5)
...     lab.wait_in_service()

The lab's background process holds one of these, and so does every end-to-end test.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from lab.assembly import ACCOUNT
from lab.aws import Chaos, EmbeddedAws
from lab.data_center import open_data_center
from lab.default_cluster import DEFAULT_CLUSTER
from lab.group_sizes import all_in_service, begin_refresh, newest_refresh, set_size
from lab.hosts.seam import Ran, Run
from lab.nodes import NodeView, view_nodes
from lab.preparation import Kind, Prepared, prepare
from lab.products.manifest import manifest_of, upload
from lab.products.progress import Report, Step, silent
from lab.records import age_certificate, expire_lease, read_certificates, read_formation, read_journal
from lab.survey import JobSurvey, Survey
from lab.survey.apis import Apis
from lambdas.domain import names
from lambdas.domain.artifacts import MANIFEST_KEY, Manifest
from lambdas.domain.config import Product
from lambdas.domain.formation import MAXIMUM_ATTEMPTS

JOBS = Path(__file__).parent / "jobs"
SAMPLE_JOB = "hello"
POLL_SECONDS = 0.5


class LabTimeoutError(Exception):
    """Something did not happen in time; the message says how far it came."""


class FormationFailedError(Exception):
    """The cluster did not form; the message is the record's reason."""


class Laboratory:
    """`time_scale` shortens what AWS and simulated products wait on purpose, `timeout_scale` what they wait at most,
    down to `shortest_timeout_seconds`; leave both at 1 for real products. `patient` is the embedded AWS's. Without
    `mirrored` the bucket stays empty until `mirror` is called, without `schedules` nothing sweeps until `sweep` is.
    """

    def __init__(
        self,
        hosts: Kind = "container",
        cluster: Path = DEFAULT_CLUSTER,
        *,
        time_scale: float = 1.0,
        timeout_scale: float = 1.0,
        shortest_timeout_seconds: float = 0.0,
        patient: bool = False,
        mirrored: bool = True,
        schedules: bool = False,
        chaos: Chaos | None = None,
        progress: Report = silent,
        prepared: Prepared | None = None,
    ) -> None:
        self.chaos = chaos or Chaos()
        self._progress = progress
        self._time_scale = time_scale
        self._timeouts = {"timeout_scale": timeout_scale, "shortest_timeout_seconds": shortest_timeout_seconds}
        self._patient = patient
        self._mirrored = mirrored
        self._schedules = schedules
        self._stack = ExitStack()
        self.prepared = prepared or prepare(hosts, cluster, progress)
        self.config = self.prepared.config

    # Its life.

    def __enter__(self) -> "Laboratory":
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        self.data_center = open_data_center(self.prepared, self._time_scale)
        self._stack.callback(self.data_center.close)
        self.hosts = self.data_center.hosts
        self.aws = self._stack.enter_context(
            EmbeddedAws(
                self.hosts,
                self.config.region,
                ACCOUNT,
                time_scale=self._time_scale,
                chaos=self.chaos,
                patient=self._patient,
                **self._timeouts,
            )
        )
        # Hosts that are still held would keep a thread of the embedded AWS from ending.
        self._stack.callback(self.hosts.release)
        self.data_center.connect(self.aws)
        self.apis = Apis(self.aws.client, self.config)
        self._surveyor = self.data_center.surveyor(self.apis, self.servers, self.run_script)
        self._progress(Step("deploy", f"deploying {self.prepared.stack_name}"))
        self.outputs = self.aws.deploy(self.prepared.assembly, self.prepared.stack_name)
        self.bucket = self.outputs["BucketName"]
        if self._mirrored:
            self.mirror()
        self._progress(Step("deploy", f"{self.prepared.stack_name} deployed", finished=True))
        self._boot()

    def _boot(self) -> None:
        """The bucket is filled, and nodes can install from it."""
        self.hosts.release()
        if self._schedules:
            self.aws.run_schedules()

    def close(self) -> None:
        """Leave nothing behind: processes, containers, namespaces, mounts, threads."""
        self._stack.close()

    # What an operator does.

    def mirror(self) -> None:
        """Fill the bucket with what nodes install from."""
        artifacts = self.prepared.artifacts
        upload(self.aws.client("s3"), self.bucket, artifacts, manifest_of(artifacts), self._progress)

    def scale(self, servers: int | None = None, clients: int | None = None) -> None:
        """Set the desired capacity of the first server group and of the first client pool."""
        if servers is not None:
            self.scale_group(self.config.server_groups[0].name, servers)
        if clients is not None:
            if not self.config.client_pools:
                raise ValueError(f"cluster {self.config.name} has no client pool")
            self.scale_group(self.config.client_pools[0].name, clients)

    def scale_group(self, group: str, desired: int) -> None:
        """Raises ValueError for a size outside of the group's range, before anything is changed."""
        set_size(self.aws.client("autoscaling"), self.config, group, desired)

    def refresh(self, group: str | None = None, timeout_seconds: float = 1800.0) -> None:
        """Replace every instance of a group, the first server group unless told, one after the other; until done."""
        scaling, group = self.aws.client("autoscaling"), group or self.config.server_groups[0].name
        begin_refresh(scaling, self.config, group)

        def newest() -> dict[str, Any]:
            return newest_refresh(scaling, self.config, group)

        self.wait_until(lambda: newest()["Status"] == "Successful", timeout_seconds, lambda: str(newest()))

    def submit_job(self, name: str = SAMPLE_JOB) -> None:
        """Hand one of the sample jobs to Nomad, with its image from the cluster's bucket."""
        manifest = self.aws.client("s3").get_object(Bucket=self.bucket, Key=MANIFEST_KEY)["Body"].read()
        image = Manifest.model_validate_json(manifest).artifacts[f"hello_image_{self.config.architecture}"]
        hcl = (JOBS / f"{name}.nomad.hcl").read_text()
        variables = {
            "image_url": f"s3::https://{self.bucket}.s3.{self.config.region}.amazonaws.com/{image.key}",
            "image_sha256": image.sha256,
        }
        with self.data_center.inside():
            self._surveyor.submit(name, hcl, variables)

    def run_script(self, instance_id: str, script: str, timeout_seconds: float = 60.0) -> Ran:
        """Run a script on a node as root, past Systems Manager: for looking, not for changing."""
        run = Run(str(uuid.uuid4()), "lab", {}, script, {}, timeout_seconds)
        return self.hosts.run(instance_id, run)

    def rotate_secrets(self, *kinds: str) -> str:
        """Begin a rotation, of all that rotates unless told; the execution's ARN."""
        machine = names.state_machine(self.config.name, "rotate_secrets")
        given = {"secrets": kinds} if kinds else {}
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=f"arn:aws:states:{self.config.region}:{ACCOUNT}:stateMachine:{machine}",
            input=json.dumps(given),
        )
        return str(started["executionArn"])

    def sweep(self) -> None:
        """Do at once what the schedules would do in their time."""
        self.aws.fire_schedules()

    def expire_lease(self) -> str:
        """End the membership lease before its time; whose it was. Raises LookupError where nobody holds it."""
        return expire_lease(self.aws.client("dynamodb"), self.table_name)

    def age_certificates(self, days: float, *instance_ids: str) -> None:
        """Make the control plane believe that certificates, all unless told, were signed so many days earlier."""
        for instance_id in instance_ids or self.certificates():
            age_certificate(self.aws.client("dynamodb"), self.table_name, instance_id, days)

    def set_ca_generation(self, generation: int) -> None:
        """As a deploy of the changed cluster file does, as far as functions see: it is them who decide by it."""
        name = names.config_parameter(self.config.name)
        self.config = self.config.model_copy(update={"ca_generation": generation})
        ssm = self.aws.client("ssm")
        ssm.put_parameter(Name=name, Value=self.config.model_dump_json(), Type="String", Overwrite=True)

    # What it looks like.

    def certificates(self) -> dict[str, dict[str, Any]]:
        """What each node holds, by instance id: serial, not_before, not_after."""
        return read_certificates(self.aws.client("dynamodb"), self.table_name)

    def journal(self) -> list[dict[str, str]]:
        """What was decided and done about membership, the newest last."""
        return read_journal(self.aws.client("dynamodb"), self.table_name)

    def survey(self) -> Survey:
        with self.data_center.inside():
            return self._surveyor.survey()

    def nodes(self) -> list[NodeView]:
        return view_nodes(self.aws, self.config)

    def servers(self, product: Product) -> Mapping[str, str]:
        """Addresses of the running servers of a product, by instance id."""
        tag = {"Name": f"tag:{names.serves_tag(product)}", "Values": [self.config.name]}
        state = {"Name": "instance-state-name", "Values": ["running"]}
        pages = self.aws.client("ec2").get_paginator("describe_instances").paginate(Filters=[tag, state])
        return {
            instance["InstanceId"]: instance["PrivateIpAddress"]
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        }

    def formation(self) -> dict[str, Any]:
        """The formation record: status, attempt, reason. Empty before the first server arrives."""
        return read_formation(self.aws.client("dynamodb"), self.table_name)

    # Waiting.

    def wait_formed(self, timeout_seconds: float = 600.0) -> None:
        """Until formation has concluded and every node is in service. Raises FormationFailedError, LabTimeoutError."""
        ends_at = time.monotonic() + timeout_seconds
        self.wait_until(lambda: self._formed(), ends_at - time.monotonic(), self._how_far)
        self.wait_in_service(ends_at - time.monotonic())

    def wait_in_service(self, timeout_seconds: float = 600.0) -> None:
        """Until every group has as many instances in service as it should, and none on its way in or out."""
        self.wait_until(self._in_service, timeout_seconds, self._how_far)

    def wait_job(self, timeout_seconds: float = 180.0) -> JobSurvey:
        """Until the job that was submitted last runs and its service is healthy in Consul."""
        last: list[Survey] = []

        def healthy() -> bool:
            last[:] = [self.survey()]
            job = last[0].job
            return job is not None and job.running and job.healthy_in_consul > 0

        self.wait_until(healthy, timeout_seconds, lambda: f"job: {last[0].job}")
        job = last[0].job
        assert job is not None
        return job

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float, how_far: Callable[[], str]) -> None:
        ends_at = time.monotonic() + timeout_seconds
        while not condition():
            if time.monotonic() >= ends_at:
                raise LabTimeoutError(f"not within {timeout_seconds:.0f} s: {how_far()}")
            time.sleep(POLL_SECONDS * max(self._time_scale, 0.05))

    def _formed(self) -> bool:
        record = self.formation()
        given_up = int(record.get("attempt", 0)) >= MAXIMUM_ATTEMPTS
        if record.get("status") == "failed" and (given_up or not self._something_runs()):
            raise FormationFailedError(str(record.get("reason")))
        return record.get("status") == "formed"

    def _something_runs(self) -> bool:
        return any(execution.status == "RUNNING" for execution in self.aws.executions())

    def _in_service(self) -> bool:
        return all_in_service(self.aws.client("autoscaling"))

    def _how_far(self) -> str:
        record = self.formation()
        nodes = ", ".join(f"{node.instance_id} {node.state} {node.phase}".strip() for node in self.nodes())
        return f"formation {record.get('status', 'not begun')} ({record.get('reason', '-')}); {nodes or 'no nodes'}"

    @cached_property
    def table_name(self) -> str:
        resources = self.aws.client("cloudformation").describe_stack_resources(StackName=self.prepared.stack_name)
        tables = [r for r in resources["StackResources"] if r["ResourceType"] == "AWS::DynamoDB::Table"]
        return str(tables[0]["PhysicalResourceId"])
