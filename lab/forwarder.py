"""Loopback ports of this machine that lead to a product's servers in the lab's network.

The listening socket is made outside of the lab's network namespace, the connection behind it inside.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

CONNECT_SECONDS = 5.0
CHUNK_BYTES = 65_536

Targets = Callable[[], list[tuple[str, int]]]


class Forwarder:
    """Listens on 127.0.0.1:`port`, or on any free port where that is taken; each connection goes to the first of
    `targets` that accepts."""

    def __init__(self, port: int, targets: Targets, inside: Callable[[], AbstractContextManager[Any]]) -> None:
        self._targets = targets
        self._inside = inside
        try:
            self._listener = socket.create_server(("127.0.0.1", port))
        except OSError:
            self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"forward-{self.port}", daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(connection,), daemon=True).start()

    def _forward(self, connection: socket.socket) -> None:
        with connection:
            server = self._connect()
            if server is None:
                return
            with server:
                back = threading.Thread(target=_copy, args=(server, connection), daemon=True)
                back.start()
                _copy(connection, server)
                back.join()

    def _connect(self) -> socket.socket | None:
        with self._inside():
            for target in self._targets():
                with contextlib.suppress(OSError):
                    connection = socket.create_connection(target, CONNECT_SECONDS)
                    connection.settimeout(None)
                    return connection
        return None


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
