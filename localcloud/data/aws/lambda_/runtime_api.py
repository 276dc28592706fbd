"""The Runtime API of one sandbox: the state machine between the service and the runtime in the zip.

Source of the endpoints, headers and states: Lambda Developer Guide, "Using the Lambda runtime API for custom
runtimes"; statuses and messages as the Runtime Interface Emulator of AWS gives them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from . import extensions
from .response_stream import ResponseStream, StreamBroken
from .runtime_http import Exchange, Listener, Reply, TruncatedBody

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024 + 100
"""Limit for a request and for a buffered response; the hundred bytes are the service's own margin."""

HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response"
"""Content type of a streamed response that starts with status, headers and eight NUL bytes."""

_PREFIX = "/2018-06-01/runtime"
_INVOCATION = re.compile(rf"{_PREFIX}/invocation/([^/]+)/(response|error)")
_KNOWN_ERROR = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
_ACCEPTED = Reply(202, b'{"status":"OK"}\n', [("Content-Type", "application/json")])


@dataclass
class Invocation:
    """One event on its way to the runtime."""

    request_id: str
    payload: bytes
    deadline_ms: int
    """Milliseconds since the epoch."""
    function_arn: str
    trace_id: str = ""
    client_context: str = ""
    """Decoded JSON."""
    content_type: str = "application/json"
    nonce: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Outcome:
    """What the runtime made of an event."""

    payload: bytes = b""
    error_type: str = ""
    """Empty when the handler succeeded."""
    content_type: str = ""
    stream: ResponseStream | None = None


