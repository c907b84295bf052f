"""A client's calls to moto in the same process: what only a wire needs is left out.

A signature that nobody checks, and a request that a dozen handlers put together to be taken apart again. A client still
checks parameters, writes the body and reads the answer by the service's model, and tries again as it would.
"""

import json
import re
from typing import Any

from botocore.auth import STREAMING_UNSIGNED_PAYLOAD_TRAILER
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, prepare_request_dict
from botocore.client import BaseClient, ClientMeta
from botocore.endpoint import convert_to_response_dict
from botocore.model import OperationModel
from botocore.signers import RequestSigner
from botocore.utils import lowercase_dict
from moto.core.models import botocore_stubber

from lab.aws.cloud import Cloud
from lab.aws.direct_answers import DirectAnswer
from lab.aws.item_answers import ITEM_OPERATIONS
from lab.aws.requests import FormRequest, reaches_aws

_BYTES = re.compile(rb'"BS?":')
"""Of an attribute that holds bytes; one that has such a name is taken for it."""


class ClientCalls:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        self._cloud.seams.wrap(BaseClient, "_make_api_call", _without_preparation)
        self._cloud.seams.wrap(RequestSigner, "sign", _without_signature)


def _without_preparation(make_api_call: Any) -> Any:
    def call(client: BaseClient, operation_name: str, api_params: dict[str, Any]) -> Any:
        model = client._service_model.operation_model(operation_name)
        if _is_short(client.meta, model):
            return _Call(client, model).made(api_params)
        return make_api_call(client, operation_name, api_params)

    return call


def _is_short(meta: ClientMeta, model: OperationModel) -> bool:
    """Whether all of a request is its body, but for the operation in a header; or a function is called, as often is."""
    service = meta.service_model
    rpc = service.resolved_protocol in ("json", "query", "ec2") and model.endpoint is None
    return (rpc or (service.service_name, model.name) == ("lambda", "Invoke")) and reaches_aws(meta.endpoint_url)


class _Call:
    """As `BaseClient._make_api_call` makes it, with the same checks, retries, answers and errors."""

    def __init__(self, client: BaseClient, model: OperationModel) -> None:
        self._client = client
        self._model = model
        self._event = f"{model.service_model.service_id.hyphenize()}.{model.name}"
        self._context: dict[str, Any] = {
            "client_region": client.meta.region_name,
            "client_config": client.meta.config,
            "has_streaming_input": False,
        }

    def made(self, given: dict[str, Any]) -> Any:
        client, model = self._client, self._model
        params = client._emit_api_params(given, model, self._context)
        request = client._serializer.serialize_to_request(params, model)
        prepare_request_dict(request, client.meta.endpoint_url, self._context)
        scope = _scope(client.meta.region_name, client._endpoint._endpoint_prefix)
        headers = {**request["headers"], "Authorization": scope}
        body = request["body"]
        make = FormRequest if isinstance(body, dict) else AWSPreparedRequest
        prepared = make(request["method"], request["url"], headers, body, False)
        http, parsed = self._answered(prepared, request)
        client.meta.events.emit(
            f"after-call.{self._event}", http_response=http, parsed=parsed, model=model, context=self._context
        )
        if http.status_code >= 300:
            raise client.exceptions.from_code(parsed.get("Error", {}).get("Code"))(parsed, model.name)
        return parsed

    def _answered(self, prepared: AWSPreparedRequest, request: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
        attempts, endpoint = 1, self._client._endpoint
        while True:
            answer, error = None, None
            try:
                answer = self._sent(prepared)
            except Exception as raised:
                error = raised
            if answer and answer[0].status_code < 300:
                break
            endpoint._update_retries_context(self._context, attempts, answer)
            if not endpoint._needs_retry(attempts, self._model, request, answer, error):
                break
            attempts += 1
        if error is not None:
            raise error
        assert answer is not None
        answer[1]["ResponseMetadata"]["RetryAttempts"] = attempts - 1
        return answer

    def _sent(self, prepared: AWSPreparedRequest) -> tuple[AWSResponse, dict[str, Any]]:
        with DirectAnswer(self._model) as direct:
            http = botocore_stubber(f"before-send.{self._event}", prepared)
        if http is None:
            raise RuntimeError(f"{self._event} to {prepared.url}: no embedded AWS answers")
        if direct.parsed is not None and http.status_code < 300:
            return http, {**direct.parsed, "ResponseMetadata": _metadata(http)}
        parser = self._client._response_parser
        answer = convert_to_response_dict(http, self._model)
        parsed = _items(http, self._model) or parser.parse(answer, self._model.output_shape)
        if http.status_code >= 300:
            self._client._endpoint._add_modeled_error_fields(answer, parsed, self._model, parser)
        return http, parsed


def _items(http: AWSResponse, model: OperationModel) -> dict[str, Any] | None:
    """DynamoDB's answer as it is, which is what walking it by its shape gives, unless bytes are in it."""
    if model.name not in ITEM_OPERATIONS or http.status_code >= 300 or _BYTES.search(http.content):
        return None
    return {**json.loads(http.content), "ResponseMetadata": _metadata(http)}


def _metadata(http: AWSResponse) -> dict[str, Any]:
    metadata = {"HTTPStatusCode": http.status_code, "HTTPHeaders": lowercase_dict(http.headers)}
    if request_id := http.headers.get("x-amzn-requestid"):
        metadata["RequestId"] = request_id
    return metadata


def _without_signature(sign: Any) -> Any:
    def name_only(signer: RequestSigner, operation_name: str, request: Any, *more: Any, **named: Any) -> None:
        signing_type = more[1] if len(more) > 1 else named.get("signing_type", "standard")
        if signing_type != "standard" or not reaches_aws(request.url):
            sign(signer, operation_name, request, *more, **named)
            return
        request.headers["Authorization"] = _scope(signer._region_name, signer.signing_name)
        algorithm = request.context.get("checksum", {}).get("request_algorithm")
        if isinstance(algorithm, dict) and algorithm["in"] == "trailer":
            # A signer says so, too: without it moto keeps the body as it came, its chunks and its trailer with it.
            request.headers["X-Amz-Content-SHA256"] = STREAMING_UNSIGNED_PAYLOAD_TRAILER

    return name_only


def _scope(region: str, service: str) -> str:
    """Whose call it is, for which region: moto takes that from there where the host does not say it."""
    return f"AWS4-HMAC-SHA256 Credential=LAB/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=-"
