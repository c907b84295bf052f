"""The VPC's resolver: what each question gets, and that it answers over both transports."""

import socket

import pytest
from dnslib import QTYPE, RCODE, DNSRecord

from lab.hosts.name_server import Names, NameServer, host_name

NAMES = Names("10.77.0.1", "10.77.0.0/16", "eu-central-1")


def ask(name: str, kind: str = "A") -> tuple[str, list[str]]:
    reply = NAMES.resolve(DNSRecord.question(name, kind))
    return RCODE[reply.header.rcode], [str(answer.rdata) for answer in reply.rr]


@pytest.mark.parametrize(
    "name",
    ["ec2.eu-central-1.amazonaws.com", "bucket.s3.eu-central-1.amazonaws.com", "sts.amazonaws.com",
     "ec2.eu-central-1.api.aws", "KMS.eu-central-1.AMAZONAWS.com."],
)  # fmt: skip
def test_aws_s_own_names_lead_to_the_lab(name: str) -> None:
    assert ask(name) == ("NOERROR", ["10.77.0.1"])
    assert ask(name, "AAAA") == ("NOERROR", [])


@pytest.mark.parametrize(
    "name", ["example.com", "amazonaws.com.evil.example", "notamazonaws.com", "releases.hashicorp.com", "ip-10-77-0-11"]
)
def test_nothing_else_exists(name: str) -> None:
    assert ask(name) == ("NXDOMAIN", [])


def test_hosts_have_ec2_s_private_names() -> None:
    name = host_name("10.77.1.11", "eu-central-1")
    assert name == "ip-10-77-1-11.eu-central-1.compute.internal"
    assert ask(name) == ("NOERROR", ["10.77.1.11"])
    assert ask("11.1.77.10.in-addr.arpa", "PTR") == ("NOERROR", [f"{name}."])
    assert ask("ip-10-77-1-11.ec2.internal") == ("NOERROR", ["10.77.1.11"])
    assert host_name("10.77.1.11", "us-east-1") == "ip-10-77-1-11.ec2.internal"


@pytest.mark.parametrize("name", ["ip-10-78-0-1.eu-central-1.compute.internal", "ip-999-1-1-1.ec2.internal"])
def test_addresses_outside_the_vpc_have_no_name(name: str) -> None:
    assert ask(name) == ("NXDOMAIN", [])


def test_both_transports_answer() -> None:
    with socket.socket() as probe:  # one free port for both
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = NameServer(NAMES, "127.0.0.1", port)
    try:
        for tcp in (False, True):
            question = DNSRecord.question("ec2.eu-central-1.api.aws", "A")
            reply = DNSRecord.parse(question.send("127.0.0.1", port, tcp=tcp, timeout=5))
            assert [(QTYPE[answer.rtype], str(answer.rdata)) for answer in reply.rr] == [("A", "10.77.0.1")]
    finally:
        server.close()
