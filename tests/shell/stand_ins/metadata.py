"""The instance metadata service, version 2 only: a token first, then facts and the role's credentials."""

import json
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.shell.stand_ins.serving import end, serve

ROLE = "quorate-test-servers"


class Metadata:
    def __init__(self, *, address: str = "127.0.0.1", credentials: dict[str, str] | None = None) -> None:
        self.facts = {"instance-id": "i-0123456789abcdef0", "local-ipv4": address}
        self.tokens: set[str] = set()
        self.credentials = credentials or {
            "AccessKeyId": "ASIAQUORATETEST00001",
            "SecretAccessKey": "s3cr3t/" + secrets.token_hex(16),
            "Token": "session+" + secrets.token_urlsafe(60) + "/==",
        }
        self.has_role = True
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                seconds = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
                if self.path != "/latest/api/token" or not seconds.isdigit():
                    return self._answer(400, "")
                token = secrets.token_urlsafe(40)
                owner.tokens.add(token)
                return self._answer(200, token)

            def do_GET(self) -> None:
                if self.headers.get("X-aws-ec2-metadata-token") not in owner.tokens:
                    return self._answer(401, "")
                text = owner.lookup(self.path.removeprefix("/latest/meta-data/"))
                return self._answer(404, "") if text is None else self._answer(200, text)

            def _answer(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        serve(self._server)

    def lookup(self, path: str) -> str | None:
        if path == "iam/security-credentials/":
            return ROLE if self.has_role else None
        if path == f"iam/security-credentials/{ROLE}":
            return json.dumps(
                {"Code": "Success", "Type": "AWS-HMAC", **self.credentials, "Expiration": "2099-01-01T00:00:00Z"},
                indent=2,
            )
        return self.facts.get(path)

    def close(self) -> None:
        end(self._server)
