"""A port of this machine's loopback that leads to a host: how a browser or a CLI reaches what runs in the lab."""

import contextlib
import socket
import socketserver
import threading

from lab.hosts.network import LabNetwork

DIAL_SECONDS = 5.0
SHUTDOWN_POLL_SECONDS = 0.05
PIECE_BYTES = 65_536


class Doorway:
    """Passes each TCP connection to 127.0.0.1:`port` on to `address`:`target_port` inside the lab, until closed.

    The bytes pass unread: TLS is between the caller and the host.
    """

    def __init__(self, network: LabNetwork, address: str, target_port: int, port: int = 0) -> None:
        class Passage(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                _pass(self.request, network, (address, target_port))

        self._server = _Server(("127.0.0.1", port), Passage)
        self.port: int = self._server.server_address[1]
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(SHUTDOWN_POLL_SECONDS,), name="doorway", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False  # passages end with their connections, not with the doorway


def _pass(caller: socket.socket, network: LabNetwork, target: tuple[str, int]) -> None:
    try:
        with network.enter():
            host = socket.create_connection(target, DIAL_SECONDS)
    except OSError:
        return  # as refused or unreachable there, closed here
    with host:
        host.settimeout(None)
        answering = threading.Thread(target=_pour, args=(host, caller), daemon=True)
        answering.start()
        _pour(caller, host)
        answering.join()


def _pour(source: socket.socket, sink: socket.socket) -> None:
    """Until the source has ended; then the sink hears of it, and may still answer."""
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
