"""The floor under formation: hosts as Auto Scaling would launch them, and one plain script on each, all at once.

The hosts, the embedded AWS that they discover each other and unseal by, the artifacts, the configuration and its
security are those of `lab.laboratory`. What is not there: events, state machines, Lambdas, documents, task tokens.
"""

import json
import shlex
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from lab.assembly import ACCOUNT
from lab.aws import EmbeddedAws
from lab.bench.floor_node import Member, Trust, pack, seed_members
from lab.bench.last_words import LAST_WORDS, last_words
from lab.data_center import ContainerDataCenter
from lab.hosts.seam import Ran
from lab.laboratory import JOBS, SAMPLE_JOB
from lab.preparation import Prepared
from lab.products.manifest import manifest_of, upload
from lab.survey.apis import Apis
from lambdas.domain import names
from lambdas.domain.artifacts import Manifest
from lambdas.domain.components import COMPONENTS, role_of
from lambdas.domain.config import ClientPool, Product, ServerGroup
from lambdas.domain.node import Instance, Node, describe_node

SCRIPTS = Path(__file__).parent / "floor"
ROLE = "floor-node"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}],
}
LINKS_SECONDS = 3600
RUNNING = {"Name": "instance-state-name", "Values": ["running"]}
FAILED = f"[[ ! -e /run/floor_failed ]] || {{ echo failed; {LAST_WORDS} }}"


class FloorFailedError(Exception):
    """The plain script failed, or went on too long; the message is its last words."""


