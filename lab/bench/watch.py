"""The clock of a formation: when the job's allocation ran, and when all voters of all three products voted.

Quorate's run and the floor's are watched by the same eyes: the products' own APIs, asked from outside.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from lab.laboratory import SAMPLE_JOB
from lab.survey import ProductSurvey
from lab.survey.apis import ApiError, Apis
from lab.survey.products import ProductSurveyor
from lambdas.domain.config import PRODUCTS, ClusterConfig, Product

POLL_SECONDS = 0.25
PATIENCE_SECONDS = 240.0
"""Several times what either side takes on a busy machine of two processors: who is not there by then is stuck."""

ASKING_ORDER: tuple[Product, ...] = ("consul", "nomad", "vault")
"""Vault's answer costs its node a login, so it is asked for last."""


class NotFormedError(Exception):
    """It took longer than anybody waits; the message says what was still missing."""


@dataclass
class Times:
    """Seconds since the hosts were let go."""

    voters: dict[str, float] = field(default_factory=dict)
    """By product."""
    job_submitted: float | None = None
    job_running: float | None = None

    @property
    def all_voters(self) -> float:
        return max(self.voters.values())

    @property
    def missing(self) -> list[str]:
        """What a formation has, and this one has not yet."""
        votes = [f"the voters of {product}" for product in PRODUCTS if product not in self.voters]
        return votes + ([] if self.job_running is not None else [f"a running allocation of {SAMPLE_JOB}"])


class Watch:
    """`nomad_servers` gives addresses. `submit` is tried until it succeeds; None where somebody else submits.

    `look` is called at every turn: it may raise to end the watch, or tell of progress.
    """

    def __init__(
        self,
        config: ClusterConfig,
        surveyor: ProductSurveyor,
        apis: Apis,
        nomad_servers: Callable[[], list[str]],
        submit: Callable[[], None] | None,
        look: Callable[[Times, float], None],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._config = config
        self._surveyor = surveyor
        self._apis = apis
        self._nomad_servers = nomad_servers
        self._submit = submit
        self._look = look
        self._patience_seconds = patience_seconds
        self._seen: dict[Product, ProductSurvey] = {}

    def until_formed(self, started_at: float) -> Times:
        """Call from a thread that reaches the hosts. Raises NotFormedError."""
        times = Times()
        while times.missing:
            now = time.monotonic() - started_at
            if now > self._patience_seconds:
                seen = "".join(f"\n{product}: {self._seen.get(product, 'not asked')}" for product in PRODUCTS)
                raise NotFormedError(f"after {now:.0f} s still missing: {', '.join(times.missing)}{seen}")
            self._look(times, now)
            self._watch_voters(times, started_at)
            self._watch_job(times, started_at)
            time.sleep(POLL_SECONDS)
        return times

    def _watch_voters(self, times: Times, started_at: float) -> None:
        """One product after another."""
        for product in ASKING_ORDER:
            if product in times.voters:
                continue
            seen = self._seen[product] = self._surveyor.product(product)
            if len(seen.voters) < self._config.voters(product):
                return
            times.voters[product] = time.monotonic() - started_at

    def _watch_job(self, times: Times, started_at: float) -> None:
        if "consul" not in times.voters or times.job_running is not None:
            return
        with suppress(ApiError, ClientError):
            if self._submit and times.job_submitted is None:
                self._submit()
                times.job_submitted = time.monotonic() - started_at
            found = self._apis.first("nomad", self._nomad_servers(), f"job/{SAMPLE_JOB}/allocations")
            if any(allocation["ClientStatus"] == "running" for allocation in found):
                times.job_running = time.monotonic() - started_at
