"""How commands talk to the lab's background process: one JSON request a connection, one JSON answer, over a socket
that only its user can open."""

import contextlib
import json
import logging
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

Verb = Callable[..., Any]


class RefusedError(Exception):
    """The background process could not do what was asked; the message says why."""


class UnreachableError(Exception):
    """No background process answers at the socket."""


def ask(path: str, verb: str, timeout_seconds: float = 60.0, **arguments: Any) -> Any:
    """Raises RefusedError, UnreachableError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_seconds)
        try:
            connection.connect(path)
            connection.sendall(json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
        except OSError as error:
            raise UnreachableError(f"the lab does not answer: {error}") from error
    if not line:
        raise UnreachableError("the lab ended before it answered")
    answer = json.loads(line)
    if "refused" in answer:
        raise RefusedError(answer["refused"])
    return answer["answer"]


class ControlServer:
    """Serves `verbs`, each in a thread of its own, until closed."""

    def __init__(self, path: str, verbs: Mapping[str, Verb]) -> None:
        class Handler(_Handler):
            known = verbs

        Path(path).unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = _Server(path, Handler)
        finally:
            os.umask(before)
        self._path = path
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="control", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        Path(self._path).unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Handler(socketserver.StreamRequestHandler):
    known: Mapping[str, Verb]

    def handle(self) -> None:
        line = self.rfile.readline()
        if not line:
            return
        request = json.loads(line)
        try:
            verb = self.known.get(request["verb"])
            if verb is None:
                raise LookupError(f"the lab knows no {request['verb']!r}; it may be of an older version: make down")
            answer = {"answer": verb(**request["arguments"])}
        except (LookupError, ValueError, OSError) as error:
            answer = {"refused": str(error)}
        except Exception as error:
            log.exception("%s failed", request["verb"])
            answer = {"refused": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(BrokenPipeError):  # who asked has gone
            self.wfile.write(json.dumps(answer, default=str).encode() + b"\n")
