"""HTTP as a handler sees it, the same on both clouds: events and replies of AWS's payload format 2.0.

A Lambda function URL delivers such events itself (Lambda Developer Guide, "Invoking Lambda function URLs"). On FC this
module makes them of the HTTP trigger's request and turns the handler's result into the response by the same rules.
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64, a2b_hex, b2a_base64
from time import gmtime, strftime, time

from runtime.codec import JSON, OCTETS, dumps, encode, loads
from runtime.http_head import is_field_value, is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import Any

    from runtime import http_head
    from runtime.context import Context

_TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})
_NOT_FOR_HANDLERS = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "upgrade"}
)
"""Response fields that the server or the cloud sets (Function Compute, "HTTP triggers": reserved headers)."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ReplyError(ValueError):
    """A handler's result that names a `statusCode` but is no HTTP response."""

    error_type = "Runtime.InvalidResponse"


class Request:
    """One HTTP request, out of an event of a Lambda function URL or an FC HTTP trigger."""

    __slots__ = ("_event", "headers", "method", "path")

    def __init__(self, event: Mapping[str, Any]) -> None:
        """`event`: payload format 2.0. Raises KeyError when it is not; see `of`."""
        self._event = event
        self.method: str = event["requestContext"]["http"]["method"]
        self.path: str = event["rawPath"]
        """As sent, percent-encoded."""
        self.headers: Mapping[str, str] = event["headers"]
        """Lower-case names; repeated fields joined with a comma."""

    @classmethod
    def of(cls, event: Any) -> Request | None:
        """The request in `event`, or None when it is a raw event."""
        context = event.get("requestContext") if isinstance(event, dict) else None
        return cls(event) if isinstance(context, dict) and "http" in context else None

    @property
    def query(self) -> Mapping[str, str]:
        """Decoded query parameters; values of a repeated one joined with a comma."""
        return self._event.get("queryStringParameters") or {}

    @property
    def cookies(self) -> list[str]:
        """`name=value` each."""
        return self._event.get("cookies") or []

    @property
    def body(self) -> bytes:
        """The body's bytes, empty when there is none."""
        body = self._event.get("body") or ""
        return a2b_base64(body) if self._event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is none."""
        try:
            return loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the body is not JSON: {error}") from None


def response(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A reply of payload format 2.0. `body`: str or bytes as it is, None for no body, any other value as JSON.

    Raises runtime's MarshalError (a TypeError) when `body` has no JSON form.
    """
    reply: dict[str, Any] = {"statusCode": status, "headers": dict(headers or {}), "isBase64Encoded": False}
    if isinstance(body, (bytes, bytearray, memoryview)):
        reply["body"] = b2a_base64(body, newline=False).decode("ascii")
        reply["isBase64Encoded"] = True
        media_type = OCTETS
    elif isinstance(body, str):
        reply["body"] = body
        media_type = "text/plain; charset=utf-8"
    elif body is not None:
        reply["body"] = dumps(body).decode()
        media_type = JSON
    else:
        return reply
    if not any(name.lower() == "content-type" for name in reply["headers"]):
        reply["headers"]["content-type"] = media_type
    return reply


class Reply:
    """An HTTP response before it becomes bytes. `head`: finished header lines, each with its CRLF."""

    __slots__ = ("body", "head", "media_type", "pieces", "status")

    def __init__(self, status: int, body: bytes, media_type: str = "", head: str = "") -> None:
        self.status = status
        self.media_type = media_type
        self.head = head
        self.body = body
        self.pieces: Generator[bytes, None, None] | None = None
        """The body of a reply that comes piece by piece; `close()` it when nobody reads on."""


def event_of(request: http_head.Request, context: Context) -> dict[str, Any]:
    """The event for an HTTP trigger's request. The cloud's own `x-fc-*` fields stay out of it: some are secret."""
    path, _, query = _origin_form(request).partition("?")
    headers = {name: value for name, value in request.headers.items() if name[:5] != "x-fc-"}
    cookie = headers.pop("cookie", "")
    client = request.headers.get("x-fc-client-ip") or headers.get("x-forwarded-for", "").partition(",")[0]
    host = headers.get("host", "")
    now = time()
    at = gmtime(now)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": context.account_id,
            "apiId": context.function_name,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": client,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": context.request_id,
            "routeKey": "$default",
            "stage": "$default",
            # Names of months must not follow the locale.
            "time": f"{at.tm_mday:02d}/{_MONTHS[at.tm_mon - 1]}/{strftime('%Y:%H:%M:%S', at)} +0000",
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookie:
        event["cookies"] = [part.strip() for part in cookie.split(";") if part.strip()]
    if query:
        event["queryStringParameters"] = _parameters(query)
    if request.body:
        event["body"], event["isBase64Encoded"] = _body_text(request.body, headers.get("content-type", ""))
    return event


