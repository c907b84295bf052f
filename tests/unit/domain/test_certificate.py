"""What nodes get signed, and what is refused whatever they ask for."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from lambdas.domain.certificate import make_authority, names_for, sign
from lambdas.domain.config import ClusterConfig
from lambdas.domain.errors import BadParameter, NodeFailed
from lambdas.domain.node import Node
from tests.builders import a_config, a_node

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
SIGNER = ec.generate_private_key(ec.SECP256R1())
NODE_KEY = ec.generate_private_key(ec.SECP256R1())
AUTHORITY = make_authority(a_config(), SIGNER, now=NOW, serial=1)


def a_request(key: Any = NODE_KEY, *extensions: x509.ExtensionType, common_name: str | None = None) -> str:
    """A node's request, as `ca install` makes it, and whatever else somebody asks for."""
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "quorate")]
    if common_name is not None:
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


def signed(
    node: Node, request: str | None = None, config: ClusterConfig | None = None, **more: Any
) -> x509.Certificate:
    pem = sign(
        request or a_request(),
        names_for(config or a_config(), node),
        more.pop("authority", AUTHORITY),
        more.pop("signer", SIGNER),
        now=NOW,
        days=more.pop("days", 365),
        serial=2,
    )
    return x509.load_pem_x509_certificate(pem.encode())


def key_usage(**only: bool) -> x509.KeyUsage:
    usages = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
        " encipher_only decipher_only"
    )
    return x509.KeyUsage(**{usage: only.get(usage, False) for usage in usages.split()})


def extension(certificate: x509.Certificate, kind: type[Any]) -> Any:
    return certificate.extensions.get_extension_for_class(kind).value


def dns_names(certificate: x509.Certificate) -> list[str]:
    names: list[str] = extension(certificate, x509.SubjectAlternativeName).get_values_for_type(x509.DNSName)
    return names


def test_a_server_gets_the_names_of_what_it_serves() -> None:
    assert dns_names(signed(a_node())) == [
        "server.dc1.consul",
        "server.global.nomad",
        "server.dc1.vault",
        "vault.service.consul",
        "nomad.service.consul",
        "i-00000000000000001.demo.quorate",
        "localhost",
    ]


def test_a_client_gets_no_servers_name() -> None:
    certificate = signed(a_node(group="default"))
    assert dns_names(certificate) == [
        "client.dc1.consul",
        "client.global.nomad",
        "i-00000000000000001.demo.quorate",
        "localhost",
    ]
    assert certificate.subject.rfc4514_string() == "CN=i-00000000000000001.demo.quorate"


def test_a_request_may_repeat_the_names_that_its_node_gets() -> None:
    names = names_for(a_config(), a_node())
    addresses = [x509.IPAddress(IPv4Address(address)) for address in names.addresses]
    own = x509.SubjectAlternativeName([*map(x509.DNSName, names.dns), *addresses])
    assert signed(a_node(), a_request(NODE_KEY, own, common_name=names.common_name))


SERVERS_NAMES = ("server.dc1.consul", "server.global.nomad", "server.dc1.vault", "i-00000000000000002.demo.quorate")


@pytest.mark.parametrize("name", [*SERVERS_NAMES, "*", "*.dc1.consul", "example.com", "10.77.0.12"])
def test_a_client_that_asks_for_another_name_is_refused(name: str) -> None:
    wanted = "asks for the name '" + re.escape(name) + "': names are decided here"
    general = x509.IPAddress(IPv4Address(name)) if name[0].isdigit() else x509.DNSName(name)
    for request in (
        a_request(common_name=name),
        a_request(NODE_KEY, x509.SubjectAlternativeName([x509.DNSName("localhost"), general])),
    ):
        with pytest.raises(BadParameter, match=wanted):
            signed(a_node(group="default"), request)


@pytest.mark.parametrize(
    "name",
    [
        x509.UniformResourceIdentifier("spiffe://dc1.consul/agent/server/dc/dc1/id/i-1"),
        x509.RFC822Name("root@server.dc1.vault"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
        x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])),
        x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
    ],
    ids=lambda name: type(name).__name__,
)
def test_other_kinds_of_names_are_refused(name: x509.GeneralName) -> None:
    with pytest.raises(BadParameter, match="asks for the name"):
        signed(a_node(), a_request(NODE_KEY, x509.SubjectAlternativeName([name])))


def test_a_server_of_one_product_is_a_client_of_the_others() -> None:
    config = a_config(
        server_groups=[{"name": "vault", "serves": ["vault"]}, {"name": "rest", "serves": ["consul", "nomad"]}]
    )
    assert dns_names(signed(a_node(group="vault", config=config), config=config))[:3] == [
        "client.dc1.consul",
        "client.global.nomad",
        "server.dc1.vault",
    ]


def test_a_pools_own_datacenter_is_nomads_and_not_in_the_name() -> None:
    config = a_config(client_pools=[{"name": "far", "datacenter": "dc2"}])
    assert "client.dc1.consul" in dns_names(signed(a_node(group="far", config=config), config=config))


def test_addresses_are_loopback_and_the_nodes_own() -> None:
    alternatives = extension(signed(a_node(3)), x509.SubjectAlternativeName)
    assert alternatives.get_values_for_type(x509.IPAddress) == [IPv4Address("127.0.0.1"), IPv4Address("10.77.0.13")]


