"""What the adapters for whole web applications share: the request they pass on and the reply they give back."""

from __future__ import annotations

import os
from binascii import b2a_base64

from runtime.web import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


class NotHttpError(TypeError):
    """A web application was invoked with an event that is no HTTP request."""

    error_type = "Runtime.NotHttpRequest"


def request_of(event: Any) -> Request:
    """Raises NotHttpError when `event` is no HTTP request of a function URL or an HTTP trigger."""
    request = Request.of(event)
    if request is None:
        raise NotHttpError("this function is a web application: call it over HTTP, not with a raw event")
    return request


def fields_of(request: Request) -> list[tuple[str, str]]:
    """The request's header fields; cookies, which the event holds apart, as the one field they came from."""
    fields = [(name.lower(), value) for name, value in request.headers.items()]
    if request.cookies and "cookie" not in request.headers:
        fields.append(("cookie", "; ".join(request.cookies)))
    return fields


def may_stream(*, wanted: bool | None) -> bool:
    """Whether a reply may go out piece by piece; `wanted`: what the adapter was told, None for nothing.

    Function Compute always passes pieces on. A Lambda function URL does so only in the invoke mode RESPONSE_STREAM,
    which the function cannot see, and would garble the reply in the other one.
    """
    return "AWS_LAMBDA_RUNTIME_API" not in os.environ if wanted is None else wanted


def reply(status: int, fields: Iterable[tuple[str, str]], pieces: Iterator[bytes], *, stream: bool) -> dict[str, Any]:
    """A reply of payload format 2.0, its body `pieces` themselves or all of them joined."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in fields:
        key = name.lower()
        if key == "set-cookie":
            cookies.append(value)
        else:
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    result: dict[str, Any] = {"statusCode": status, "headers": headers, "isBase64Encoded": False}
    if cookies:
        result["cookies"] = cookies
    if stream:
        # Whoever sends pieces frames them anew.
        headers.pop("content-length", None)
        result["body"] = pieces
        return result
    body = b"".join(pieces)
    try:
        result["body"] = body.decode()
    except UnicodeDecodeError:
        result["body"] = b2a_base64(body, newline=False).decode("ascii")
        result["isBase64Encoded"] = True
    return result
