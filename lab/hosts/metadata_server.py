"""Serves instance metadata to hosts, over HTTP."""

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.hosts.metadata import Metadata
from lab.hosts.network import METADATA_ADDRESS, LabNetwork

SHUTDOWN_POLL_SECONDS = 0.05


class MetadataServer:
    """Serves `metadata` over HTTP until closed.

    An answer travels `hop_limit` hops: with 1, EC2's default, it reaches the host and no container behind it.
    """

    def __init__(self, metadata: Metadata, address: str, port: int, hop_limit: int = 1) -> None:
        class Handler(_Handler):
            answerer = metadata

        self._server = _Server((address, port), Handler)
        self._server.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hop_limit)
        self.port: int = self._server.server_address[1]
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(SHUTDOWN_POLL_SECONDS,), name="metadata", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def serve_metadata(network: LabNetwork, metadata: Metadata, hop_limit: int = 1) -> MetadataServer:
    """Serve at the address that every SDK knows, inside the lab's network."""
    with network.enter():
        return MetadataServer(metadata, METADATA_ADDRESS, 80, hop_limit)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # every host asks at the same moment: when it boots

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A host that is switched off while it asks is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    answerer: Metadata
    server_version, sys_version = "EC2ws", ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._respond()

    def do_HEAD(self) -> None:
        self._respond()

    def do_PUT(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def _respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.answerer.answer(self.command, self.path, self.headers, self.client_address[0])
        body = answer.body.encode()
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent: SDKs ask all the time."""
