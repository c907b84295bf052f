"""Called by node_launch and renew_certificates: SignCertificate. The node's request, our names, the CA's key in KMS."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.aws import authority, bucket, cluster_config, journal
from lambdas.domain.authorities import trusted
from lambdas.domain.certificate import make_authority, names_for, sign
from lambdas.domain.config import ClusterConfig
from lambdas.domain.errors import BadParameter
from lambdas.domain.membership.journal import Entry
from lambdas.domain.names import ca_parameter
from lambdas.domain.node import Node
from lambdas.domain.plans.joining import pack_certificate
from lambdas.domain.renewal import Issued
from lambdas.observability import decided, entry, once
from lambdas.settings import Settings

SERIAL_BITS = 159
"""RFC 5280 allows 20 octets, positive; CA/Browser Forum asks for 64 random bits at least."""


@entry
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """`event`: {"node": Node, "installed": results of Install or Request, "execution"}. Returns {"delivery",
    "issued": Issued, "pem": the certificate}. Raises BadParameter for a request that asks for more than a node gets;
    the journal says so."""
    settings = Settings.from_environment()
    node = Node.model_validate(event["node"])
    try:
        request = find_request(event["installed"])
        return once(
            settings.table_name,
            f"certificate#{node.instance_id}#{request}",
            lambda: _sign(settings, node, request),
            context,
        )
    except BadParameter as refusal:
        told = Entry(settings.cluster_name, node.instance_id, event["execution"], "certificate", "refuse", str(refusal))
        journal.write(settings.table_name, told)
        raise


def find_request(installed: list[dict[str, Any]]) -> str:
    """What a node prints is input: anything may be in it."""
    for one in installed:
        if one["component"] == "ca" and isinstance(request := one["result"].get("certificate_request"), str):
            return request
    raise BadParameter("the node returned no certificate request")


def _sign(settings: Settings, node: Node, request: str) -> dict[str, Any]:
    config = cluster_config.load(settings.config_parameter)
    generation, keys = settings.signing(config), settings.authority_keys
    authorities = {one: _authority(config, keys, one) for one in trusted(generation, len(keys))}
    signer = authority.KmsSigner(keys[generation - 1])
    now, days, serial = datetime.now(UTC), config.certificate_days, secrets.randbits(SERIAL_BITS)
    certificate = sign(
        request, names_for(config, node), authorities[generation], signer, now=now, days=days, serial=serial
    )
    parcel = pack_certificate(config, node, certificate=certificate, authority="".join(authorities.values()))
    bucket.deliver(settings, [parcel])
    decided(f"signed for {node.kind} {node.instance_id}, {days} days", node=node.instance_id, serial=f"{serial:x}")
    issued = Issued(
        instance_id=node.instance_id,
        serial=f"{serial:x}",
        not_before=now.timestamp(),
        not_after=(now + timedelta(days=days)).timestamp(),
        authority=generation,
    )
    return {"delivery": parcel.delivery.model_dump(), "issued": issued.model_dump(), "pem": certificate}


def _authority(config: ClusterConfig, keys: Sequence[str], generation: int) -> str:
    """Its certificate, PEM; made by whoever comes first."""
    parameter = ca_parameter(config.name, generation)
    if found := authority.read_certificate(parameter):
        return found
    signer = authority.KmsSigner(keys[generation - 1])
    serial = secrets.randbits(SERIAL_BITS)
    made = make_authority(config, signer, now=datetime.now(UTC), serial=serial, generation=generation)
    return authority.keep_certificate(parameter, made)
