"""Tokens beside those that nodes use: what a rotation makes of each, and how the one before is known."""

from lambdas.domain.component import FileSet
from lambdas.domain.components.consul_access import access
from lambdas.domain.components.nomad import TOKENS
from lambdas.domain.config import ClusterConfig, Product


def reissued(config: ClusterConfig, product: Product, rotation: int) -> FileSet:
    """Values of `reissue`, for a server of `product`: it may write that product's secrets, whoever knows the tokens.

    A token of Consul is known by its accessor and its one before by their description; of Nomad, which chooses
    accessors itself, by a name that begins with `family`.
    """
    given = access(config.name, rotation)
    return FileSet(
        values={
            "management_secret": given["management_secret"],
            "consul_tokens": [entry for entry in given["tokens"] if entry["secret"].startswith(f"{product}/")],
            "nomad_tokens": [
                {
                    "secret": entry["secret"],
                    "family": entry["body"]["Name"],
                    "body": {**entry["body"], "Name": f"{entry['body']['Name']} rotation {rotation}"},
                }
                for entry in (TOKENS if product == "nomad" else ())
            ],
        }
    )
