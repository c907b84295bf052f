"""Archives whose bytes depend on nothing but the files in them: no times, no owners, sorted names."""

import gzip
import io
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say


def write_zip(target: Path, files: Mapping[str, Path]) -> None:
    """A zip as the vendor's: executables at the root, deflated.

    Measured for Consul's 126 MB on two cores, fetched over TLS from a Python server on loopback, checked and unzipped:
    0.92 s stored, 0.93 s at level 1, 0.85 s at level 6, which also is 90 MB less in the embedded S3's memory.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, so that the mode below is read
            entry.external_attr = 0o100755 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as out, files[name].open("rb") as source:
                shutil.copyfileobj(source, out, 1 << 20)


def member(name: str, mode: int = 0o644, size: int = 0) -> tarfile.TarInfo:
    """A tar header of root's, from the epoch."""
    info = tarfile.TarInfo(name)
    info.mode, info.size = mode, size
    return info


def write_tar(target: Path, files: Mapping[str, Path], mode: int = 0o644, compress: bool = False) -> None:
    """A tar of plain files at its root; gzip without a time when compressed."""
    with target.open("wb") as raw:
        stream = gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) if compress else raw
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name in sorted(files):
                with files[name].open("rb") as source:
                    archive.addfile(member(name, mode, files[name].stat().st_size), source)
        if stream is not raw:
            stream.close()


def tar_of(entries: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A tar in memory, entries in the order given: for the layers of small images."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for info, content in entries:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
