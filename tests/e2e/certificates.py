"""What end-to-end tests ask of certificates: who is let in with which, and which one a port shows."""

import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.laboratory import Laboratory
from lambdas.domain import names
from lambdas.domain.certificate import make_authority, names_for, sign
from lambdas.domain.config import PRODUCTS, Product
from lambdas.domain.node import Instance, describe_node

TLS_FOLLOWS = {8501: b"", 8200: b"", 4646: b"", 8300: b"\x03", 4647: b"\x04"}
"""Consul's and Nomad's RPC ports are told first that TLS follows (RPCTLS, RpcTLS)."""

PORTS: dict[Product, tuple[int, ...]] = {"consul": (8501, 8300), "vault": (8200,), "nomad": (4646, 4647)}
RAFT = {"consul": (8300, b"\x01"), "nomad": (4647, b"\x02")}
"""Port, and the byte that says "I am a server and speak Raft" (RPCRaft, RpcRaft)."""

SECONDS = 5.0

READ_PAIR = "#!/bin/bash\ncat /etc/quorate/tls/node.pem /etc/quorate/tls/node.key\n"

LOG_IN = """#!/bin/bash
tls=/etc/quorate/tls
curl --silent --max-time 10 --cacert "$tls/ca.pem" --cert "$tls/node.pem" --key "$tls/node.key" \\
  --request POST --data '{{}}' https://{address}:8200/v1/auth/cert/login
"""


def served(lab: Laboratory, address: str, port: int) -> str:
    """Serial of the certificate that a port shows, as the records have it."""
    with lab.data_center.inside(), socket.create_connection((address, port), timeout=SECONDS) as connection:
        connection.sendall(TLS_FOLLOWS[port])
        with _anybody().wrap_socket(connection) as secured:
            shown = secured.getpeercert(binary_form=True)
    assert shown
    return f"{x509.load_der_x509_certificate(shown).serial_number:x}"


def takes_raft(lab: Laboratory, product: str, address: str, pair: Path) -> bool:
    """Whether a server takes who has this certificate and key for another server. Raises ssl.SSLError where it takes it
    for nobody's of this cluster. Who is refused is hung up on; who is let in is waited for."""
    port, raft = RAFT[product]
    context = _anybody()
    context.load_cert_chain(pair)
    with lab.data_center.inside(), socket.create_connection((address, port), timeout=SECONDS) as connection:
        connection.sendall(TLS_FOLLOWS[port])
        with context.wrap_socket(connection) as secured:
            secured.sendall(raft)
            try:
                return bool(secured.recv(1))
            except TimeoutError:
                return True


@contextmanager
def pair_of(lab: Laboratory, instance_id: str) -> Iterator[Path]:
    """A node's certificate and key, for as long as a thief would have them."""
    with _kept(lab.run_script(instance_id, READ_PAIR).stdout) as pair:
        yield pair


@contextmanager
def pair_of_another_authority(lab: Laboratory) -> Iterator[Path]:
    """All the names of a server of this cluster, signed by an authority that calls itself the same."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now, config = datetime.now(UTC), lab.config
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    pem = request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    instance_id, address = next(iter(lab.servers("consul").items()))
    group = next(node.group for node in lab.nodes() if node.instance_id == instance_id)
    instance = Instance(instance_id=instance_id, private_ip=address, availability_zone="")
    node = describe_node(config, instance, names.autoscaling_group(config.name, group))
    authority = make_authority(config, authority_key, now=now, serial=1)
    certificate = sign(pem, names_for(config, node), authority, authority_key, now=now, days=1, serial=2)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with _kept(certificate + private) as pair:
        yield pair


def assert_served(lab: Laboratory) -> None:
    """Every port of every product of every node shows the certificate that is recorded of the node."""
    certificates = lab.certificates()
    nodes = {node.instance_id: node for node in lab.nodes()}
    assert set(certificates) == set(nodes)
    for instance_id, node in nodes.items():
        for product in PRODUCTS:
            serves = instance_id in lab.servers(product)
            ports = PORTS[product] if serves else PORTS[product][:1] if product == "nomad" else ()
            for port in ports:
                assert served(lab, node.address, port) == certificates[instance_id]["serial"], f"{instance_id} {port}"


@contextmanager
def _kept(text: str) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(text)
        file.flush()
        yield Path(file.name)


def _anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
