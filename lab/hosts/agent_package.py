"""The SSM agent as AWS gives it away: a Debian package in the region's public bucket.

In the package is a service that does nothing but run. `lab.hosts.agent` answers for it from outside, and only while
the service is active: what installs and starts the agent on a node is tried for real.
"""

import json
from typing import Any

from lab.products.archive import member, tar_of

SERVICE = "amazon-ssm-agent"
RUNTIME_DIRECTORY = f"/run/{SERVICE}"
"""There exactly while the service is active: systemd makes it and takes it away, nobody has to be asked."""

UNIT_FILE = f"/lib/systemd/system/{SERVICE}.service"
UNIT = f"""\
[Unit]
Description={SERVICE}
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/sleep infinity
RuntimeDirectory={SERVICE}
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""

CONTROL = """\
Package: {package}
Version: {version}
Architecture: {architecture}
Maintainer: Quorate
Section: admin
Priority: optional
Description: stand-in for the SSM agent on hosts of the lab
"""
VERSION = "1"


def bucket_of(region: str) -> str:
    return f"amazon-ssm-{region}"


def key_of(architecture: str) -> str:
    return f"latest/debian_{architecture}/{SERVICE}.deb"


def package(architecture: str) -> bytes:
    """The package, the same bytes each time: an ar archive of two tars (deb(5)).

    It starts nothing by itself; that is left to whoever installs it.
    """
    control = CONTROL.format(package=SERVICE, version=VERSION, architecture=architecture).encode()
    files = (
        ("debian-binary", b"2.0\n"),
        ("control.tar", tar_of([(member("./control"), control)])),
        ("data.tar", tar_of([(member(f".{UNIT_FILE}"), UNIT.encode())])),
    )
    return b"!<arch>\n" + b"".join(_ar_member(name, content) for name, content in files)


def publish(s3_client: Any, region: str, architecture: str) -> None:
    """Put it where AWS has it, for everybody to read."""
    bucket = bucket_of(region)
    # S3 takes its first region for the absence of a constraint only.
    location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3_client.create_bucket(Bucket=bucket, **location)
    everybody_reads = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        ],
    }
    s3_client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(everybody_reads))
    s3_client.put_object(Bucket=bucket, Key=key_of(architecture), Body=package(architecture))


def _ar_member(name: str, content: bytes) -> bytes:
    """Name, time, owner, group, mode and size, padded with blanks; members begin at even places."""
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
    return header.encode() + content + b"\n" * (len(content) % 2)
