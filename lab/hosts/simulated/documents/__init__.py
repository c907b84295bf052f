"""What each document does to a simulated host, by component and phase, with the result that its script prints."""

from collections.abc import Callable
from typing import Any

from lab.hosts.simulated.documents import (
    bootstrap,
    certificate,
    configure,
    drain,
    hand_over,
    install,
    introduce,
    leave,
    observe,
    rekey,
    remove,
    secrets,
    start,
    tokens,
    unseal,
    verify,
)
from lab.hosts.simulated.task import Task

Document = Callable[[Task], dict[str, Any]]

DOCUMENTS: dict[tuple[str, str], Document] = {
    ("ca", "install"): install.ca,
    ("ca", "configure"): certificate.configure,
    ("ca", "request"): certificate.request,
    ("consul", "secrets"): secrets.consul,
    ("vault_init", "secrets"): secrets.vault_init,
    ("nomad", "secrets"): secrets.nomad,
    ("consul", "bootstrap"): bootstrap.consul,
    ("vault_init", "bootstrap"): bootstrap.vault,
    ("nomad", "bootstrap"): bootstrap.nomad,
    ("vault_workloads", "bootstrap"): bootstrap.workloads,
    ("vault_unseal", "verify"): unseal.vault,
    ("cni", "install"): install.product,
    ("docker", "install"): install.docker,
    ("nomad", "introduce"): introduce.nomad,
    ("nomad", "drain"): drain.nomad,
    ("node", "observe"): observe.node,
}
for _product in ("consul", "nomad"):
    DOCUMENTS |= {
        (_product, "rekey"): rekey.product,
        (_product, "reissue"): tokens.reissue,
        (_product, "adopt"): tokens.adopt,
    }
for _product in ("consul", "vault", "nomad"):
    DOCUMENTS |= {
        (_product, "install"): install.product,
        (_product, "configure"): configure.product,
        (_product, "start"): start.product,
        (_product, "reload"): certificate.reload,
        (_product, "verify"): verify.product,
        (_product, "hand_over"): hand_over.product,
        (_product, "leave"): leave.product,
        (_product, "remove"): remove.product,
    }
