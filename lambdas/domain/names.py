"""Every name that the stack gives and the Lambdas rely on, in one place."""

from collections.abc import Mapping

from lambdas.domain.config import Product


def autoscaling_group(cluster: str, group: str) -> str:
    return f"quorate-{cluster}-{group}"


def group_of(cluster: str, autoscaling_group_name: str) -> str | None:
    """The group's own name, or None where the Auto Scaling group is not of this cluster."""
    prefix = autoscaling_group(cluster, "")
    return autoscaling_group_name.removeprefix(prefix) if autoscaling_group_name.startswith(prefix) else None


def document(cluster: str, component: str, phase: str) -> str:
    return f"quorate-{cluster}-{component}-{phase}"


def session_document(cluster: str) -> str:
    return f"quorate-{cluster}-session"


def state_machine(cluster: str, flow: str) -> str:
    return f"quorate-{cluster}-{flow}"


def function(cluster: str, handler: str) -> str:
    return f"quorate-{cluster}-{handler}"


def log_group(cluster: str, what: str) -> str:
    return f"/quorate/{cluster}/{what}"


def workflow_log_group(cluster: str) -> str:
    """Under this prefix Step Functions needs no entry in the account's one resource policy, which is short."""
    return f"/aws/vendedlogs/states/quorate-{cluster}"


def bucket(cluster: str, account: str, region: str) -> str:
    """Bucket names are global: account and region keep two users of one cluster name apart."""
    return f"quorate-{cluster}-{account}-{region}"


def secrets_prefix(cluster: str) -> str:
    return f"quorate/{cluster}/"


def config_parameter(cluster: str) -> str:
    return f"/quorate/{cluster}/config"


def ca_parameter(cluster: str, generation: int = 1) -> str:
    return f"/quorate/{cluster}/ca-certificate" + (f"-{generation}" if generation > 1 else "")


SECRET_NAMES = (
    "consul/gossip-key",
    "consul/management-token",
    "consul/agent-token-server",
    "consul/agent-token-client",
    "nomad/gossip-key",
    "nomad/management-token",
    "nomad/consul-token-server",
    "nomad/consul-token-client",
    "nomad/operator-token-server",
    "nomad/operator-token-client",
    "nomad/membership-token",
    "nomad/introduction-token",
    "vault/recovery-keys",
)

SEALED_SECRETS: Mapping[str, tuple[Product, ...]] = {
    "consul/management-token": ("consul", "nomad"),
    "nomad/management-token": ("nomad",),
    "vault/recovery-keys": ("vault",),
}
"""What only a break-glass role reads; until the cluster is formed, so do the seeds of these products. Nomad's makes
Consul's auth method for workload identities."""

PROBE_LABEL = "QUORATE_PROBE"
"""Label of a secret's version that was written to see that the secret keeps what it is given."""

LAUNCH_HOOK = "quorate-launch"
TERMINATE_HOOK = "quorate-terminate"
CLUSTER_TAG = "quorate:cluster"
NODE_TAG = "quorate:node"
"""On what is for one node alone: the ARN of its instance, which a node's role compares with its own."""
GROUP_TAG = "quorate:group"


def serves_tag(product: str) -> str:
    """Tag by which the product's own cloud auto-join finds its servers; its value is the cluster's name."""
    return f"quorate:serves:{product}"


def seed_tag(product: str) -> str:
    """Tag of a sealed secret: the ARN of the instance that may read it as the seed of `product`."""
    return f"quorate:seed:{product}"
