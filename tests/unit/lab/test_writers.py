"""The book-keeping of the writers, and how their client goes on to another server. Real products: tests/e2e."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lab.writers import Ledger, Write
from lab.writers.client import Client, RefusedError


def ledger(*ends: tuple[float, bool]) -> Ledger:
    """Writes by when they ended, a moment after they began, and whether they were acknowledged."""
    made = Ledger(began_at=100.0)
    for number, (ended_at, acknowledged) in enumerate(ends):
        refusals = () if acknowledged else ("10.0.0.1: 500 No cluster leader",)
        made.add(Write(number, ended_at - 0.01, ended_at, acknowledged, refusals))
    return made


def test_the_longest_gap_lies_between_two_acknowledgements_and_failures_do_not_end_it() -> None:
    found = ledger((100.1, True), (100.2, True), (101.0, False), (103.2, True), (103.3, True))
    assert found.longest_gap.seconds == pytest.approx(3.0)
    assert found.longest_gap.began_at == pytest.approx(100.2)
    assert (len(found.writes), len(found.failed), found.refused) == (5, 1, 1)


def test_time_before_the_first_and_after_the_last_acknowledgement_counts() -> None:
    late = ledger((104.0, True), (104.1, True))
    assert late.longest_gap.seconds == pytest.approx(4.0)
    late.close(110.1)
    assert (late.longest_gap.seconds, late.longest_gap.began_at) == pytest.approx((6.0, 104.1))


def test_with_no_acknowledgement_all_of_the_time_is_one_gap() -> None:
    silent = ledger((101.0, False), (102.0, False))
    assert silent.longest_gap.seconds == 0.0
    silent.close(103.0)
    assert silent.longest_gap.seconds == pytest.approx(3.0)


def test_what_was_acknowledged_and_cannot_be_read_is_missing_and_what_failed_is_not() -> None:
    found = ledger((100.1, True), (100.2, False), (100.3, True), (100.4, True))
    assert found.missing([0, 1, 3]) == [2]
    assert found.missing([0, 2, 3]) == []


def test_the_json_tells_why_the_last_failed_write_was_refused() -> None:
    told = ledger((100.1, True), (101.0, False)).as_json()
    assert (told["writes"], told["failed"], told["last_refusals"]) == (2, 1, ["10.0.0.1: 500 No cluster leader"])
    json.dumps(told)


class Server:
    """Answers each request with its status, whatever is asked."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked = 0
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                outer.connections += 1

            def do_PUT(self) -> None:
                outer.asked += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b"true" if outer.status == 200 else b"No cluster leader"
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = outer.status == 200 and outer.asked == 1 and outer.closes_once

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.closes_once = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Of the two, the first refuses."""
    made = [Server(500), Server(200)]
    with ExitStack() as stack:
        for server in made:
            stack.callback(server.close)
        yield made


def connect(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(address, timeout=2.0)


def test_a_server_that_refuses_is_followed_by_the_next_which_is_kept(servers: list[Server]) -> None:
    client = Client(lambda: [server.address for server in servers], connect, {})
    answer, refusals = client.request("PUT", "kv/a", b"1")
    assert answer is True
    assert [refusal.split(": ", 1)[1] for refusal in refusals] == ["500 No cluster leader"]
    assert client.request("PUT", "kv/b", b"2") == (True, ())
    client.close()
    assert [server.asked for server in servers] == [1, 2]
    assert servers[1].connections == 1, "the connection was kept"


def test_a_connection_that_the_server_closed_meanwhile_is_no_refusal(servers: list[Server]) -> None:
    servers[1].closes_once = True
    client = Client(lambda: [servers[1].address], connect, {})
    assert client.request("PUT", "kv/a", b"1") == (True, ())
    assert client.request("PUT", "kv/b", b"2") == (True, ())
    client.close()
    assert servers[1].connections == 2


def test_where_nobody_takes_it_each_server_is_asked_again_until_patience_ends(servers: list[Server]) -> None:
    client = Client(lambda: [servers[0].address], connect, {}, patience_seconds=0.3)
    with pytest.raises(RefusedError, match="500 No cluster leader") as refused:
        client.request("PUT", "kv/a", b"1")
    client.close()
    assert len(refused.value.refusals) == servers[0].asked >= 2


def test_nobody_there_is_a_refusal_too() -> None:
    with pytest.raises(RefusedError, match="no server is there"):
        Client(list, connect, {}, patience_seconds=0.0).request("PUT", "kv/a", b"1")
