"""Lambda@Edge events: from a request or response to the JSON of an event, and back with the rules checked.

Source: Amazon CloudFront Developer Guide, "Lambda@Edge event structure", "Generate HTTP responses in request
triggers" and "Restrictions on edge functions".
"""

from __future__ import annotations

import base64
import binascii
import json
from http import HTTPStatus
from typing import Any

from multidict import CIMultiDict

from localcloud.data.messages import Request, Response

from .edge_rules import check_headers, failed_validation, hidden
from .pages import EdgeFailure

VIEWER_REQUEST, ORIGIN_REQUEST = "viewer-request", "origin-request"
VIEWER_RESPONSE, ORIGIN_RESPONSE = "viewer-response", "origin-response"

_BODY_LIMIT = {VIEWER_REQUEST: 40 * 1024, ORIGIN_REQUEST: 1024 * 1024}
"""Bytes of a request body that a function sees."""
_GENERATED_LIMIT = {VIEWER_REQUEST: 40 * 1024, ORIGIN_REQUEST: 1024 * 1024, ORIGIN_RESPONSE: 1024 * 1024}
_REPLACED_LIMIT = {VIEWER_REQUEST: 40 * 1024, ORIGIN_REQUEST: 1024 * 1024}


def make_event(config: dict[str, str], cf: dict[str, Any]) -> dict[str, Any]:
    """The event with its one record."""
    return {"Records": [{"cf": {"config": config, **cf}}]}


def encode(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def request_json(
    request: Request, event_type: str, *, include_body: bool, origin: dict[str, Any] | None
) -> dict[str, Any]:
    """The `request` of an event; `origin` only for origin events."""
    value: dict[str, Any] = {
        "clientIp": request.client_ip,
        "headers": headers_json(request.headers),
        "method": request.method,
        "querystring": request.query,
        "uri": request.path,
    }
    if origin is not None:
        value["origin"] = origin
    if include_body and event_type in _BODY_LIMIT:
        limit = _BODY_LIMIT[event_type]
        value["body"] = {
            "action": "read-only",
            "data": base64.b64encode(request.body[:limit]).decode(),
            "encoding": "base64",
            "inputTruncated": len(request.body) > limit,
        }
    return value


def response_json(response: Response) -> dict[str, Any]:
    return {
        "headers": headers_json(response.headers),
        "status": str(response.status),
        "statusDescription": _phrase(response.status),
    }


def headers_json(headers: CIMultiDict[str]) -> dict[str, list[dict[str, str]]]:
    value: dict[str, list[dict[str, str]]] = {}
    for name, text in headers.items():
        if not hidden(name):
            value.setdefault(name.lower(), []).append({"key": name, "value": text})
    return value


def is_response(result: Any) -> bool:
    """Whether a request trigger generated a response instead of returning the request."""
    return isinstance(result, dict) and "status" in result


def apply_request(request: Request, result: Any, event_type: str) -> dict[str, Any] | None:
    """Take over what a request trigger changed; returns the `origin` that it gave. Raises EdgeFailure (502)."""
    if not isinstance(result, dict):
        raise _invalid("The Lambda function returned invalid json: The json output must be an object type.")
    uri = str(result.get("uri", ""))
    if not uri.startswith("/"):
        raise failed_validation("The URI must begin with a forward slash.")
    if result.get("method", request.method) != request.method:
        raise failed_validation("The function tried to change the HTTP method, which is read-only.")
    after = parse_headers(result.get("headers"))
    check_headers(request.headers, after, event_type)
    request.headers = _with_hidden(request.headers, after)
    request.path, request.query = uri, str(result.get("querystring") or "")
    _replace_body(request, result.get("body"), event_type)
    return result.get("origin")


def generated_response(result: dict[str, Any], event_type: str) -> Response:
    """The response that a request trigger made; raises EdgeFailure (502) when CloudFront would not take it."""
    response = Response(_status(result), parse_headers(result.get("headers")), _body(result))
    check_headers(CIMultiDict(), response.headers, event_type)
    if response.status == HTTPStatus.NO_CONTENT and response.body and event_type == VIEWER_REQUEST:
        raise failed_validation("A response with the status 204 must not have a body.")
    size = len(response.body) + sum(len(name) + len(value) for name, value in response.headers.items())
    if size > _GENERATED_LIMIT[event_type]:
        raise failed_validation("The response is larger than the size limit.")
    return response


def apply_response(response: Response, result: Any, event_type: str) -> None:
    """Take over what a response trigger changed; raises EdgeFailure (502)."""
    if not isinstance(result, dict):
        raise _invalid("The Lambda function returned invalid json: The json output must be an object type.")
    status = _status(result)
    if event_type == VIEWER_RESPONSE and status != response.status:
        raise failed_validation("The function tried to change the status, which is read-only.")
    after = parse_headers(result.get("headers"))
    check_headers(response.headers, after, event_type)
    response.headers = _with_hidden(response.headers, after)
    response.status = status
    if event_type == ORIGIN_RESPONSE and "body" in result:
        response.body, response.stream = _body(result), None
        if len(response.body) > _GENERATED_LIMIT[event_type]:
            raise failed_validation("The response is larger than the size limit.")


def parse_headers(value: Any) -> CIMultiDict[str]:
    """Headers of an event; without a `key` the lower-case name is put in title case. Raises EdgeFailure (502)."""
    headers: CIMultiDict[str] = CIMultiDict()
    try:
        for name, items in (value or {}).items():
            for item in items:
                text = item["value"]
                if not isinstance(text, str):
                    raise failed_validation("A header value must be a string.")
                headers.add(str(item.get("key") or name.title()), text)
    except (AttributeError, KeyError, TypeError) as error:
        raise failed_validation("The headers must be an object of arrays of key and value.") from error
    return headers


def parse_result(payload: bytes) -> Any:
    """The value that the function returned; raises EdgeFailure (502)."""
    try:
        return json.loads(payload)
    except ValueError as error:
        raise _invalid("The Lambda function returned invalid JSON: The JSON output is not parsable.") from error


def _with_hidden(before: CIMultiDict[str], after: CIMultiDict[str]) -> CIMultiDict[str]:
    kept = [(name, value) for name, value in before.items() if hidden(name)]
    return CIMultiDict([*after.items(), *kept])


def _replace_body(request: Request, body: Any, event_type: str) -> None:
    if not isinstance(body, dict) or body.get("action") != "replace":
        return
    data = _decoded(str(body.get("data") or ""), str(body.get("encoding") or "text"))
    if len(data) > _REPLACED_LIMIT[event_type]:
        raise failed_validation("The replaced body is larger than the size limit.")
    request.body = data
    request.headers["Content-Length"] = str(len(data))


def _body(result: dict[str, Any]) -> bytes:
    return _decoded(str(result.get("body") or ""), str(result.get("bodyEncoding") or "text"))


def _decoded(data: str, encoding: str) -> bytes:
    if encoding == "text":
        return data.encode()
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise failed_validation("The body is not valid base64.") from error


def _status(result: dict[str, Any]) -> int:
    status = str(result.get("status", ""))
    if not status.isdigit() or not 200 <= int(status) <= 599:
        raise failed_validation("The status must be a number from 200 to 599.")
    return int(status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _invalid(message: str) -> EdgeFailure:
    return EdgeFailure(502, message, "LambdaValidationError")
