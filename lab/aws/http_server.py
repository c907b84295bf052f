"""The embedded AWS over HTTP, for whoever is not in this process: the products, and scripts on hosts.

It is the same state that in-process clients see. With a certificate it speaks TLS, so that hosts reach it under AWS's
own names on port 443.
"""

import contextlib
import io
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import ThreadedWSGIServer

from lab.aws.api_gate import BOTO3_NAMES, LONG_POLLS, failed
from lab.aws.calls import calling_as
from lab.aws.cloud import Cloud
from lab.aws.endpoints import Address, address
from lab.aws.iam.calls import HttpRequest, read
from lab.aws.iam.refusals import Answer, refused
from lab.aws.object_stream import open_object

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0

TLS = "lab.tls"
"""In a request's environment: whether it came over TLS."""

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Certificate(Protocol):
    """PEM files of a server certificate (with its chain) and its key."""

    @property
    def certificate(self) -> Path: ...

    @property
    def key(self) -> Path: ...


class AwsApplication:
    """WSGI: finds the service, counts the call for its caller, and lets moto answer under the big lock."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        wanted = address(environ)
        caller = wanted.instance_id or environ.get("REMOTE_ADDR", "unknown")
        with calling_as(f"host:{caller}"):
            # The body first: a client that sends slowly must not hold the lock.
            body = environ["wsgi.input"].read(*_length(environ))
            service = BOTO3_NAMES.get(wanted.service or "", wanted.service or "unknown")
            if refusal := self._refusal(service, wanted, environ, body):
                self._cloud.calls.record(service, _operation(environ, body))
                return _answered(refused(service, refusal), "Refused", start_response)
            if stream := open_object(self._cloud, wanted, environ):
                self._cloud.calls.record("s3", "GetObject")
                start_response(stream.status, stream.headers)
                return stream
            return self._answer(service, wanted, environ, body, start_response)

    def _refusal(self, service: str, wanted: Address, environ: Environ, body: bytes) -> str | None:
        """Only instances' credentials are restricted; others are the operator's, or none, which S3 judges itself."""
        if wanted.instance_id is None:
            return None
        secure = bool(environ.get(TLS))
        path, _, query = str(environ.get("RAW_URI") or environ["PATH_INFO"]).partition("?")
        request = HttpRequest(
            str(environ["REQUEST_METHOD"]),
            path,
            query or str(environ.get("QUERY_STRING", "")),
            str(environ.get("HTTP_X_AMZ_TARGET", "")),
            body,
            wanted.bucket,
            "HTTP_X_AMZ_COPY_SOURCE" in environ,
            secure,
            str(environ.get("HTTP_X_AMZ_TAGGING", "")),
        )
        with self._cloud.lock:
            return self._cloud.refusal(lambda: read(service, request))

    def _answer(
        self, service: str, wanted: Address, environ: Environ, body: bytes, start_response: StartResponse
    ) -> Iterable[bytes]:
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        environ.pop("wsgi.input_terminated", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        if wanted.host.endswith(".amazonaws.com"):
            environ["HTTP_HOST"] = wanted.host
        operation = _operation(environ, body)
        self._cloud.calls.record(service, operation)
        fault = self._cloud.chaos.api_fault(service, operation)
        if fault and fault.when == "before":
            return _answered(failed(service, fault.code), "Refused", start_response)
        application = self._application(wanted, environ)
        if operation in LONG_POLLS:
            return application(environ, start_response)
        with self._cloud.lock:
            if fault:
                list(application(environ, lambda status, headers: lambda data: None))
                return _answered(failed(service, fault.code), "Failed", start_response)
            return list(application(environ, start_response))

    def _application(self, wanted: Address, environ: Environ) -> Any:
        if "HTTP_AUTHORIZATION" in environ or wanted.service is None:
            return self._moto.get_application(environ)
        # Unsigned, or signed in the query: the name says it, where moto would take it for S3.
        with self._moto.lock:
            backend = self._moto.get_backend_for_host(wanted.host)
            if backend not in self._moto.app_instances:
                self._moto.app_instances[backend] = create_backend_app(backend)
            return self._moto.app_instances[backend]


def _answered(answer: Answer, phrase: str, start_response: StartResponse) -> Iterable[bytes]:
    status, headers, text = answer
    start_response(f"{status} {phrase}", [*headers.items(), ("Content-Length", str(len(text.encode())))])
    return [text.encode()]


def _length(environ: Environ) -> tuple[int, ...]:
    """What to give `read`: nothing for a chunked body, which ends by itself."""
    if environ.get("wsgi.input_terminated"):
        return ()
    return (int(environ.get("CONTENT_LENGTH") or 0),)


def _operation(environ: Environ, body: bytes) -> str:
    """The operation's name where the protocol carries one; else the HTTP method."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    form = body.decode(errors="replace") if "form-urlencoded" in environ.get("CONTENT_TYPE", "") else ""
    action = parse_qs(form or environ.get("QUERY_STRING", "")).get("Action")
    return action[0] if action else str(environ["REQUEST_METHOD"])


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def make_environ(self) -> Environ:
        return super().make_environ() | {TLS: isinstance(self.connection, ssl.SSLSocket)}

    def log(self, type: str, message: str, *args: Any) -> None:
        log.debug(message, *args)


class AwsServer(ThreadedWSGIServer):
    """Listens from construction on; `close` ends it and every connection."""

    daemon_threads = False
    request_queue_size = 256

    def __init__(self, cloud: Cloud, host: str, port: int, certificate: Certificate | None = None) -> None:
        super().__init__(host, port, AwsApplication(cloud), handler=_Handler)
        self._tls = _tls(certificate) if certificate else None
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="aws-http")
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.server_address[:2]
        return str(host), int(port)

    @property
    def url(self) -> str:
        host, port = self.address
        return f"{'https' if self._tls else 'http'}://{host}:{port}"

    def close(self) -> None:
        self.shutdown()
        # The serving thread ends only after those of its connections.
        with self._connections_lock:
            for connection in self._connections:
                _cut(connection)
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread, handshake included: nobody can hold up the others with theirs."""
        connection = request
        try:
            if self._tls:
                connection = self._shake_hands(self._tls, request)
            super().finish_request(connection, client_address)
        except OSError as error:
            log.debug("connection from %s ended: %s", client_address, error)
        finally:
            with self._connections_lock:
                self._connections -= {request, connection}
            # The library closes the socket that it accepted, which TLS has taken the connection from.
            _cut(connection)
            connection.close()

    def _shake_hands(self, tls: ssl.SSLContext, request: socket.socket) -> socket.socket:
        request.settimeout(HANDSHAKE_SECONDS)
        connection = tls.wrap_socket(request, server_side=True)
        connection.settimeout(None)
        with self._connections_lock:
            self._connections.add(connection)
        return connection


def _tls(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have ended by itself
        connection.shutdown(socket.SHUT_RDWR)
