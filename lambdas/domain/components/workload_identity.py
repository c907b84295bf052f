"""What Consul and Vault need so that Nomad's workloads log in with their own identity.

Since Nomad 1.10 this is the only way for a job to get a token of either. The names are those that `nomad setup consul`
and `nomad setup vault` give and that Nomad's clients assume.
"""

from typing import Any

from lambdas.domain.certificate import service_name
from lambdas.domain.components.host import CA_FILE
from lambdas.domain.config import ClusterConfig, Product

CONSUL_AUDIENCE = "consul.io"
VAULT_AUDIENCE = "vault.io"

VAULT_AUTH = "jwt-nomad"
"""Where Vault's auth method for workloads is mounted."""

VAULT_ROLE = "nomad-workloads"
"""Of that auth method, and of its policy: Nomad's clients ask for none, so it is the default."""

SECRETS = "secret"
"""The KV engine (version 2) whose secrets below `<namespace>/<job>` that job reads."""

_JOB = "quorate_job"
VAULT_IDENTITY = {"aud": [VAULT_AUDIENCE], "ttl": "1h", "extra_claims": {_JOB: "${job.namespace}/${job.id}"}}
"""Of a task with a `vault` block. `nomad setup vault` knows a workload by its job id alone: then jobs of the same id
in two namespaces are one entity of Vault, whose metadata, and with it what its policy allows, is the last login's."""

_AUTH_METHOD = "nomad-workloads"
_TASKS_POLICY = "policy-nomad-tasks"
_CLAIMS = ("consul_namespace", "nomad_job_id", "nomad_namespace", "nomad_service", "nomad_task")


def consul_objects(config: ClusterConfig) -> dict[str, Any]:
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
                        "JWKSURL": keys_url(config, "consul"),
                        "JWTSupportedAlgs": ["RS256"],
                        "BoundAudiences": [CONSUL_AUDIENCE],
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


def vault_objects() -> dict[str, Any]:
    """Of `vault_init`'s values, what workloads need. The auth method's configuration is `vault_keys`': it cannot be
    written before Nomad answers."""
    return {
        "mounts": {
            SECRETS: {"type": "kv", "options": {"version": "2"}, "description": "Secrets of jobs: <namespace>/<job>"}
        },
        "auth": {VAULT_AUTH: {"type": "jwt", "description": "Nomad's workloads, by their identity"}},
        "policies": {VAULT_ROLE: _WORKLOAD_POLICY},
        "writes": [
            {
                "path": f"auth/{VAULT_AUTH}/role/{VAULT_ROLE}",
                "body": {
                    "role_type": "jwt",
                    "bound_audiences": [VAULT_AUDIENCE],
                    "user_claim": f"/extra_claims/{_JOB}",
                    "user_claim_json_pointer": True,
                    "claim_mappings": {claim: claim for claim in ("nomad_namespace", "nomad_job_id", "nomad_task")},
                    "token_type": "service",
                    "token_period": "30m",
                    "token_policies": [VAULT_ROLE],
                },
                "from_files": {},
            }
        ],
    }


_METADATA = "identity.entity.aliases.<accessor of jwt-nomad>.metadata"
_OWN = f"{{{{{_METADATA}.nomad_namespace}}}}/{{{{{_METADATA}.nomad_job_id}}}}"
_WORKLOAD_POLICY = f"""\
path "{SECRETS}/data/{_OWN}" {{ capabilities = ["read"] }}
path "{SECRETS}/data/{_OWN}/*" {{ capabilities = ["read"] }}
path "{SECRETS}/metadata/{_OWN}/*" {{ capabilities = ["list"] }}
"""
"""Each job what lies under its own name. `<accessor of ...>` is filled in where the method is mounted
(vault_setup.sh): Vault chooses it."""


def keys_policy(config: ClusterConfig) -> str:
    """What lets a server of Vault point the auth method to Nomad's keys, there and nowhere else. The CA stays open:
    authorities change."""
    body = _keys(config)
    fixed = "".join(f'    "{name}" = ["{value}"]\n' for name, value in body.items())
    return f"""\
path "{_KEYS_PATH}" {{
  capabilities = ["update"]
  required_parameters = ["jwks_url"]
  allowed_parameters = {{
    "jwks_ca_pem" = []
{fixed}  }}
}}
"""


def vault_keys(config: ClusterConfig) -> dict[str, Any]:
    """Where Vault finds the keys that Nomad signs identities with. Vault looks at once, and refuses what does not
    answer."""
    return {"writes": [{"path": _KEYS_PATH, "body": _keys(config), "from_files": {"jwks_ca_pem": CA_FILE}}]}


_KEYS_PATH = f"auth/{VAULT_AUTH}/config"


def _keys(config: ClusterConfig) -> dict[str, str]:
    return {"jwks_url": keys_url(config, "vault"), "jwt_supported_algs": "RS256", "default_role": VAULT_ROLE}


def keys_url(config: ClusterConfig, product: Product) -> str:
    """Where servers of `product` fetch Nomad's keys: each from the Nomad server beside it, where all have one, and
    else from whichever there are by Consul's DNS."""
    beside = all("nomad" in group.serves for group in config.server_groups if product in group.serves)
    return f"https://{'127.0.0.1' if beside else service_name('nomad')}:4646/.well-known/jwks.json"
