"""The products' APIs as an operator calls them: over TLS that is verified, with the tokens of Secrets Manager."""

import json
import ssl
import urllib.error
import urllib.request
from contextlib import suppress
from typing import Any

from lambdas.domain import names
from lambdas.domain.config import ClusterConfig

PORTS = {"consul": 8501, "vault": 8200, "nomad": 4646}
TOKEN_HEADERS = {"consul": "X-Consul-Token", "nomad": "X-Nomad-Token"}
TIMEOUT_SECONDS = 5.0


class ApiError(Exception):
    """An API answered with an error, or not at all. `status` is 0 for the latter."""

    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f"{what}: {status or 'no answer'} {text[:200]}".rstrip())
        self.status = status


class Apis:
    """Calls to servers by their addresses. Call from a thread that can reach them."""

    def __init__(self, client: Any, config: ClusterConfig) -> None:
        """`client` gives a boto3 client by service name."""
        self._client = client
        self._config = config
        self._context: ssl.SSLContext | None = None
        self._tokens: dict[str, str] = {}

    def call(
        self, product: str, address: str, path: str, body: Any = None, *, method: str | None = None, token: bool = True
    ) -> Any:
        """The answer's JSON. With `token`, as the product's management token."""
        headers = {"Content-Type": "application/json"}
        if token and product in TOKEN_HEADERS:
            headers[TOKEN_HEADERS[product]] = self.management_token(product)
        request = urllib.request.Request(
            f"https://{address}:{PORTS[product]}/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers=headers,
            method=method,
        )
        what = f"{product} at {address}: {request.get_method()} {path}"
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=self._tls()) as answer:  # noqa: S310
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise ApiError(what, error.code, error.read().decode(errors="replace")) from error
        except OSError as error:
            raise ApiError(what, 0, str(error)) from error
        return json.loads(text) if text.strip() else None

    def first(self, product: str, addresses: list[str], path: str, body: Any = None) -> Any:
        """The answer of the first server that gives one."""
        problem = ApiError(f"{product}: {path}", 0, "no server is running")
        for address in addresses:
            try:
                return self.call(product, address, path, body)
            except ApiError as error:
                problem = error
        raise problem

    def management_token(self, product: str) -> str:
        if product not in self._tokens:
            secret = f"{names.secrets_prefix(self._config.name)}{product}/management-token"
            self._tokens[product] = self._client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
        return self._tokens[product]

    def authority(self) -> str:
        """The certificates of the cluster's authorities, PEM: of the one that signs and of those beside it."""
        ssm, found = self._client("ssm"), []
        for generation in range(1, self._config.ca_generation + 2):
            with suppress(ssm.exceptions.ParameterNotFound):
                name = names.ca_parameter(self._config.name, generation)
                found.append(str(ssm.get_parameter(Name=name)["Parameter"]["Value"]))
        return "".join(found)

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context(cadata=self.authority())
        return self._context