def reply_of(result: Any) -> Reply:
    """The response that a handler's result stands for. Raises ReplyError, and MarshalError where JSON has no form.

    A dict with `statusCode` is a reply of payload format 2.0; anything else is the body of a 200, bytes as they are.
    """
    if not isinstance(result, dict) or "statusCode" not in result:
        return Reply(200, *encode(result))
    status, media_type, head = _status_and_head(result)
    return Reply(status, body_of(result), media_type, head)


def streamed_reply_of(result: Any, pieces: Generator[bytes, None, None]) -> Reply:
    """The response whose body is `pieces`. `result`: a dict with `statusCode`, or what is a 200 of bytes."""
    status, media_type, head = _status_and_head(result) if isinstance(result, dict) else (200, OCTETS, "")
    reply = Reply(status, b"", media_type, head)
    reply.pieces = pieces
    return reply


def status_and_fields(result: dict[str, Any]) -> tuple[int, dict[str, str], list[str]]:
    """Status, header fields and cookies of a dict with `statusCode`. Raises ReplyError."""
    status, headers, cookies = result["statusCode"], result.get("headers") or {}, result.get("cookies") or []
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ReplyError(f"statusCode is {result['statusCode']!r}, but must be a whole number from 200 to 599")
    if not isinstance(headers, dict) or not isinstance(cookies, (list, tuple)):
        raise ReplyError("headers must be an object of strings, and cookies a list of strings")
    fields = {name: _field_text(name, value) for name, value in headers.items()}
    return status, fields, [_field_text("Set-Cookie", cookie) for cookie in cookies]


def _field_text(name: Any, value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not (isinstance(name, str) and is_token(name) and is_field_value(text)):
        raise ReplyError(f"the header {name!r} with the value {text!r} cannot be sent")
    return text


def _status_and_head(result: dict[str, Any]) -> tuple[int, str, str]:
    """Status, media type, and the other header lines."""
    status, fields, cookies = status_and_fields(result)
    lines: list[str] = []
    media_type = JSON
    for name, text in fields.items():
        key = name.lower()
        if key == "content-type":
            media_type = text
        elif key not in _NOT_FOR_HANDLERS and key[:5] != "x-fc-":
            lines.append(f"{name}: {text}\r\n")
    lines += [f"Set-Cookie: {cookie}\r\n" for cookie in cookies]
    return status, media_type, "".join(lines)


def body_of(result: dict[str, Any]) -> bytes:
    """The body's bytes of a dict with `statusCode`. Raises ReplyError."""
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise ReplyError(
            f"body is of type {type(body).__name__}, but must be a string; encode objects as JSON yourself"
        )
    if not result.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return a2b_base64(body)
    except BinasciiError as error:
        raise ReplyError(f"body is not base64 although isBase64Encoded is true: {error}") from None


def text_of(body: bytes) -> tuple[str, bool]:
    """A reply's body as the text that JSON can hold; whether it is base64."""
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return b2a_base64(body, newline=False).decode("ascii"), True


def _origin_form(request: http_head.Request) -> str:
    target = request.target
    if target[:1] == "/" or target == "*":
        return target
    rest = target[len("http://") + len(request.headers["host"]) :]
    return rest if rest[:1] == "/" else f"/{rest}"


def _body_text(body: memoryview, media_type: str) -> tuple[str, bool]:
    """Text as text and everything else as base64; whether it is base64."""
    kind = media_type.partition(";")[0].strip().lower()
    if not kind or kind[:5] == "text/" or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml")):
        try:
            return str(body, "utf-8"), False
        except UnicodeDecodeError:
            pass
    return b2a_base64(body, newline=False).decode("ascii"), True


def _parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            name, value = _decoded(name), _decoded(value)
            parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _decoded(text: str) -> str:
    """Percent-decoding of form values (URL Standard): `+` is a space, a `%` that starts no byte stays."""
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    first, *rest = text.encode("latin-1").split(b"%")
    parts = [first]
    for part in rest:
        try:
            parts += [a2b_hex(part[:2]) or b"%", part[2:]]
        except BinasciiError:
            parts += [b"%", part]
    return b"".join(parts).decode("utf-8", "replace")
