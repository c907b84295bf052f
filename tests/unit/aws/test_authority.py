"""A certificate authority whose key never leaves KMS."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lambdas.aws.authority import KmsSigner, keep_certificate, read_certificate
from lambdas.aws.clients import client
from lambdas.domain.certificate import make_authority, names_for, sign
from tests.builders import a_config, a_node

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def signer(table: str) -> KmsSigner:
    key = client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    return KmsSigner(key["KeyMetadata"]["KeyId"])


def a_request() -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def test_a_certificate_that_kms_signed_verifies_against_the_authority(signer: KmsSigner) -> None:
    config = a_config()
    authority = make_authority(config, signer, now=NOW, serial=1)
    signed = sign(a_request(), names_for(config, a_node()), authority, signer, now=NOW, days=30, serial=2)
    certificate = x509.load_pem_x509_certificate(signed.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.encode()))


def test_the_key_shows_nothing_of_itself(signer: KmsSigner) -> None:
    with pytest.raises(TypeError, match="never leaves KMS"):
        signer.private_numbers()


def test_two_that_make_the_authority_at_once_end_with_one(signer: KmsSigner) -> None:
    parameter = "/quorate/demo/ca-certificate"
    assert read_certificate(parameter) is None
    first = keep_certificate(parameter, make_authority(a_config(), signer, now=NOW, serial=1))
    second = keep_certificate(parameter, make_authority(a_config(), signer, now=NOW, serial=2))
    assert first == second == read_certificate(parameter)
