"""A client as applications have one: it keeps a connection to one server, and goes on to another when that refuses."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 10.0
"""Longer than Consul's and Nomad's servers hold a request back while there is no leader (rpc_hold_timeout, 7 s)."""

PATIENCE_SECONDS = 3.0
"""In which servers are asked again while none takes a request: what Vault's own client spends on its two repetitions
of 1 to 1.5 s (api.DefaultConfig)."""

ROUND_PAUSE_SECONDS = 0.25

Connect = Callable[[str], http.client.HTTPConnection]


class RefusedError(Exception):
    """No server took it. `refusals` is what each of them said."""

    def __init__(self, refusals: Sequence[str]) -> None:
        super().__init__(refusals[-1] if refusals else "no server is there")
        self.refusals = tuple(refusals)


class Client:
    """For one thread. `servers` gives the addresses that a load balancer would send to, at this moment."""

    def __init__(
        self,
        servers: Callable[[], Sequence[str]],
        connect: Connect,
        headers: Mapping[str, str],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._servers = servers
        self._connect = connect
        self._headers = dict(headers)
        self._patience_seconds = patience_seconds
        self._address: str | None = None
        self._connection: http.client.HTTPConnection | None = None

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[Any, tuple[str, ...]]:
        """The answer's JSON, and what servers said before that did not take it. Raises RefusedError."""
        refusals: list[str] = []
        ends_at = time.monotonic() + self._patience_seconds
        while True:
            for address in self._candidates():
                try:
                    return self._ask(address, method, path, body), tuple(refusals)
                except (OSError, http.client.HTTPException, ValueError) as error:
                    refusals.append(f"{address}: {error or type(error).__name__}"[:200])
                    self.close()
            if time.monotonic() >= ends_at:
                raise RefusedError(refusals)
            time.sleep(ROUND_PAUSE_SECONDS)

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = self._address = None

    def _candidates(self) -> Iterator[str]:
        """The server of last time, then all others that there are by then."""
        last = self._address
        if last is not None:
            yield last
        yield from (address for address in self._servers() if address != last)

    def _ask(self, address: str, method: str, path: str, body: bytes | None) -> Any:
        """A connection that its server closed while nobody used it is made anew, once, as Go's client does."""
        if self._connection is not None and self._address == address:
            try:
                return self._exchange(self._connection, method, path, body)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                pass
        self.close()
        connection = self._connect(address)
        connection.connect()
        connection.sock.settimeout(ANSWER_SECONDS)
        self._connection, self._address = connection, address
        return self._exchange(connection, method, path, body)

    def _exchange(self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None) -> Any:
        connection.request(method, f"/v1/{path}", body, self._headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        if not 200 <= answer.status < 300:
            raise http.client.HTTPException(f"{answer.status} {text.strip()}")
        return json.loads(text) if text.strip() else None