class Floor:
    """Everything is ready when it is entered, but the hosts are off."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self.config = prepared.config
        self._stack = ExitStack()
        self._problems: list[str] = []

    def __enter__(self) -> "Floor":
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _open(self) -> None:
        self.data_center = ContainerDataCenter(self._prepared)
        self._stack.callback(self.data_center.close)
        hosts = self.data_center.hosts
        self.aws = self._stack.enter_context(EmbeddedAws(hosts, self.config.region, ACCOUNT))
        self._stack.callback(hosts.release)
        self.data_center.connect(self.aws)
        self._bucket = names.bucket(self.config.name, ACCOUNT, self.config.region)
        self._manifest = self._fill_bucket()
        self._trust = Trust.make(self.config)
        self._keep_secrets()
        self._kms_key_id = self.aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
        self._nodes: list[Node] = []
        self._run_instances()
        self.apis = Apis(self.aws.client, self.config)

    # As the laboratory has them.

    def servers(self, product: Product) -> Mapping[str, str]:
        """Addresses of the running servers of a product, by instance id."""
        running = self.aws.client("ec2").describe_instances(Filters=[RUNNING])["Reservations"]
        ids = {instance["InstanceId"] for reservation in running for instance in reservation["Instances"]}
        serving = (node for node in self._nodes if product in node.serves)
        return {node.instance_id: node.private_ip for node in serving if node.instance_id in ids}

    def run_script(self, instance_id: str, script: str, timeout_seconds: float = 60.0) -> Ran:
        done = self.data_center.containers.call(instance_id, ["/bin/bash", "-c", script])
        return Ran(done.returncode, done.stdout, done.stderr)

    def launch(self) -> float:
        """Switch the hosts on, which run the script by themselves; returns when, on the monotonic clock."""
        started_at = time.monotonic()
        self.data_center.hosts.release()
        return started_at

    def check(self) -> None:
        """Raises FloorFailedError where a script has failed."""
        for node in self._nodes:
            words = self.data_center.look(node.instance_id, FAILED)
            if words.startswith("failed"):
                raise FloorFailedError(f"{node.instance_id}: {words}")

    def last_words(self) -> str:
        return last_words(self.data_center, {node.instance_id: node.group for node in self._nodes})

    # What is ready beforehand.

    def _fill_bucket(self) -> Manifest:
        s3 = self.aws.client("s3")
        s3.create_bucket(Bucket=self._bucket, CreateBucketConfiguration={"LocationConstraint": self.config.region})
        manifest = manifest_of(self._prepared.artifacts)
        upload(s3, self._bucket, self._prepared.artifacts, manifest)
        return manifest

    def _keep_secrets(self) -> None:
        """Where an operator's tools look for them; nodes get theirs with their configuration."""
        client = self.aws.client("secretsmanager")
        for name, value in self._trust.secrets.items():
            client.create_secret(Name=names.secrets_prefix(self.config.name) + name, SecretString=value)
        self.aws.client("ssm").put_parameter(
            Name=names.ca_parameter(self.config.name), Value=self._trust.certificate, Type="String"
        )

    def _run_instances(self) -> None:
        """They stay off: each has its address, which its certificate must name, and a script to find when it boots."""
        iam, ec2 = self.aws.client("iam"), self.aws.client("ec2")
        iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName=ROLE, PolicyName="node", PolicyDocument=json.dumps(self._policy()))
        iam.create_instance_profile(InstanceProfileName=ROLE)
        iam.add_role_to_instance_profile(InstanceProfileName=ROLE, RoleName=ROLE)
        cidr = self.config.network.cidr
        vpc = ec2.create_vpc(CidrBlock=str(cidr))["Vpc"]["VpcId"]
        block = next(cidr.subnets(new_prefix=max(cidr.prefixlen, 20)))
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=str(block))["Subnet"]["SubnetId"]
        for group in self.config.groups:
            for _ in range(group.size if isinstance(group, ServerGroup) else group.minimum):
                self._nodes.append(self._run_instance(group, subnet, len(self._nodes)))
        for number, node in enumerate(self._nodes):
            body = pack(self._trust, node, self._kms_key_id, self._seeding(node) if number == 0 else ())
            self.aws.client("s3").put_object(Bucket=self._bucket, Key=_configuration(number), Body=body)

    def _policy(self) -> dict[str, Any]:
        """What the products do by themselves: find each other, unseal Vault, fetch a job's image."""
        key = f"arn:aws:kms:{self.config.region}:{ACCOUNT}:key/{self._kms_key_id}"
        return {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"},
                {"Effect": "Allow", "Action": ["kms:DescribeKey", "kms:Encrypt", "kms:Decrypt"], "Resource": key},
                {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{self._bucket}/*"},
            ],
        }

    def _run_instance(self, group: ServerGroup | ClientPool, subnet: str, number: int) -> Node:
        serves = group.serves if isinstance(group, ServerGroup) else ()
        tags = [{"Key": names.serves_tag(product), "Value": self.config.name} for product in serves]
        made: dict[str, Any] = self.aws.client("ec2").run_instances(
            ImageId="ami-0f1000000000000000",
            MinCount=1,
            MaxCount=1,
            InstanceType=group.instance_type,
            SubnetId=subnet,
            IamInstanceProfile={"Name": ROLE},
            UserData=self._script(group, number),
            TagSpecifications=[{"ResourceType": "instance", "Tags": [*tags, {"Key": "Name", "Value": group.name}]}],
        )["Instances"][0]
        instance = Instance(
            instance_id=made["InstanceId"],
            private_ip=made["PrivateIpAddress"],
            availability_zone=made["Placement"]["AvailabilityZone"],
        )
        return describe_node(self.config, instance, names.autoscaling_group(self.config.name, group.name))

    def _seeding(self, seed: Node) -> list[Member]:
        image = self._manifest.image("hello", seed)
        variables = {
            "image_url": f"s3::https://{self._bucket}.s3.{self.config.region}.amazonaws.com/{image.key}",
            "image_sha256": image.sha256,
        }
        job = (JOBS / f"{SAMPLE_JOB}.nomad.hcl").read_text()
        clients = {
            self._link(_introduction(number), "put_object"): node
            for number, node in enumerate(self._nodes)
            if node.kind == "client"
        }
        return seed_members(self._trust, seed, (SCRIPTS / "seed.sh").read_text(), job, variables, clients)

    def _script(self, group: ServerGroup | ClientPool, number: int) -> str:
        """node.sh with its parameters, as user data."""
        role, config = role_of(group), self.config
        wanted = {"prerequisites": f"prerequisites_{config.system}_{config.architecture}"}
        products = []
        for one in COMPONENTS:
            if one.artifact is None or not one.takes_part(role):
                continue
            if one.artifact == "docker":
                wanted |= {"docker": f"docker_{config.system}_{config.architecture}"}
                wanted |= {"pause": f"pause_image_{config.architecture}"}
            else:
                wanted[one.artifact] = f"{one.artifact}_linux_{config.architecture}"
            if one.product:
                products.append(one.name)
        given = {"FLOOR_PRODUCTS": " ".join(products), "FLOOR_node_URL": self._link(_configuration(number))}
        if role.kind == "client":
            given |= {"FLOOR_introduction_URL": self._link(_introduction(number))}
        for name, entry in wanted.items():
            artifact = self._manifest.artifacts[entry]
            given |= {f"FLOOR_{name}_URL": self._link(artifact.key), f"FLOOR_{name}_SHA256": artifact.sha256}
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in given.items())
        shebang, _, script = (SCRIPTS / "node.sh").read_text().partition("\n")
        return f"{shebang}\n{exports}{script}"

    def _link(self, key: str, action: Literal["get_object", "put_object"] = "get_object") -> str:
        given = {"Bucket": self._bucket, "Key": key}
        return str(self.aws.client("s3").generate_presigned_url(action, Params=given, ExpiresIn=LINKS_SECONDS))


# Keys in the bucket, by the number of the node.


def _configuration(number: int) -> str:
    return f"floor/{number}.tar"


def _introduction(number: int) -> str:
    return f"floor/{number}.introduction.json"
