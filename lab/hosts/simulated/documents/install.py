"""install: verified files in place; and the node's key pair."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task
from lambdas.domain.components.nomad import PAUSE_IMAGE
from lambdas.domain.plans.plan import NOTHING

DOCKER_VERSION = "20.10.24+dfsg1"
"""What the system's packages bring, as its daemon tells it."""


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
    _verify(task, "Artifact")
    return _installed(task, task.parameters["Version"])


def docker(task: Task) -> dict[str, Any]:
    task.require("PackagesKey", "PackagesSha256", "ImageKey", "ImageSha256")
    if task.parameters["PackagesKey"] != NOTHING:  # otherwise from the system's own repositories
        _verify(task, "Packages")
    _verify(task, "Image")
    return {**_installed(task, DOCKER_VERSION), "image": PAUSE_IMAGE}


def _verify(task: Task, parameter: str) -> None:
    key, expected = task.parameters[f"{parameter}Key"], task.parameters[f"{parameter}Sha256"]
    found = task.world.digest(task.host, task.parameters["Bucket"], key)
    if found != expected:
        raise ExitError(70, f"checksum of {key} is {found}, manifest says {expected}")


def _installed(task: Task, version: str) -> dict[str, Any]:
    changed = task.host.installed.get(task.component) != version
    task.host.installed[task.component] = version
    return {"version": version, "changed": changed}
