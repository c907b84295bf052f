"""Whatever comes as a request, it has two ends: BadParameter, or a certificate with our names and a strong key."""

import base64
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.domain.certificate import names_for, sign
from lambdas.domain.certificate_request import REQUEST_BYTES
from lambdas.domain.errors import BadParameter
from tests.builders import a_config, a_node
from tests.unit.domain.test_certificate import AUTHORITY, NODE_KEY, NOW, SIGNER, a_request, dns_names, extension

NAMES = names_for(a_config(), a_node(group="default"))
OURS = sorted(NAMES.every)
FOREIGN = st.one_of(
    st.sampled_from(["server.dc1.consul", "server.global.nomad", "server.dc1.vault", "10.77.0.99", "*.dc1.consul"]),
    st.from_regex(r"\A[a-z0-9*]([a-z0-9.-]{0,30})\Z"),
).filter(lambda name: name not in NAMES.every)

RICH = a_request(
    NODE_KEY,
    x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]),
    x509.BasicConstraints(ca=False, path_length=None),
    common_name=NAMES.common_name,
)
DER = x509.load_pem_x509_csr(RICH.encode()).public_bytes(Encoding.DER)


def certificate_for(request: str) -> x509.Certificate | None:
    """None where it was refused, which is the only error that there may be."""
    refusal = ""
    try:
        pem = sign(request, NAMES, AUTHORITY, SIGNER, now=NOW, days=30, serial=2)
    except BadParameter as refused:
        refusal = str(refused)
    if refusal:
        assert "certificate request" in refusal
        assert len(refusal) < 300, "what was asked for is not repeated at length"
        return None
    return x509.load_pem_x509_certificate(pem.encode())


def assert_ours(certificate: x509.Certificate) -> None:
    assert tuple(dns_names(certificate)) == NAMES.dns
    assert certificate.subject.rfc4514_string() == f"CN={NAMES.common_name}"
    assert extension(certificate, x509.BasicConstraints).ca is False
    key = certificate.public_key()
    strong = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp384r1")
    assert strong or (isinstance(key, rsa.RSAPublicKey) and key.key_size >= 3072)


def general(name: str) -> x509.GeneralName:
    return x509.IPAddress(IPv4Address(name)) if name.replace(".", "").isdigit() else x509.DNSName(name)


def addressed(names: list[str]) -> list[str]:
    """Without what looks like an address and is none."""
    return [name for name in names if not name.replace(".", "").isdigit() or name.count(".") == 3]


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1")), st.characters(codec=None).map(str)))
def test_text_is_refused(text: str) -> None:
    assert certificate_for(text) is None
    assert certificate_for(f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n") is None


@settings(max_examples=50, deadline=None)
@given(st.integers(min_value=1, max_value=10 * REQUEST_BYTES))
def test_a_request_beyond_its_size_is_refused_unread(more: int) -> None:
    assert certificate_for(RICH + "\n" * (REQUEST_BYTES - len(RICH) + more)) is None


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, len(DER)),
)
def test_a_damaged_request_is_refused(changes: list[tuple[int, int]], end: int) -> None:
    """Its signature covers all of it; what is left of a change is one that changes nothing."""
    damaged = bytearray(DER)
    for place, value in changes:
        damaged[place] = value
    for der in (bytes(damaged), bytes(damaged[:end])):
        certificate = certificate_for(pem_of(der))
        if certificate is not None:
            assert_ours(certificate)
            assert certificate.public_key() == NODE_KEY.public_key()


def pem_of(der: bytes) -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(OURS), max_size=4),
    st.lists(FOREIGN, max_size=3).map(addressed),
    st.one_of(st.none(), st.sampled_from(OURS), FOREIGN),
    st.randoms(use_true_random=False),
)
def test_a_request_is_signed_exactly_where_it_asks_for_no_other_name(ours, foreign, common_name, random) -> None:  # type: ignore[no-untyped-def]
    asked = [*ours, *foreign]
    random.shuffle(asked)
    extensions = [x509.SubjectAlternativeName([general(name) for name in asked])] if asked else []
    certificate = certificate_for(a_request(NODE_KEY, *extensions, common_name=common_name))
    others = [name for name in (*foreign, common_name) if name is not None and name not in NAMES.every]
    assert (certificate is None) == bool(others)
    if certificate is not None:
        assert_ours(certificate)


def test_a_second_common_name_is_looked_at_too() -> None:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("localhost", "server.dc1.consul")]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    request = builder.sign(NODE_KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    assert certificate_for(request) is None
