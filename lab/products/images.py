"""The two container images of the lab, made by hand: no daemon, no registry, the same bytes every time.

An image in docker-archive form is a tar of its layers, a configuration, and a manifest that ties them to a name
(https://github.com/moby/docker-image-spec). One layer with Debian's static busybox is all that either needs.
"""

import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

from lab.products.archive import member, tar_of

NOBODY = 65534

# Process 1 must end at once when told to (the kernel ignores signals to it that it has no handler for, so plain
# `sleep` or `httpd` would be waited for and killed) and reap what is orphaned to it. A shell that waits does both.
_UNTIL_TOLD = b"trap 'exit 0' TERM INT\nwait $!\n"

# Holds a network namespace open.
PAUSE = b"#!/bin/sh\nsleep 2147483647 &\n" + _UNTIL_TOLD

# Nomad says where to listen and who we are.
HELLO = (
    b"""#!/bin/sh
set -eu
port="${NOMAD_PORT_http:-8080}"
printf 'hello from %s, allocation %s\\n' "${NOMAD_JOB_NAME:-no job}" "${NOMAD_ALLOC_ID:-none}" >/www/index.html
httpd -f -p "$port" -h /www &
"""
    + _UNTIL_TOLD
)


@dataclass(frozen=True)
class Image:
    """`script` is what it runs; applets are the names under which that finds busybox."""

    name: str
    version: str
    script: bytes
    applets: tuple[str, ...]
    user: str = ""

    @property
    def repository_tag(self) -> str:
        # Not "latest": a tag that Docker and Nomad take from where it was loaded, without asking a registry.
        return f"quorate/{self.name}:{self.version}"


PAUSE_IMAGE = Image("pause", "1", PAUSE, ("sh", "sleep"))
HELLO_IMAGE = Image("hello", "1", HELLO, ("sh", "httpd"), user=f"{NOBODY}:{NOBODY}")
IMAGES = (PAUSE_IMAGE, HELLO_IMAGE)


def write_image(image: Image, busybox: bytes, arch: str, target: Path) -> None:
    """Write the docker-archive that `docker load` and Nomad's `load` take."""
    layer = _layer(image, busybox)
    layer_digest = hashlib.sha256(layer).hexdigest()
    configuration = _json(
        {
            "architecture": arch,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Entrypoint": [f"/bin/{image.name}"], "Env": ["PATH=/bin"], "User": image.user},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": f"quorate {image.name}"}],
        }
    )
    configuration_file = f"{hashlib.sha256(configuration).hexdigest()}.json"
    layer_file = f"{layer_digest}/layer.tar"
    manifest = [{"Config": configuration_file, "RepoTags": [image.repository_tag], "Layers": [layer_file]}]
    target.write_bytes(
        tar_of(
            [
                (member(configuration_file), configuration),
                (member(layer_file), layer),
                (member("manifest.json"), _json(manifest)),
            ]
        )
    )


def _layer(image: Image, busybox: bytes) -> bytes:
    entries = [(_directory("bin"), b""), (member("bin/busybox", 0o755), busybox)]
    for applet in image.applets:
        link = member(f"bin/{applet}", 0o777)
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        entries.append((link, b""))
    www = _directory("www")
    www.uid = www.gid = NOBODY
    return tar_of(
        [*entries, (member(f"bin/{image.name}", 0o755), image.script), (_directory("tmp", 0o1777), b""), (www, b"")]
    )


def _directory(name: str, mode: int = 0o755) -> tarfile.TarInfo:
    info = member(name, mode)
    info.type = tarfile.DIRTYPE
    return info


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
