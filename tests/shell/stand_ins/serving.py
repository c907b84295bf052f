"""A server in a thread of its own, which sleeps until somebody comes and ends without delay."""

import contextlib
import socket
import threading
from socketserver import BaseServer, TCPServer


def serve(server: BaseServer) -> None:
    """Without the look around, many times a second, that is `serve_forever`'s way to hear of its end."""
    threading.Thread(target=server.serve_forever, args=(None,), daemon=True).start()


def end(server: TCPServer) -> None:
    """Nothing listens any more; a second time changes nothing."""
    with contextlib.suppress(OSError):  # it is closed already
        server.socket.shutdown(socket.SHUT_RDWR)  # it wakes up over that
    server.shutdown()
    server.server_close()
