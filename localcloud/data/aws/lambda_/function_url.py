"""Function URLs: authorisation, the event of payload format 2.0, and what a handler's result becomes.

Source: Lambda Developer Guide, "Invoking Lambda function URLs" and "Control access to Lambda function URLs".
"""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from multidict import CIMultiDict

from localcloud.data.aws.sigv4 import SignatureError, verify
from localcloud.data.keyring import AWS_ACCOUNT, Keyring, Principal
from localcloud.data.messages import Request, Response, json_response
from localcloud.store import Resource

from .function import Target, find_version
from .permissions import may_call_url
from .response_stream import ResponseStream, StreamBroken
from .runtime_api import HTTP_INTEGRATION, Outcome
from .service import LambdaService

FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"

_FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)
_MAX_REQUEST_BYTES = 6_291_456
_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml", "image/svg+xml")
_PRELUDE_END = b"\0" * 8
_MAX_PRELUDE_BYTES = 16 * 1024
_REFUSED_HEADERS = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade"})


class FunctionUrls:
    """Every function URL of the state."""

    def __init__(self, service: LambdaService, keyring: Keyring) -> None:
        self._service = service
        self._keyring = keyring

    async def handle(self, request: Request, url: Resource) -> Response:
        """Answer a request to the host name of `url`."""
        settings = url.properties
        if request.headers.get("Host", request.host).partition(":")[0] != request.host:
            return _forbidden("Forbidden")
        target = Target.parse(str(settings["functionName"]))
        qualifier = str(settings.get("qualifier") or target.qualifier)
        auth_type = str(settings["authorizationType"])
        region = request.host.split(".")[2]
        try:
            caller = verify(request, self._keyring, "lambda", region) if auth_type == "AWS_IAM" else None
        except SignatureError as error:
            return _refused(error)
        if not may_call_url(self._service.store, target.name, qualifier, auth_type, caller):
            return _forbidden(_FORBIDDEN)
        if len(request.body) > _MAX_REQUEST_BYTES:
            return json_response(413, {"Message": "Request Entity Too Large"})
        version = find_version(self._service.store, Target(target.name, qualifier))
        if version is None:
            return json_response(404, {"Message": None}, {"x-amzn-ErrorType": "ResourceNotFoundException"})
        event = url_event(request, caller)
        arn = f"{version.arn}:{qualifier}" if qualifier else version.arn
        result = await self._service.invoke(version, json.dumps(event).encode(), arn=arn)
        streamed = settings.get("invokeMode") == "RESPONSE_STREAM"
        response = await (_streamed(result.outcome) if streamed else _buffered(result.outcome))
        response.headers["x-amzn-RequestId"] = result.report.request_id
        return response


