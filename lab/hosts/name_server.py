"""The VPC's resolver: AWS's own names lead to the lab, hosts have EC2's private names, nothing else exists."""

import logging
import re
from ipaddress import IPv4Address, IPv4Network

from dnslib import PTR, QTYPE, RCODE, RR, A, DNSHeader, DNSQuestion, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSServer

from lab.hosts.network import METADATA_ADDRESS, RESOLVER_ADDRESS, LabNetwork

TTL_SECONDS = 60

_AWS = re.compile(r"(^|\.)(amazonaws\.com|api\.aws)$")
_HOST = re.compile(r"^ip-(\d+)-(\d+)-(\d+)-(\d+)\.(?:ec2\.internal|[a-z0-9-]+\.compute\.internal)$")
_REVERSE = re.compile(r"^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$")


def host_name(address: str, region: str) -> str:
    """The private DNS name that EC2 gives an address (IP-based naming)."""
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"


class Names(BaseResolver):  # type: ignore[misc]
    """What each question gets. `endpoint` is where the embedded AWS listens."""

    def __init__(self, endpoint: str, vpc_cidr: str, region: str) -> None:
        self._endpoint = endpoint
        self._vpc = IPv4Network(vpc_cidr)
        self._region = region

    def resolve(self, request: DNSRecord, handler: DNSHandler | None = None) -> DNSRecord:
        question: DNSQuestion = request.q
        name = str(question.qname).rstrip(".").lower()
        header = DNSHeader(id=request.header.id, qr=1, aa=1, ra=1, rd=request.header.rd, bitmap=None)
        reply = DNSRecord(header, q=question)
        if pointed := self._pointed_to(name):
            if question.qtype in (QTYPE.PTR, QTYPE.ANY):
                reply.add_answer(RR(question.qname, QTYPE.PTR, rdata=PTR(pointed), ttl=TTL_SECONDS))
        elif address := self._address(name):
            if question.qtype in (QTYPE.A, QTYPE.ANY):
                reply.add_answer(RR(question.qname, QTYPE.A, rdata=A(address), ttl=TTL_SECONDS))
        else:
            reply.header.rcode = RCODE.NXDOMAIN
        return reply

    def _address(self, name: str) -> str | None:
        if _AWS.search(name):
            return self._endpoint
        if name in ("instance-data", "instance-data.ec2.internal"):
            return METADATA_ADDRESS
        found = _HOST.match(name)
        return self._in_vpc(".".join(found.groups())) if found else None

    def _pointed_to(self, name: str) -> str | None:
        found = _REVERSE.match(name)
        address = self._in_vpc(".".join(reversed(found.groups()))) if found else None
        return host_name(address, self._region) if address else None

    def _in_vpc(self, text: str) -> str | None:
        try:
            address = IPv4Address(text)
        except ValueError:
            return None
        return str(address) if address in self._vpc else None


class NameServer:
    """Answers over UDP and TCP until closed."""

    def __init__(self, names: Names, address: str, port: int) -> None:
        # DNSServer logs every question to stdout unless its logger is told which events to take: none.
        quiet = _Silent()
        self._servers = [DNSServer(names, address=address, port=port, tcp=tcp, logger=quiet) for tcp in (False, True)]
        for server in self._servers:
            server.start_thread()

    def close(self) -> None:
        for server in self._servers:
            server.stop()
            server.server.server_close()


class _Silent:
    """dnslib's logger interface; only what went wrong is worth a line."""

    def log_error(self, handler: DNSHandler, error: Exception) -> None:
        logging.getLogger(__name__).warning("bad question from %s: %s", handler.client_address[0], error)

    def __getattr__(self, name: str) -> object:
        return lambda *_: None


def serve_names(network: LabNetwork, region: str) -> NameServer:
    """Serve the VPC's names at the resolver's address inside the lab's network."""
    with network.enter():
        return NameServer(Names(network.router_address, str(network.vpc), region), RESOLVER_ADDRESS, 53)
