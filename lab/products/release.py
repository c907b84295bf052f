"""The vendor's release: downloaded, its checksum file's signature verified, then the file's checksum.

Nothing of a release counts before both are right. A site that cannot be reached is asked once per `Vendors` and then
left alone, so a machine without a way there falls through to building in the time of one refused connection.
"""

import hashlib
import http.client
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab.products.catalogue import Key, Product

ANSWER_SECONDS = 4.0  # for the small checksum file: connect, TLS and first byte
STALL_SECONDS = 30.0  # between two reads of the large one
CHUNK_BYTES = 1 << 20


class ReleaseRejected(Exception):
    """What the vendor's site served is not what the vendor signed. Never a reason to go on another way."""


class ReleaseUnavailable(Exception):
    """The site, or the version on it, cannot be had from here."""


@dataclass
class Vendors:
    """The release sites, and which of them did not answer in this run."""

    silent_sites: dict[str, str] = field(default_factory=dict)

    def fetch(self, product: Product, arch: str, into: Path, progress: Callable[[int, int | None], None]) -> Path:
        """The verified release file in directory `into`; ReleaseUnavailable or ReleaseRejected otherwise."""
        file = product.file(arch)
        sums = self._small(product, product.fill(product.sums, arch))
        if product.key is not None:
            signature = self._small(product, product.fill(product.sums, arch) + ".sig")
            verify_signature(sums, signature, product.key)
        expected = checksum_in(sums, file)
        target = into / file
        url = f"{product.site}/{product.fill(product.release, arch)}"
        try:
            actual = download(url, target, progress)
        except (OSError, http.client.HTTPException) as error:
            raise ReleaseUnavailable(f"{url}: {error}") from error
        if actual != expected:
            target.unlink()
            raise ReleaseRejected(f"{url} has SHA-256 {actual}, its checksum file says {expected}")
        return target

    def _small(self, product: Product, path: str) -> bytes:
        if reason := self.silent_sites.get(product.site):
            raise ReleaseUnavailable(reason)
        url = f"{product.site}/{path}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310  https, or a test's
                return answer.read()
        except urllib.error.HTTPError as error:
            raise ReleaseUnavailable(f"{url} answers {error.code}") from error
        except (OSError, http.client.HTTPException) as error:  # URLError, a timeout, a reset
            self.silent_sites[product.site] = f"{product.site}: {getattr(error, 'reason', error)}"
            raise ReleaseUnavailable(self.silent_sites[product.site]) from error


def download(url: str, target: Path, progress: Callable[[int, int | None], None]) -> str:
    """Write the file and return its SHA-256."""
    digest, done = hashlib.sha256(), 0
    with urllib.request.urlopen(url, timeout=STALL_SECONDS) as answer, target.open("wb") as file:  # noqa: S310
        length = answer.headers.get("Content-Length")
        while chunk := answer.read(CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
            done += len(chunk)
            progress(done, int(length) if length else None)
    if length and done != int(length):  # read() says nothing when the other side hangs up early
        raise ConnectionError(f"{done} of {length} bytes arrived")
    return digest.hexdigest()


def checksum_in(sums: bytes, file: str) -> str:
    """The line of a SHA256SUMS file that names `file`."""
    for line in sums.decode().splitlines():
        words = line.split()
        if len(words) == 2 and words[1].removeprefix("*") == file:
            return words[0].lower()
    raise ReleaseRejected(f"the checksum file does not name {file}")


def verify_signature(signed: bytes, signature: bytes, key: Key) -> None:
    """Raise ReleaseRejected unless gpg finds a good signature that goes back to the pinned primary key."""
    # A home of its own: the person's keyring neither helps nor changes. Short, as gpg puts sockets there.
    with tempfile.TemporaryDirectory(prefix="quorate-gpg-") as home:
        (Path(home) / "signed").write_bytes(signed)
        (Path(home) / "signature").write_bytes(signature)
        gpg = ["gpg", "--homedir", home, "--batch", "--no-autostart", "--trust-model", "always", "--status-fd", "1"]
        imported = subprocess.run([*gpg, "--import", key.file], capture_output=True, text=True)
        if imported.returncode != 0:
            raise ReleaseRejected(f"gpg does not read {key.file}: {imported.stderr.strip()}")
        verified = subprocess.run(
            [*gpg, "--verify", f"{home}/signature", f"{home}/signed"], capture_output=True, text=True
        )
    # doc/DETAILS of GnuPG: "VALIDSIG <fingerprint of the signing key> ... <fingerprint of its primary key>"
    signers = [line.split()[-1] for line in verified.stdout.splitlines() if line.startswith("[GNUPG:] VALIDSIG ")]
    if verified.returncode != 0 or signers != [key.fingerprint]:
        raise ReleaseRejected(f"the checksum file is not signed by {key.fingerprint}: {verified.stderr.strip()}")