def url_event(request: Request, caller: Principal | None) -> dict[str, Any]:
    """The event of payload format 2.0 for a request."""
    now = time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        "headers": _event_headers(request),
        "requestContext": {
            "accountId": AWS_ACCOUNT if caller else "anonymous",
            "apiId": request.host.partition(".")[0],
            "authentication": None,
            "domainName": request.host,
            "domainPrefix": request.host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": unquote(request.path),
                "protocol": "HTTP/1.1",
                "sourceIp": request.client_ip,
                "userAgent": request.headers.get("User-Agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now * 1000),
        },
    }
    if caller is not None:
        event["requestContext"]["authorizer"] = {"iam": _identity(caller)}
    cookies = [part.strip() for value in request.headers.getall("Cookie", []) for part in value.split(";")]
    if cookies:
        event["cookies"] = cookies
    if request.query:
        event["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    return event | _event_body(request)


def _event_headers(request: Request) -> dict[str, str]:
    kept = [(name.lower(), value) for name, value in request.headers.items() if name.lower() != "cookie"]
    seen = {name for name, _ in kept}
    added = {
        "host": request.host,
        "x-amzn-trace-id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}",
        "x-forwarded-for": request.client_ip,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    return _joined([*kept, *((name, value) for name, value in added.items() if name not in seen)])


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _event_body(request: Request) -> dict[str, Any]:
    if not request.body:
        return {"isBase64Encoded": False}
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind.startswith(_TEXT_TYPES) or kind.endswith(("+json", "+xml")):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def _identity(caller: Principal) -> dict[str, Any]:
    return {
        "accessKey": None,
        "accountId": AWS_ACCOUNT,
        "callerId": caller.service or caller.arn,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.service or AWS_ACCOUNT,
    }


async def _buffered(outcome: Outcome) -> Response:
    if outcome.error_type:
        return _failed()
    whole = Response(200, body=outcome.payload, stream=outcome.stream)
    try:
        return url_response(await whole.read())
    except StreamBroken:
        return _failed()


def url_response(payload: bytes) -> Response:
    """What a function URL makes of a handler's result in mode BUFFERED; a malformed one becomes a 502."""
    try:
        result = json.loads(payload)
    except ValueError:
        return _failed()
    if not isinstance(result, dict) or "statusCode" not in result:
        return Response(200, CIMultiDict({"Content-Type": "application/json"}), payload)
    try:
        response = _from_parts(result)
        text = result.get("body") or ""
        response.body = base64.b64decode(text, validate=True) if result.get("isBase64Encoded") else text.encode()
    except (TypeError, ValueError, AttributeError, binascii.Error):
        return _failed()
    return response


def _from_parts(parts: dict[str, Any]) -> Response:
    """Status, headers and cookies of a result or a prelude; raises ValueError, TypeError or AttributeError."""
    status = int(parts.get("statusCode", 200))
    if not 100 <= status <= 599:
        raise ValueError("statusCode out of range")
    response = Response(status)
    for name, value in (parts.get("headers") or {}).items():
        if name.lower() not in _REFUSED_HEADERS:
            response.headers[name] = value if isinstance(value, str) else json.dumps(value)
    for cookie in parts.get("cookies") or []:
        response.headers.add("Set-Cookie", str(cookie))
    response.headers.setdefault("Content-Type", "application/json")
    return response


async def _streamed(outcome: Outcome) -> Response:
    if outcome.error_type:
        return _failed()
    kind = outcome.content_type or "application/octet-stream"
    if outcome.stream is None:
        return Response(200, CIMultiDict({"Content-Type": kind}), outcome.payload)
    if kind != HTTP_INTEGRATION:
        return Response(200, CIMultiDict({"Content-Type": kind}), stream=outcome.stream)
    return await _with_prelude(outcome.stream)


async def _with_prelude(stream: ResponseStream) -> Response:
    try:
        response = _from_parts(json.loads(await _prelude(stream)))
    except (StreamBroken, TypeError, ValueError, AttributeError):
        await stream.aclose()
        return _failed()
    response.stream = stream
    return response


async def _prelude(stream: ResponseStream) -> bytes:
    """What comes before the eight NULs; raises StreamBroken, and ValueError when they do not come in time."""
    head = b""
    async for piece in stream:
        head += piece
        prelude, found, rest = head.partition(_PRELUDE_END)
        if found:
            stream.take_back(rest)
            return prelude
        if len(head) > _MAX_PRELUDE_BYTES:
            break
    raise ValueError("a response without the end of its prelude")


def _failed() -> Response:
    headers = CIMultiDict({"Content-Type": "application/json"})
    return Response(502, headers, b"Internal Server Error")


def _refused(error: SignatureError) -> Response:
    if error.kind == "MissingAuthenticationTokenException":
        return _forbidden(_FORBIDDEN)
    return json_response(403, {"message": str(error)}, {"x-amzn-ErrorType": error.kind})


def _forbidden(message: str) -> Response:
    return json_response(403, {"Message": message}, {"x-amzn-ErrorType": "AccessDeniedException"})
