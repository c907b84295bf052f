"""What end-to-end tests ask a cluster in the lab."""

import ssl
import urllib.error
import urllib.request

from lab.laboratory import Laboratory
from lab.survey import Survey
from lambdas.domain.config import PRODUCTS

PORTS = {"consul": 8501, "vault": 8200, "nomad": 4646}


def assert_quorate(survey: Survey, voters: int) -> None:
    """Every product has one leader, so many voters that nobody else is one, one cluster, and nothing sealed."""
    for product in PRODUCTS:
        seen = survey.products[product]
        assert seen.problem is None, f"{product}: {seen.problem}"
        assert len(seen.voters) == voters, f"{product}: voters {seen.voters}, others {seen.non_voters}"
        assert not seen.non_voters
        assert seen.leader in seen.voters
        assert seen.clusters == 1
    sealed = survey.products["vault"].sealed
    assert len(sealed) == voters
    assert not any(sealed.values())


def executions(lab: Laboratory, machine: str, status: str | None = None) -> list[str]:
    return [one.name for one in lab.aws.executions(machine) if status in (None, one.status)]


def get(lab: Laboratory, url: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and text of a request from inside the lab's network, TLS verified by the cluster's CA alone."""
    context = ssl.create_default_context(cadata=lab.apis.authority()) if url.startswith("https") else None
    request = urllib.request.Request(url, headers=headers or {})  # noqa: S310
    with lab.data_center.inside():
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode(errors="replace")
