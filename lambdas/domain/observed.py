"""From the answers of a Map state to the observation that is decided on."""

from collections.abc import Mapping, Sequence
from typing import Any

from lambdas.domain.config import PRODUCTS, ClusterConfig, Product
from lambdas.domain.membership.observation import Observation, Server
from lambdas.domain.membership.reports import Heard, Recorded, merge

Asked = Mapping[str, Any]
"""{"commands": [one command]} with `answers`, a list of one, or with `failure`: {Error, Cause}. An answer's `result` is
the JSON line of `node/observe`: by product what `reports` takes."""


def observe(
    config: ClusterConfig, servers: Sequence[Server], members: Sequence[Recorded], asked: Sequence[Asked]
) -> Observation:
    """A product that nobody was asked about is unknown, like one of which nobody told."""
    heard = [told for one in asked for told in _heard(one)]
    sizes: dict[Product, int] = {product: config.voters(product) for product in PRODUCTS}
    return Observation(servers=tuple(servers), rafts=merge(PRODUCTS, heard, members), sizes=sizes)


def _heard(asked: Asked) -> list[Heard]:
    failure = asked.get("failure", {})
    error = str(failure.get("Cause") or failure.get("Error") or "") if failure else ""
    told = {product: report for one in asked.get("answers", ()) for product, report in one["result"].items()}
    return [
        Heard(command["instance_id"], product, told.get(product), error)
        for command in asked["commands"]
        for product in command["parameters"]["Serves"].split(",")
    ]
