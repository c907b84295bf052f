"""The lab's certificate authority, which makes AWS's own host names good over TLS inside the lab."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFE = datetime.timedelta(days=3650)
SERVER_LIFE = datetime.timedelta(days=397)  # what clients accept at most of a public server


@dataclass(frozen=True)
class KeyPair:
    """PEM files of a certificate and its private key."""

    certificate: Path
    key: Path


class Authority:
    """Made once in `directory`, then read from there. It is trusted by the lab's hosts and by nobody else."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.pair = KeyPair(directory / "ca.pem", directory / "ca.key")
        if not (self.pair.certificate.exists() and self.pair.key.exists()):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make()

    def server_pair(self, region: str, addresses: Iterable[str] = ()) -> KeyPair:
        """A fresh certificate for all the names under which a region's services are called."""
        issuer = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())
        issuer_key = serialization.load_pem_private_key(self.pair.key.read_bytes(), password=None)
        assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in endpoint_names(region)]
        names += [x509.IPAddress(_ipv4(address)) for address in addresses]
        certificate = (
            _draft(f"AWS in {region}, as the lab has it", issuer.subject, key.public_key(), SERVER_LIFE)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        pair = KeyPair(self._directory / f"aws-{region}.pem", self._directory / f"aws-{region}.key")
        _write(pair, certificate, key)
        return pair

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Quorate lab CA")])
        certificate = (
            _draft("Quorate lab CA", name, key.public_key(), CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self.pair, certificate, key)


def endpoint_names(region: str) -> list[str]:
    """Every shape of an AWS endpoint's name; a wildcard stands for one label only."""
    return [
        f"*.{region}.amazonaws.com",  # ec2.<region>.amazonaws.com and nearly all others
        f"*.{region}.api.aws",  # the dual-stack names, which Consul's discovery asks for
        f"*.s3.{region}.amazonaws.com",  # a bucket's name before the service's
        f"s3.dualstack.{region}.amazonaws.com",
        f"*.s3.dualstack.{region}.amazonaws.com",
        f"*.ddb.{region}.amazonaws.com",  # DynamoDB's account endpoints
        "*.amazonaws.com",  # sts, iam and other global services
        "*.s3.amazonaws.com",
    ]


def _draft(
    common_name: str, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, life: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + life)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _ipv4(address: str) -> IPv4Address:
    parsed = ip_address(address)
    assert isinstance(parsed, IPv4Address)
    return parsed


def _write(pair: KeyPair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    pair.key.touch(mode=0o600)
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
