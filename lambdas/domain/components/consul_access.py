"""Who may do what in Consul: the policies and tokens that formation makes before anything uses them."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

_RULES = {
    # Registers every node, runs Raft and autopilot, leaves, takes gossip from one key to the next.
    "agent-server": (
        'agent_prefix "" { policy = "write" }\n'
        'node_prefix "" { policy = "write" }\n'
        'service_prefix "" { policy = "read" }\n'
        'service "vault" { policy = "write" }\n'
        'operator = "write"\n'
        'keyring = "write"\n'
    ),
    # No `agent` write: all clients share this token, and with it one of them could make a server leave.
    "agent-client": (
        'agent_prefix "" { policy = "read" }\n'
        'node_prefix "" { policy = "write" }\n'
        'service_prefix "" { policy = "read" }\n'
        # To Consul a server of Vault alone is a client. Nomad's token on the same nodes may register any service.
        'service "vault" { policy = "write" }\n'
    ),
    # No `acl` write: since Nomad 1.10 tokens of workloads come from the auth method, not from the servers.
    "nomad-server": (
        'agent_prefix "" { policy = "read" }\n'
        'node_prefix "" { policy = "read" }\n'
        'service_prefix "" { policy = "write" }\n'
    ),
    "nomad-client": (
        'agent_prefix "" { policy = "read" }\n'
        'node_prefix "" { policy = "read" }\n'
        'service_prefix "" { policy = "write" }\n'
    ),
}

_SECRETS = {
    "agent-server": "consul/agent-token-server",
    "agent-client": "consul/agent-token-client",
    "nomad-server": "nomad/consul-token-server",
    "nomad-client": "nomad/consul-token-client",
}


def access(cluster: str, rotation: int = 0) -> dict[str, Any]:
    """Values of Consul's `bootstrap`; a token's `SecretID` is in the named secret before the token is made.

    Each rotation has accessors of its own, so that its tokens stand beside those before.
    """
    again = f":{rotation}" if rotation else ""
    return {
        "management_secret": "consul/management-token",
        "policies": [
            {"Name": f"quorate-{name}", "Description": f"Quorate: {name}", "Rules": rules}
            for name, rules in _RULES.items()
        ],
        "tokens": [
            {
                "secret": _SECRETS[name],
                "body": {
                    "AccessorID": str(uuid5(NAMESPACE_URL, f"quorate:{cluster}:consul:{name}{again}")),
                    "Description": f"Quorate: {name}",
                    "Policies": [{"Name": f"quorate-{name}"}],
                },
            }
            for name in _RULES
        ],
    }
