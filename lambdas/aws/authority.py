"""The cluster's certificate authority: a KMS key that only signs, and its certificate in Parameter Store."""

from typing import Any

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lambdas.aws.clients import client
from lambdas.aws.errors import code_of


class KmsSigner(ec.EllipticCurvePrivateKey):
    """A private key whose only power is to sign with SHA-256: cryptography's certificate builder asks for no more."""

    def __init__(self, key_id: str) -> None:
        self._key_id = key_id
        der = client("kms").get_public_key(KeyId=key_id)["PublicKey"]
        public = serialization.load_der_public_key(der)
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise TypeError(f"KMS key {key_id} is not an elliptic-curve key")
        self._public = public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        if not isinstance(signature_algorithm.algorithm, hashes.SHA256):
            raise ValueError("the CA signs with SHA-256")
        signed = client("kms").sign(  # a raw message has 4,096 bytes at most (KMS Sign); a certificate has about 700
            KeyId=self._key_id, Message=data, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
        )
        return bytes(signed["Signature"])

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        raise TypeError("a CA key in KMS only signs")

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        raise TypeError("a CA key never leaves KMS")

    def private_bytes(self, *_: object) -> bytes:
        raise TypeError("a CA key never leaves KMS")

    def __copy__(self) -> "KmsSigner":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "KmsSigner":
        return self


def read_certificate(parameter: str) -> str | None:
    try:
        return str(client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"])
    except ClientError as error:
        if code_of(error) == "ParameterNotFound":
            return None
        raise


def keep_certificate(parameter: str, pem: str) -> str:
    """Store the authority's certificate if none is there, and return the one that is: the first writer wins."""
    try:
        client("ssm").put_parameter(Name=parameter, Value=pem, Type="String", Overwrite=False)
    except ClientError as error:
        if code_of(error) != "ParameterAlreadyExists":
            raise
        return str(client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"])
    return pem