class RuntimeApi:
    """Serves one runtime process, one invocation at a time."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        """Set by the first `next`: the init phase is over."""
        self.init_error: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._arrived = asyncio.Event()
        self._current: Invocation | None = None
        self._outcome: asyncio.Future[Outcome] | None = None
        self.stream_ended = asyncio.Event()
        """Set when the runtime has sent, or broken off, all of a streamed response."""
        self._stuck = False
        self.extensions = extensions.Extensions()
        self._listener = Listener(self._handle)

    async def start(self) -> str:
        """Listen; returns the value of AWS_LAMBDA_RUNTIME_API."""
        return await self._listener.start()

    async def stop(self) -> None:
        await self._listener.stop()

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Hand the event to the runtime and wait for its outcome; the caller watches time and process."""
        self._current = invocation
        self.stream_ended.clear()
        self._outcome = asyncio.get_running_loop().create_future()
        self._arrived.set()
        return await self._outcome

    async def _handle(self, exchange: Exchange) -> Reply:
        try:
            return await self._route(exchange)
        except TruncatedBody:
            return _refusal(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")

    async def _route(self, exchange: Exchange) -> Reply:
        simple: dict[tuple[str, str], Callable[[Exchange], Awaitable[Reply]]] = {
            ("GET", f"{_PREFIX}/invocation/next"): self._next,
            ("POST", f"{_PREFIX}/init/error"): self._init_error,
            ("GET", f"{_PREFIX}/ping"): _ping,
            extensions.REGISTER: self._register,
            extensions.NEXT: self.extensions.next,
        }
        handler = simple.get((exchange.method, exchange.path))
        if handler is not None:
            return await handler(exchange)
        match = _INVOCATION.fullmatch(exchange.path)
        if match and exchange.method == "POST":
            return await self._finish(exchange, *match.groups())
        return Reply(404, b"404 page not found\n", [("Content-Type", "text/plain; charset=utf-8")])

    async def _next(self, _exchange: Exchange) -> Reply:
        if self._stuck or (self.init_error.done() and not self.ready.is_set()):
            return _forbidden("RuntimeInvocationErrorResponse", "RuntimeReady")
        await self.extensions.all_wait.wait()
        self.ready.set()
        await self._arrived.wait()
        invocation = self._current
        assert invocation is not None
        return Reply(200, invocation.payload, _event_headers(invocation))

    async def _register(self, exchange: Exchange) -> Reply:
        return await self.extensions.register(exchange, initialised=self.ready.is_set())

    async def _init_error(self, exchange: Exchange) -> Reply:
        body = await _read(exchange)
        if self.ready.is_set() or self.init_error.done():
            return _forbidden("RuntimeReady" if self.ready.is_set() else "RuntimeInitError", "RuntimeInitError")
        self.init_error.set_result(Outcome(body, error_type(exchange, "Runtime.Unknown")))
        return _ACCEPTED

    async def _finish(self, exchange: Exchange, request_id: str, kind: str) -> Reply:
        refusal = self._check(exchange, request_id, kind)
        if refusal is not None:
            return refusal
        if kind == "error":
            self._settle(Outcome(await _read(exchange), error_type(exchange, "Function.Unknown")))
            return _ACCEPTED
        mode = exchange.headers.get("lambda-runtime-function-response-mode", "")
        if mode.lower() == "streaming":
            return await self._stream(exchange)
        if mode:
            self._stuck = True
            return _refusal(400, "InvalidFunctionResponseMode", "Invalid function response mode")
        return await self._respond(exchange)

    def _check(self, exchange: Exchange, request_id: str, kind: str) -> Reply | None:
        if self._current is None or self._current.request_id != request_id:
            return _refusal(400, "InvalidRequestID", "Invalid request ID")
        if exchange.headers.get("lambda-runtime-invocation-id", self._current.nonce) != self._current.nonce:
            return _refusal(410, "InvokeTimeout", "The invocation is no longer the current one")
        if self._outcome is None or self._outcome.done() or self._stuck:
            target = "RuntimeInvocationErrorResponse" if kind == "error" else "RuntimeInvocationResponse"
            return _forbidden("RuntimeResponseSent", target)
        return None

    async def _respond(self, exchange: Exchange) -> Reply:
        body = await _read(exchange)
        if len(body) > MAX_PAYLOAD_BYTES:
            kind = "Function.ResponseSizeTooLarge"
            told = f"Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."
            self._settle(Outcome(json.dumps({"errorType": kind, "errorMessage": told}).encode(), kind))
            told = f"Exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."
            return _refusal(413, "RequestEntityTooLarge", told)
        self._settle(Outcome(body, content_type=exchange.headers.get("content-type", "")))
        return _ACCEPTED

    async def _stream(self, exchange: Exchange) -> Reply:
        stream = ResponseStream()
        self._settle(Outcome(content_type=exchange.headers.get("content-type", ""), stream=stream))
        try:
            async for piece in exchange.body():
                await stream.put(piece)
        except BaseException:
            stream.give_up()
            raise
        finally:
            self.stream_ended.set()
        await stream.put(_trailer_error(exchange.trailers))
        return _ACCEPTED

    def _settle(self, outcome: Outcome) -> None:
        self._arrived.clear()
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(outcome)


def error_type(exchange: Exchange, otherwise: str) -> str:
    """The error type header when it has the documented form, else the unknown one of its kind."""
    given = exchange.headers.get("lambda-runtime-function-error-type", "")
    return given if _KNOWN_ERROR.fullmatch(given) else otherwise


async def _ping(_exchange: Exchange) -> Reply:
    return Reply(200, b"pong", [("Content-Type", "text/plain")])


async def _read(exchange: Exchange) -> bytes:
    """The whole body; what lies beyond the limit is read but not kept, so that the runtime gets its answer."""
    kept: list[bytes] = []
    size = 0
    async for piece in exchange.body():
        size += len(piece)
        if size - len(piece) <= MAX_PAYLOAD_BYTES:
            kept.append(piece)
    return b"".join(kept)


def _trailer_error(trailers: dict[str, str]) -> StreamBroken | None:
    kind = trailers.get("lambda-runtime-function-error-type")
    if not kind:
        return None
    detail = base64.b64decode(trailers.get("lambda-runtime-function-error-body", ""))
    return StreamBroken(f"{kind} {detail.decode('utf-8', 'replace')}".strip())


def _event_headers(invocation: Invocation) -> list[tuple[str, str]]:
    headers = {
        "Content-Type": invocation.content_type,
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
        "Lambda-Runtime-Trace-Id": invocation.trace_id,
        "Lambda-Runtime-Client-Context": invocation.client_context,
        "Lambda-Runtime-Invocation-Id": invocation.nonce,
    }
    return [(name, value) for name, value in headers.items() if value]


def _forbidden(source: str, target: str) -> Reply:
    told = f"State transition from {source} to {target} failed for runtime. Error: State transition is not allowed"
    return _refusal(403, "InvalidStateTransition", told)


def _refusal(status: int, kind: str, message: str) -> Reply:
    body = json.dumps({"errorMessage": message, "errorType": kind}).encode() + b"\n"
    return Reply(status, body, [("Content-Type", "application/json")])
