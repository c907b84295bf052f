"""An HTTPS API on loopback that a product would have: handlers of a subclass answer, every request is noted."""

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.shell.stand_ins.serving import end, serve

Answer = tuple[int, Any]


class Product:
    """`answer(method, path, query, body, token)` says status and JSON; strings go out as they are."""

    token_header: str

    def __init__(self, certificate: Path, key: Path, authority: Path) -> None:
        self.requests: list[tuple[str, str]] = []
        self.writes: list[str] = []
        self.refused: set[str] = set()
        """Paths that are answered with a 400."""
        self.instead: dict[str, Answer] = {}
        """Answers that take the place of the product's own, by path."""
        self.reloads: Callable[[], tuple[Path, Path] | None] = lambda: None
        """Asked before each connection: certificate and key to serve from now on, where it was told to reload."""
        self.done: Callable[[str], object] = lambda what: None
        """Called with "METHOD path" when a request has been worked off and its answer is not out yet."""
        self._lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def handle_any(self) -> None:
                split = urlsplit(self.path)
                path = split.path.removeprefix("/v1/")
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                token = self.headers.get(owner.token_header, "")
                certified = bool(self.connection.getpeercert())  # type: ignore[attr-defined]
                with owner._lock:
                    owner.requests.append((self.command, path))
                    query = {name: values[0] for name, values in parse_qs(split.query).items()}
                    parsed = json.loads(body) if body else {}
                    if path in owner.refused:
                        status, reply = 400, {"errors": ["refused"]}
                    elif path in owner.instead:
                        status, reply = owner.instead[path]
                    else:
                        status, reply = owner.answer(self.command, path, query, parsed, token, certified)
                    if self.command not in ("GET", "LIST") and status < 300:
                        owner.writes.append(f"{self.command} {path}")
                    owner.done(f"{self.command} {path}")
                content = reply if isinstance(reply, str) else json.dumps(reply)
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content.encode())

            do_GET = do_PUT = do_POST = do_DELETE = do_LIST = handle_any  # noqa: N815 the library's names

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_cert_chain(certificate, key)

        class Server(ThreadingHTTPServer):
            def get_request(self) -> Any:
                if pair := owner.reloads():
                    context.load_cert_chain(*pair)
                return super().get_request()

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        serve(self._server)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str, certified: bool) -> Answer:
        raise NotImplementedError

    def close(self) -> None:
        end(self._server)
