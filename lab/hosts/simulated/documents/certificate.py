"""The life of a node's certificate: the next request, the certificate in place, and what takes it up."""

from typing import Any

from cryptography import x509

from lab.hosts.simulated.documents.configure import file_set, write
from lab.hosts.simulated.documents.install import make_request
from lab.hosts.simulated.host import ExitError, Host
from lab.hosts.simulated.task import Task
from lambdas.domain.components.host import CERTIFICATE_FILE


def request(task: Task) -> dict[str, Any]:
    if CERTIFICATE_FILE not in task.host.files:
        raise ExitError(69, "missing on this node: a certificate that could be renewed")
    changed = not task.host.next_request
    if changed:
        task.host.next_request = make_request()
    return {"certificate_request": task.host.next_request, "changed": changed}


def configure(task: Task) -> dict[str, Any]:
    host = task.host
    if not host.request:
        raise ExitError(69, "the node has no key: ca install comes first")
    files, _ = file_set(task)
    certificate = files.get(CERTIFICATE_FILE)
    if certificate and not _is_for(host.request, certificate):
        if not host.next_request or not _is_for(host.next_request, certificate):
            raise ExitError(70, "the certificate is for another key than this node's")
        host.request, host.next_request = host.next_request, ""
    return {"changed": write(task, files)}


def reload(task: Task) -> dict[str, Any]:
    host, name = task.host, task.component
    if name not in host.running:
        raise ExitError(75, f"{name} does not run")
    installed = serial_in_place(host)
    changed = host.served.get(name) != installed
    host.served[name] = installed
    return {"changed": changed, "serial": installed}


def serial_in_place(host: Host) -> str:
    certificate = host.files.get(CERTIFICATE_FILE)
    return f"{x509.load_pem_x509_certificate(certificate.encode()).serial_number:x}" if certificate else ""


def _is_for(request_pem: str, certificate_pem: str) -> bool:
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    return certificate.public_key() == x509.load_pem_x509_csr(request_pem.encode()).public_key()
