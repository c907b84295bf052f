"""One writer for each product, in a thread of its own inside the lab's network, from `with` to its end."""

import http.client
import itertools
import logging
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from types import TracebackType

from lab.laboratory import Laboratory
from lab.survey.apis import PORTS, TOKEN_HEADERS
from lab.writers.client import CONNECT_SECONDS, Client, RefusedError
from lab.writers.ledger import Ledger, Write
from lab.writers.targets import TARGETS, Target
from lab.writers.vault_access import make_writers_token
from lambdas.domain.config import Product

PACE_SECONDS = 0.15
"""Between the starts of two writes; a write that takes longer is followed by the next at once."""

READ_PATIENCE_SECONDS = 30.0

log = logging.getLogger(__name__)


class Writers:
    """The cluster has to be formed. `ledgers` may be read at any time, `lost` after the end."""

    def __init__(self, lab: Laboratory, pace_seconds: float = PACE_SECONDS) -> None:
        self._lab = lab
        self._pace_seconds = pace_seconds
        self._run = uuid.uuid4().hex[:8]
        self._epoch = time.time() - time.monotonic()
        self._stopping = threading.Event()
        self._headers: dict[Product, Mapping[str, str]] = {}
        self._threads: list[threading.Thread] = []
        self.ledgers: dict[Product, Ledger] = {}

    def __enter__(self) -> "Writers":
        with self._lab.data_center.inside():
            for target in TARGETS:
                self._headers[target.product] = self._authorise(target.product)
        for target in TARGETS:
            self.ledgers[target.product] = Ledger(self._now())
            thread = threading.Thread(target=self._write, args=(target,), name=f"writer-{target.product}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        for ledger in self.ledgers.values():
            ledger.close(self._now())

    def lost(self) -> dict[Product, list[int]]:
        """Acknowledged writes that cannot be read any more, by product. Raises RefusedError."""
        assert self._stopping.is_set(), "still writing"
        missing = {}
        with self._lab.data_center.inside():
            for target in TARGETS:
                ledger = self.ledgers[target.product]
                numbers = [write.number for write in ledger.acknowledged]
                client = self._client(target.product, patience_seconds=READ_PATIENCE_SECONDS)
                missing[target.product] = ledger.missing(target.read(client, self._run, numbers) if numbers else ())
                client.close()
        return missing

    def _write(self, target: Target) -> None:
        ledger = self.ledgers[target.product]
        with self._lab.data_center.inside():
            client = self._client(target.product)
            for number in itertools.count():
                if self._stopping.is_set():
                    break
                write = self._write_once(target, client, number)
                ledger.add(write)
                if not write.acknowledged:
                    log.warning("%s took no write: %s", target.product, write.refusals[-1:])
                self._stopping.wait(max(0.0, write.started_at + self._pace_seconds - self._now()))
            client.close()

    def _write_once(self, target: Target, client: Client, number: int) -> Write:
        started_at = self._now()
        try:
            refusals, acknowledged = target.write(client, self._run, number), True
        except RefusedError as error:
            refusals, acknowledged = error.refusals, False
        return Write(number, started_at, self._now(), acknowledged, refusals)

    def _client(self, product: Product, **options: float) -> Client:
        return Client(
            lambda: self._in_service(product), self._connect_to(product), self._headers.get(product, {}), **options
        )

    def _authorise(self, product: Product) -> Mapping[str, str]:
        if product in TOKEN_HEADERS:
            return {TOKEN_HEADERS[product]: self._lab.apis.management_token(product)}
        token = make_writers_token(
            self._lab.aws.client("secretsmanager"),
            self._lab.config.name,
            lambda headers: Client(lambda: self._in_service(product), self._connect_to(product), headers),
        )
        return {"X-Vault-Token": token}

    def _in_service(self, product: Product) -> list[str]:
        """Where a load balancer in front of the groups would send to."""
        groups = self._lab.aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        serving = {
            one["InstanceId"] for group in groups for one in group["Instances"] if one["LifecycleState"] == "InService"
        }
        return [address for instance, address in sorted(self._lab.servers(product).items()) if instance in serving]

    def _connect_to(self, product: Product) -> Callable[[str], http.client.HTTPConnection]:
        """TLS as everybody else has it, verified by the cluster's CA alone."""
        context = ssl.create_default_context(cadata=self._lab.apis.authority())

        def connect(address: str) -> http.client.HTTPConnection:
            return http.client.HTTPSConnection(address, PORTS[product], timeout=CONNECT_SECONDS, context=context)

        return connect

    def _now(self) -> float:
        return self._epoch + time.monotonic()
