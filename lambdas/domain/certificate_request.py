"""What a node may ask for: a certificate of a strong key that it has, and no name but its own.

A node of ours asks for no name at all (ssm_documents/ca). Whoever asks for more is not one, or no longer ours alone:
names are never taken from a request, and one that asks for others is refused and told, not quietly corrected.
"""

from collections.abc import Collection, Iterator

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from lambdas.domain.errors import BadParameter

REQUEST_BYTES = 16_384
"""A request with a 4,096 bit RSA key has about 1,700."""

RSA_BITS = 3072
"""Fewest for 128 bits of strength (NIST SP 800-57, table 2)."""

CURVES = (ec.SECP256R1, ec.SECP384R1)

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_UNREADABLE = (
    ValueError,  # also for bytes that are no text, and for DER that is none
    TypeError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def read_key(request_pem: str, allowed: Collection[str]) -> PublicKey:
    """The public key, which is all that is taken from a request; its owner has shown that it has the private half.

    `allowed` are names that the certificate will have: a request may repeat them. Raises BadParameter.
    """
    if len(request_pem) > REQUEST_BYTES:
        raise BadParameter(f"the certificate request has {len(request_pem)} characters: at most {REQUEST_BYTES}")
    try:
        request = x509.load_pem_x509_csr(request_pem.encode())
        key = request.public_key()
        signed = request.is_signature_valid
        names = tuple(_names(request))
        wants_authority = any(_is_of_authority(extension.value) for extension in request.extensions)
    except _UNREADABLE as error:
        raise BadParameter(f"the certificate request cannot be read: {type(error).__name__}") from error
    if not signed:
        raise BadParameter("the certificate request is not signed by its own key")
    if wants_authority:
        raise BadParameter("the certificate request asks for an authority: nodes get none")
    for name in names:
        if name not in allowed:
            raise BadParameter(f"the certificate request asks for the name {name[:100]!r}: names are decided here")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES):
        return key
    raise BadParameter(f"the certificate request's key is not P-256, P-384 or RSA of {RSA_BITS} bits or more")


def _names(request: x509.CertificateSigningRequest) -> Iterator[str]:
    """Every name that a verifier could take for the owner's. An organisation is none."""
    for attribute in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        yield str(attribute.value)
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            for name in extension.value:
                yield str(getattr(name, "value", name))


def _is_of_authority(extension: x509.ExtensionType) -> bool:
    match extension:
        case x509.BasicConstraints():
            return extension.ca
        case x509.KeyUsage():
            return extension.key_cert_sign or extension.crl_sign
    return False
