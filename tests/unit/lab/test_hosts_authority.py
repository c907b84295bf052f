"""The lab's authority: a TLS client that trusts it, and only such a one, takes the embedded AWS for AWS."""

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from lab.hosts.authority import Authority, KeyPair

REGION = "eu-central-1"


def handshake(pair: KeyPair, name: str, trusted: Path | None) -> None:
    """Shake hands over a socket pair, as a client of `name` that trusts `trusted`."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pair.certificate, pair.key)
    client = ssl.create_default_context(cafile=str(trusted) if trusted else None)
    here, there = socket.socketpair()

    def serve() -> None:
        try:
            serving.wrap_socket(there, server_side=True).close()
        except (ssl.SSLError, OSError):
            there.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        client.wrap_socket(here, server_hostname=name).close()
    finally:
        here.close()
        server.join()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="module")
def pair(authority: Authority) -> KeyPair:
    return authority.server_pair(REGION, ["10.77.0.1", "127.0.0.1"])


@pytest.mark.parametrize(
    "name",
    [
        "ec2.eu-central-1.amazonaws.com",
        "ec2.eu-central-1.api.aws",
        "s3.eu-central-1.amazonaws.com",
        "quorate-one-artifacts.s3.eu-central-1.amazonaws.com",
        "bucket.s3.dualstack.eu-central-1.amazonaws.com",
        "s3.dualstack.eu-central-1.amazonaws.com",
        "123456789012.ddb.eu-central-1.amazonaws.com",
        "sts.amazonaws.com",
        "10.77.0.1",
    ],
)
def test_names_of_aws_are_good(authority: Authority, pair: KeyPair, name: str) -> None:
    handshake(pair, name, authority.pair.certificate)


@pytest.mark.parametrize("name", ["example.com", "ec2.us-east-1.amazonaws.com", "amazonaws.com"])
def test_other_names_are_not(authority: Authority, pair: KeyPair, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(pair, name, authority.pair.certificate)


def test_who_does_not_trust_the_lab_is_not_fooled(pair: KeyPair) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(pair, "ec2.eu-central-1.amazonaws.com", None)


def test_the_authority_is_made_once_and_its_keys_are_private(authority: Authority, pair: KeyPair) -> None:
    before = authority.pair.certificate.read_bytes()
    again = Authority(authority.pair.certificate.parent)
    assert again.pair.certificate.read_bytes() == before
    for key in (authority.pair.key, pair.key):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
