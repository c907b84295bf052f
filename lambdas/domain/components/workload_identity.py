"""What Consul needs so that Nomad's workloads log in with their own identity.

Since Nomad 1.10 this is the only way for a job's service to get a Consul token. The names are those that `nomad setup
consul` gives and that Nomad's clients assume.
"""

from typing import Any

from lambdas.domain.components.host import CA_FILE
from lambdas.domain.config import ClusterConfig
from lambdas.domain.node import Node

AUDIENCE = "consul.io"
_AUTH_METHOD = "nomad-workloads"
_TASKS_POLICY = "policy-nomad-tasks"
_CLAIMS = ("consul_namespace", "nomad_job_id", "nomad_namespace", "nomad_service", "nomad_task")


def consul_objects(config: ClusterConfig, seed: Node) -> dict[str, Any]:
    """Policies, roles, auth method and binding rules, as Consul's API takes them."""
    return {
        "management_secret": "consul/management-token",
        "policies": [
            {
                "Name": _TASKS_POLICY,
                "Description": "Quorate: Nomad tasks",
                "Rules": 'key_prefix "" { policy = "read" }\n'
                'node_prefix "" { policy = "read" }\n'
                'service_prefix "" { policy = "read" }\n',
            }
        ],
        "roles": [
            {
                "Name": "nomad-default-tasks",
                "Description": "Quorate: tasks of Nomad's default namespace",
                "Policies": [{"Name": _TASKS_POLICY}],
            }
        ],
        "auth_methods": [
            {
                "body": {
                    "Name": _AUTH_METHOD,
                    "Type": "jwt",
                    "DisplayName": "Nomad workloads",
                    "TokenLocality": "local",
                    "Config": {
                        "JWKSURL": f"https://{_keys_address(config, seed)}:4646/.well-known/jwks.json",
                        "JWTSupportedAlgs": ["RS256"],
                        "BoundAudiences": [AUDIENCE],
                        "ClaimMappings": {claim: claim for claim in _CLAIMS},
                    },
                },
                "from_files": {"Config.JWKSCACert": CA_FILE},
            }
        ],
        "binding_rules": [
            {
                "AuthMethod": _AUTH_METHOD,
                "Description": "Quorate: services register as themselves",
                "BindType": "service",
                "BindName": "${value.nomad_service}",
                "Selector": '"nomad_service" in value',
            },
            {
                "AuthMethod": _AUTH_METHOD,
                "Description": "Quorate: tasks get the role of their namespace",
                "BindType": "role",
                "BindName": "nomad-${value.nomad_namespace}-tasks",
                "Selector": '"nomad_service" not in value',
            },
        ],
    }


def _keys_address(config: ClusterConfig, seed: Node) -> str:
    """Where Consul servers fetch Nomad's keys: each from the Nomad server beside it, where all have one.

    Otherwise from the seed, which holds as long as that server lives.
    """
    beside = all("nomad" in group.serves for group in config.server_groups if "consul" in group.serves)
    return "127.0.0.1" if beside else seed.private_ip
