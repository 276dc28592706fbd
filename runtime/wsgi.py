"""A WSGI application, such as Flask's or Django's, as a handler on both clouds: `handler = adapt(app)`.

PEP 3333 whole, `write` included. The event and the context stand in `environ["runtime.event"]` and
`environ["runtime.context"]`.
"""

from __future__ import annotations

import sys
from io import BytesIO
from urllib.parse import unquote_to_bytes

from runtime import gateway

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from typing import Any

    from runtime.context import Context
    from runtime.handler import Handler

    Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ApplicationError(RuntimeError):
    """The application does not keep to WSGI."""


def adapt(app: Application, *, stream: bool = True) -> Handler:
    """The handler for `app`.

    `stream`: send the body as it comes, wherever the caller can see it so; else whole.
    """

    def handler(event: Any, context: Context) -> dict[str, Any]:
        started = _Start()
        body = app(_environ(event, context), started)
        pieces = _pieces(body, started)
        try:
            # WSGI lets an application call start_response as late as with its first piece.
            first = next(pieces, b"")
            streamed = stream and not started.promises(len(first))
            return gateway.reply(started.code(), started.fields, _chained(first, pieces), stream=streamed)
        except BaseException:
            pieces.close()
            raise

    return handler


class _Start:
    """The `start_response` of one request."""

    def __init__(self) -> None:
        self.status = ""
        self.fields: list[tuple[str, str]] = []
        self.written: list[bytes] = []

    def __call__(self, status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        if self.status and exc_info is None:
            raise ApplicationError("the application called start_response twice")
        self.status, self.fields = status, list(fields)
        return self.written.append

    def promises(self, length: int) -> bool:
        """Whether the body is to have `length` bytes: in one piece it gains nothing from being streamed."""
        return any(name.lower() == "content-length" and value == str(length) for name, value in self.fields)

    def code(self) -> int:
        if not self.status:
            raise ApplicationError("the application did not call start_response")
        number = self.status.split(" ", 1)[0]
        if not (number.isdecimal() and len(number) == 3):
            raise ApplicationError(f"the status {self.status!r} does not begin with three digits")
        return int(number)


def _pieces(body: Iterable[bytes], started: _Start) -> Generator[bytes, None, None]:
    try:
        for piece in body:
            yield from _taken(started.written)
            if piece:
                yield piece
        yield from _taken(started.written)
    finally:
        _close(body)


def _taken(written: list[bytes]) -> list[bytes]:
    pieces = [piece for piece in written if piece]
    written.clear()
    return pieces


def _chained(first: bytes, pieces: Generator[bytes, None, None]) -> Iterator[bytes]:
    try:
        if first:
            yield first
        yield from pieces
    finally:
        pieces.close()


def _close(body: Any) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _environ(event: Any, context: Context) -> dict[str, Any]:
    request = gateway.request_of(event)
    body = request.body
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": event.get("rawQueryString", ""),
        "SERVER_NAME": request.headers.get("host", "localhost").partition(":")[0],
        "SERVER_PORT": request.headers.get("x-forwarded-port", "443"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": event["requestContext"]["http"].get("sourceIp", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.headers.get("x-forwarded-proto", "https"),
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": context.cloud == "alibaba",
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "runtime.event": event,
        "runtime.context": context,
    }
    for name, value in gateway.fields_of(request):
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ
