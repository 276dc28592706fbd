"""What the adapters for whole web applications share: the request they pass on and the reply they give back."""

from __future__ import annotations

from runtime.web import Request, text_of

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
    result["body"], result["isBase64Encoded"] = text_of(b"".join(pieces))
    return result
