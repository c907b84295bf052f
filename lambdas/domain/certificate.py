"""X.509 of the cluster: its authority, and the certificates of its nodes.

Pure: the key that signs is given (in an account it is a KMS key that answers `sign` and nothing else), so is the time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lambdas.domain.certificate_request import read_key
from lambdas.domain.config import ClusterConfig, Product
from lambdas.domain.errors import NodeFailed
from lambdas.domain.node import Node

AUTHORITY_DAYS = 3650
BACKDATED_MINUTES = 5
"""A node whose clock is a little slow must not find its certificate "not yet valid"."""


@dataclass(frozen=True)
class Names:
    """Whom a certificate speaks of: decided from the instance, never from what the node asks for."""

    common_name: str
    dns: tuple[str, ...]
    addresses: tuple[str, ...]

    @property
    def every(self) -> frozenset[str]:
        return frozenset((self.common_name, *self.dns, *self.addresses))


def names_for(config: ClusterConfig, node: Node) -> Names:
    """A `server.` name for each product that the node serves; `client.` names make nobody a server."""
    own = own_name(config.name, node.instance_id)
    consul = "server" if "consul" in node.serves else "client"
    nomad = "server" if "nomad" in node.serves else "client"
    dns = [f"{consul}.{config.datacenter}.consul", f"{nomad}.{config.nomad_region}.nomad"]
    if "vault" in node.serves:
        dns.append(vault_server_name(config))
    dns += [service_name(product) for product in REACHED_BY_NAME if product in node.serves]
    return Names(own, (*dns, own, "localhost"), ("127.0.0.1", node.private_ip))


def own_name(cluster: str, instance_id: str) -> str:
    """Whose a node's certificate is: its common name."""
    return f"{instance_id}.{cluster}.quorate"


def vault_server_name(config: ClusterConfig) -> str:
    """In the certificate of every Vault server, and of nobody else."""
    return f"server.{config.datacenter}.vault"


REACHED_BY_NAME: tuple[Product, ...] = ("vault", "nomad")
"""Products whose servers, whichever they are by now, are found in Consul's DNS."""


def service_name(product: Product) -> str:
    """Where Consul's DNS, on each node, names the servers of `product` that are well. In their certificates, and in
    nobody else's: who answers there without being one of them is not believed."""
    return f"{product}.service.consul"


def make_authority(
    config: ClusterConfig, signer: ec.EllipticCurvePrivateKey, *, now: datetime, serial: int, generation: int = 1
) -> str:
    """The authority's own certificate, PEM: signs nodes, no further authorities."""
    name = _subject(f"Quorate {config.name} authority" + (f" {generation}" if generation > 1 else ""))
    public_key = signer.public_key()
    return _pem(
        _builder(name, name, now, AUTHORITY_DAYS, serial)
        .public_key(public_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(signer, hashes.SHA256())
    )


def sign(
    request_pem: str,
    names: Names,
    authority_pem: str,
    signer: ec.EllipticCurvePrivateKey,
    *,
    now: datetime,
    days: int,
    serial: int,
) -> str:
    """The node's certificate, PEM: the request's key, our names.

    Raises BadParameter for a request that we refuse, NodeFailed where the authority itself is not fit to sign.
    """
    public_key = read_key(request_pem, names.every)
    authority = x509.load_pem_x509_certificate(authority_pem.encode())
    if authority.public_key() != signer.public_key():
        raise NodeFailed(
            "the authority's certificate is not of the key that signs: restore the one that was made for it"
        )
    if authority.not_valid_after_utc < now.astimezone(UTC) + timedelta(days=days):
        raise NodeFailed(
            f"the authority ends on {authority.not_valid_after_utc:%Y-%m-%d}, within {days} days: renew it"
        )
    encipherment = isinstance(public_key, rsa.RSAPublicKey)
    return _pem(
        _builder(_subject(names.common_name), authority.subject, now, days, serial)
        .public_key(public_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            # The latter for what is sealed to a node: an elliptic curve agrees on a key (RFC 5753, 2).
            _key_usage(digital_signature=True, key_encipherment=encipherment, key_agreement=not encipherment),
            critical=True,
        )
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(_alternative_names(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _builder(subject: x509.Name, issuer: x509.Name, now: datetime, days: int, serial: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(serial)
        .not_valid_before(now - timedelta(minutes=BACKDATED_MINUTES))
        .not_valid_after(now + timedelta(days=days))
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative_names(names: Names) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [
            *(x509.DNSName(name) for name in names.dns),
            *(x509.IPAddress(IPv4Address(address)) for address in names.addresses),
        ]
    )


def _key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_agreement: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=key_agreement,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
