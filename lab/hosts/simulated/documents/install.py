"""install: verified files in place; and the node's key pair."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task
from lambdas.domain.components.nomad import PAUSE_IMAGE


def ca(task: Task) -> dict[str, Any]:
    task.require("PrerequisitesKey", "PrerequisitesSha256")
    changed = not task.host.request
    if changed:
        task.host.request = make_request()
    return {"certificate_request": task.host.request, "changed": changed}


def make_request(common_name: str | None = None) -> str:
    """Of a key that nobody keeps: simulated products speak no TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "quorate")]
    if common_name:
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    name = x509.Name(subject)
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def product(task: Task) -> dict[str, Any]:
    """Consul, Vault, Nomad, CNI plugins."""
    task.require("ArtifactKey", "ArtifactSha256", "Version")
    _verify(task, task.parameters["ArtifactKey"], task.parameters["ArtifactSha256"])
    return _installed(task)


def docker(task: Task) -> dict[str, Any]:
    task.require("ArtifactKey", "ArtifactSha256", "Version", "ImageKey", "ImageSha256")
    _verify(task, task.parameters["ArtifactKey"], task.parameters["ArtifactSha256"])
    _verify(task, task.parameters["ImageKey"], task.parameters["ImageSha256"])
    return {**_installed(task), "image": PAUSE_IMAGE}


def _verify(task: Task, key: str, expected: str) -> None:
    found = task.world.digest(task.host, task.parameters["Bucket"], key)
    if found != expected:
        raise ExitError(70, f"checksum of {key} is {found}, manifest says {expected}")


def _installed(task: Task) -> dict[str, Any]:
    version = task.parameters["Version"]
    changed = task.host.installed.get(task.component) != version
    task.host.installed[task.component] = version
    return {"version": version, "changed": changed}
