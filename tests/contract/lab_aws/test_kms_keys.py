"""Keys: a pair for what is signed, none for what is encrypted."""

import pytest
from botocore.exceptions import ClientError

from lab.aws import EmbeddedAws


def test_a_symmetric_key_encrypts_and_has_no_public_half(aws: EmbeddedAws) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"secret"
    with pytest.raises(ClientError, match="UnsupportedOperationException"):
        kms.get_public_key(KeyId=key)


@pytest.mark.parametrize(
    ("spec", "algorithm"), [("ECC_NIST_P256", "ECDSA_SHA_256"), ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256")]
)
def test_a_key_that_signs_is_a_pair(aws: EmbeddedAws, spec: str, algorithm: str) -> None:
    kms = aws.client("kms")
    key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signed = kms.sign(KeyId=key, Message=b"told", SigningAlgorithm=algorithm)["Signature"]
    assert kms.verify(KeyId=key, Message=b"told", Signature=signed, SigningAlgorithm=algorithm)["SignatureValid"]
    assert kms.get_public_key(KeyId=key)["PublicKey"]