def test_a_certificate_is_for_both_ends_of_a_connection_and_no_authority() -> None:
    certificate = signed(a_node())
    assert list(extension(certificate, x509.ExtendedKeyUsage)) == [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ]
    assert extension(certificate, x509.BasicConstraints).ca is False
    usage = extension(certificate, x509.KeyUsage)
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, False, False)
    assert certificate.public_key() == NODE_KEY.public_key()


def test_a_certificate_is_valid_a_little_before_it_was_made() -> None:
    certificate = signed(a_node(), days=30)
    assert certificate.not_valid_before_utc == NOW - timedelta(minutes=5)
    assert certificate.not_valid_after_utc == NOW + timedelta(days=30)


@pytest.mark.parametrize("group", ["servers", "default"])
def test_a_strict_verifier_accepts_both_ends(group: str) -> None:
    certificate = signed(a_node(group=group))
    authority = x509.load_pem_x509_certificate(AUTHORITY.encode())
    policy = PolicyBuilder().store(Store([authority])).time(NOW)
    policy.build_client_verifier().verify(certificate, [])
    policy.build_server_verifier(x509.DNSName("localhost")).verify(certificate, [])
    policy.build_server_verifier(x509.IPAddress(IPv4Address("10.77.0.11"))).verify(certificate, [])


def test_the_authority_signs_nodes_and_no_further_authority() -> None:
    authority = x509.load_pem_x509_certificate(AUTHORITY.encode())
    constraints = extension(authority, x509.BasicConstraints)
    assert (constraints.ca, constraints.path_length) == (True, 0)
    assert authority.issuer == authority.subject
    authority.verify_directly_issued_by(authority)


@pytest.mark.parametrize(
    "make",
    [lambda: ec.generate_private_key(ec.SECP384R1()), lambda: rsa.generate_private_key(65537, 3072)],
    ids=["P-384", "RSA-3072"],
)
def test_other_strong_keys_are_taken(make: Callable[[], Any]) -> None:
    key = make()
    assert signed(a_node(), a_request(key)).public_key() == key.public_key()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP521R1()),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ec.generate_private_key(ec.SECP192R1()),
        lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 it is refused
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: dsa.generate_private_key(1024),  # noqa: S505 as is this
        ed25519.Ed25519PrivateKey.generate,
    ],
    ids=["P-521", "secp256k1", "P-192", "RSA-1024", "RSA-2048", "DSA", "Ed25519"],
)
def test_other_keys_are_refused(make: Callable[[], Any]) -> None:
    key = make()
    with pytest.raises(BadParameter, match="not P-256, P-384 or RSA of 3072 bits or more"):
        signed(a_node(), a_request(key))


@pytest.mark.parametrize(
    "extension",
    [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.BasicConstraints(ca=True, path_length=0),
        key_usage(key_cert_sign=True),
        key_usage(crl_sign=True),
    ],
    ids=["ca", "ca of length 0", "signs certificates", "signs revocations"],
)
def test_a_request_for_an_authority_is_refused(extension: x509.ExtensionType) -> None:
    with pytest.raises(BadParameter, match="asks for an authority"):
        signed(a_node(), a_request(NODE_KEY, extension))


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    request = x509.load_pem_x509_csr(a_request().encode())
    tampered = request.public_bytes(Encoding.DER).replace(b"quorate", b"Quorate")
    pem = x509.load_der_x509_csr(tampered).public_bytes(Encoding.PEM).decode()
    with pytest.raises(BadParameter, match="not signed by its own key"):
        signed(a_node(), pem)


@pytest.mark.parametrize("request_pem", ["", "no PEM", a_request()[:200], AUTHORITY, "x" * 16_385, "\ud800"])
def test_what_is_no_request_is_refused(request_pem: str) -> None:
    with pytest.raises(BadParameter, match="certificate request"):
        sign(request_pem, names_for(a_config(), a_node()), AUTHORITY, SIGNER, now=NOW, days=1, serial=2)


def test_an_authority_of_another_key_signs_nothing() -> None:
    with pytest.raises(NodeFailed, match="not of the key that signs"):
        signed(a_node(), signer=ec.generate_private_key(ec.SECP256R1()))


def test_a_certificate_does_not_outlive_its_authority() -> None:
    with pytest.raises(NodeFailed, match="the authority ends on 2036-11-20, within 3651 days: renew it"):
        signed(a_node(), days=3651)


def test_a_signer_that_only_signs_is_enough() -> None:
    """As a key in KMS: it has a public half and signs digests of what it is given, and that is all."""

    class OnlySigns(ec.EllipticCurvePrivateKey):
        curve = SIGNER.curve
        key_size = SIGNER.key_size

        def sign(self, data: Any, signature_algorithm: Any) -> bytes:
            return SIGNER.sign(data, signature_algorithm)

        def public_key(self) -> ec.EllipticCurvePublicKey:
            return SIGNER.public_key()

        def exchange(self, algorithm: Any, peer_public_key: Any) -> bytes:
            raise NotImplementedError

        def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
            raise NotImplementedError

        def private_bytes(self, *_: Any) -> bytes:
            raise NotImplementedError

        def __copy__(self) -> "OnlySigns":
            return self

        def __deepcopy__(self, memo: Any) -> "OnlySigns":
            return self

    certificate = signed(a_node(), signer=OnlySigns())
    SIGNER.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
