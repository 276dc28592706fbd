"""An ASGI application, such as FastAPI's or Starlette's, as a handler on both clouds: `handler = adapt(app)`.

ASGI 3.0, HTTP and lifespan. Startup runs while the process is initialised, shutdown with the shutdown hooks. The event
and the context stand in `scope["runtime.event"]` and `scope["runtime.context"]`.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from urllib.parse import unquote

from runtime import aio, gateway, logs
from runtime.errors import describe
from runtime.hooks import on_shutdown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator, MutableMapping
    from typing import Any

    from runtime.aio import Put
    from runtime.context import Context

    Message = dict[str, Any]
    Sent = MutableMapping[str, Any]
    Application = Callable[[dict[str, Any], Callable[[], Awaitable[Message]], Callable[[Sent], Awaitable[None]]], Any]

_LOOK_SECONDS = 0.25
"""How often a connection is looked at while the application waits for its end."""
_VERSIONS = {"version": "3.0", "spec_version": "2.4"}


class ApplicationError(RuntimeError):
    """The application does not keep to ASGI, or could not start."""


def adapt(app: Application, *, stream: bool = True, lifespan: bool = True) -> Adapter:
    """The handler for `app`.

    `stream`: send the body as it comes, wherever the caller can see it so; else whole. `lifespan`: whether to tell
    the application of startup and shutdown.
    """
    return Adapter(app, stream=stream, lifespan=lifespan)


class Adapter:
    """A handler; made by `adapt`."""

    def __init__(self, app: Application, *, stream: bool, lifespan: bool) -> None:
        self._app = app
        self._stream = stream
        self._lifespan = _Lifespan(app) if lifespan else None
        self._state: dict[str, Any] = {}

    def prepare(self) -> None:
        """Run the application's startup; the runtime calls this once, before the first event.

        Raises ApplicationError when the application says that it failed.
        """
        if self._lifespan is not None:
            self._state = self._lifespan.start()

    def __call__(self, event: Any, context: Context) -> dict[str, Any]:
        request = gateway.request_of(event)
        exchange = _Exchange(self._app, _scope(event, request, context, self._state), request.body)
        messages = aio.produced(exchange.run, shared_loop=_shared_loop())
        try:
            start = next(messages)
            # A body in one piece gains nothing from being streamed, and keeps its Content-Length.
            streamed = self._stream and not exchange.complete
            return gateway.reply(start[0], start[1], _body(messages), stream=streamed)
        except BaseException:
            messages.close()
            raise


class _Exchange:
    """One request and its response; puts status and header fields, then pieces of the body."""

    def __init__(self, app: Application, scope: dict[str, Any], body: bytes) -> None:
        self._app = app
        self._scope = scope
        self._body: bytes | None = body
        self._start: tuple[int, list[tuple[str, str]]] | None = None
        self._begun = False
        self.complete = False
        self._ended = asyncio.Event()

    async def run(self, put: Put) -> None:
        self._put = put
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as error:
            if not self.complete:
                raise
            # The caller has all of its answer: what failed came after it, such as a background task.
            logs.failure("alibaba" if _shared_loop() else "aws", describe(error))
        if not self.complete:
            raise ApplicationError("the application ended before its response was complete")

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._until_over()
        return {"type": "http.disconnect"}

    async def _until_over(self) -> None:
        """Wait for the end of the response, or for the caller to go where that can be seen."""
        context: Context = self._scope["runtime.context"]
        if context.caller is None:
            await self._ended.wait()
        while not (self._ended.is_set() or context.caller_gone):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _LOOK_SECONDS)

    async def _send(self, message: Sent) -> None:
        kind = message["type"]
        if kind == "http.response.start" and self._start is None:
            fields = [
                (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                for name, value in message.get("headers", ())
            ]
            self._start = (message["status"], fields)
        elif kind == "http.response.body" and self._start is not None and not self.complete:
            await self._send_body(bytes(message.get("body", b"")), more=message.get("more_body", False))
        else:
            raise ApplicationError(f"the application sent {kind!r} where it must not")

    async def _send_body(self, piece: bytes, *, more: bool) -> None:
        self.complete = not more
        if not self._begun:
            self._begun = True
            await self._put(self._start)
        if piece:
            await self._put(piece)
        if not more:
            self._ended.set()


class _Lifespan:
    """Startup and shutdown, as one task that waits in between."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._state: dict[str, Any] = {}

    def start(self) -> dict[str, Any]:
        """The state that startup has made; empty where the application knows no lifespan."""
        run = aio.run_aside if _shared_loop() else aio.run_here
        supported = run(self._startup())
        if supported:
            on_shutdown(self._shutdown)
        return self._state

    async def _startup(self) -> bool:
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._outbox: asyncio.Queue[Sent] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": _VERSIONS, "state": self._state}
        self._task = asyncio.ensure_future(self._app(scope, self._inbox.get, self._outbox.put))
        self._inbox.put_nowait({"type": "lifespan.startup"})
        answer = await self._answer()
        if answer is None:
            # As every server does: an application that raises, or ends, at this scope does without lifespan.
            return False
        if answer["type"] == "lifespan.startup.failed":
            raise ApplicationError(f"the application's startup failed: {answer.get('message', '')}")
        return True

    async def _shutdown(self) -> None:
        self._inbox.put_nowait({"type": "lifespan.shutdown"})
        answer = await self._answer()
        if answer is not None and answer["type"] == "lifespan.shutdown.failed":
            logs.error(f"the application's shutdown failed: {answer.get('message', '')}")

    async def _answer(self) -> Sent | None:
        answer = asyncio.ensure_future(self._outbox.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        answer.cancel()
        if not self._outbox.empty():
            return self._outbox.get_nowait()
        self._task.exception()  # looked at, so that asyncio does not complain of it
        return None


def _shared_loop() -> bool:
    return "AWS_LAMBDA_RUNTIME_API" not in os.environ


def _body(messages: Generator[Any, None, None]) -> Iterator[bytes]:
    try:
        yield from messages
    finally:
        messages.close()


def _scope(event: Any, request: gateway.Request, context: Context, state: dict[str, Any]) -> dict[str, Any]:
    headers = request.headers
    host, _, port = headers.get("host", "localhost").partition(":")
    return {
        "type": "http",
        "asgi": _VERSIONS,
        "http_version": "1.1",
        "method": request.method,
        "scheme": headers.get("x-forwarded-proto", "https"),
        "path": unquote(request.path),
        "raw_path": request.path.encode(),
        "query_string": event.get("rawQueryString", "").encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in gateway.fields_of(request)],
        "client": (event["requestContext"]["http"].get("sourceIp", ""), 0),
        "server": (host, int(port) if port.isdecimal() else 443),
        "state": dict(state),
        "runtime.event": event,
        "runtime.context": context,
    }
