"""What an FC instance answers: life cycle calls, invocations, and HTTP trigger requests.

Sources: Function Compute, "Principles of custom runtimes", "Configure instance lifecycles", "Configure HTTP triggers".
"""

from __future__ import annotations

import _thread
import os
from time import time

from runtime import context as contexts
from runtime import hooks, logs, web
from runtime.codec import JSON, decode, encode
from runtime.context import Context, Function
from runtime.errors import describe
from runtime.handler import PLAIN, is_streamed, load, settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Generator
    from typing import Any

    from runtime.errors import Failure
    from runtime.handler import Handler
    from runtime.http_head import Request
    from runtime.streams import Pieces

    _Call = tuple[str, Callable[[Request, Context], web.Reply]]
    """Its name in the log, empty where it leaves none; and what answers it."""
    _Route = tuple[str, Callable[[Request, Context], web.Reply], Function, float, tuple[str, str, str] | None]
    """A call, and what `_constant` gives."""

_LONGEST_TIMEOUT_S = 86_400
"""The longest timeout that FC allows: what is assumed when the request does not tell the function's own."""
_FAILED = "x-fc-status: 404\r\n"
"""Tells FC that an invocation failed; without it any answer counts as a success."""
_PUBLIC = "/http-invoke"
_KEY_HEADERS = ("x-fc-access-key-id", "x-fc-access-key-secret", "x-fc-security-token")


class InitError(Exception):
    """The handler could not be imported."""


class FcFunction:
    """The handler behind FC's HTTP contract. `answer` may be called from many threads at once."""

    def __init__(self) -> None:
        self._function = Function("alibaba", os.environ)
        self._handler: Handler | None = None
        self._failed: Failure | None = None
        self._loading = _thread.allocate_lock()
        self._loading.acquire()
        self._lifecycle: dict[tuple[str, str], _Call] = {
            ("POST", "/initialize"): ("Initialize", self._initialize),
            ("POST", "/invoke"): ("Invoke", self._invoke),
            ("GET", "/pre-stop"): ("PreStop", self._pre_stop),
        }
        health_path = os.environ.get("ISTHMUS_HEALTH_PATH")
        if health_path:
            self._lifecycle["GET", health_path] = "", self._health

    def load(self) -> None:
        """Import the handler, once; requests that come earlier wait for it. Never raises: the answers tell."""
        try:
            self._handler = load(os.environ.get("FC_FUNCTION_HANDLER", ""))
        except BaseException as error:  # noqa: BLE001 - a module that exits is an initialisation that failed
            self._failed = describe(error)
            logs.failure("alibaba", self._failed)
        self._loading.release()

    def answer(self, request: Request, caller: socket) -> web.Reply:
        """The reply to one request, which came from `caller`. Never raises."""
        mark, call, called, timeout_ms, keys = request.shared.get("route") or self._route(request)
        request_id = request.headers.get("x-fc-request-id", "")
        context = Context(called, request_id, time() * 1000 + timeout_ms)
        context.caller = caller
        if keys is not None:
            context.key_headers = keys
        contexts.current.set(context)
        # By these lines FC's console finds the log of a request.
        marked = mark and request_id
        if marked:
            logs.line(f"FC {mark} Start RequestId: {request_id}")
        reply = call(request, context)
        if reply.pieces is None:
            if marked:
                _tell_end(mark, request_id, failed=reply.head == _FAILED)
            logs.flush()
        return reply

    def _route(self, request: Request) -> _Route:
        """What requests have in common whose heads differ only in their ids."""
        get = request.headers.get
        mark, call = "Invoke", self._http
        # Public requests may use these paths too: FC marks them, and no client can send its `x-fc-*` headers.
        if get("x-fc-control-path") != _PUBLIC:
            mark, call = self._lifecycle.get((request.method, request.target), (mark, call))
        route = request.shared["route"] = mark, call, *_constant(self._function, get)
        return route

    def _initialize(self, _request: Request, context: Context) -> web.Reply:
        try:
            self._wait()
        except InitError as error:
            return web.Reply(500, self._log(error).body(context.request_id), JSON, _FAILED)
        return web.Reply(200, b"")

    def _invoke(self, request: Request, context: Context) -> web.Reply:
        try:
            handler = self._handler or self._wait()
            result = handler(decode(request.body), context)
            if type(result) not in PLAIN:
                result = settled(result, shared_loop=True)
            if is_streamed(result):
                return self._streamed(result, context)
            body, media_type = encode(result)
            return web.Reply(200, body, media_type)
        except BaseException as error:  # noqa: BLE001 - SystemExit too: the instance serves others as well
            return web.Reply(404, self._log(error).body(context.request_id), JSON, _FAILED)

    def _http(self, request: Request, context: Context) -> web.Reply:
        try:
            handler = self._handler or self._wait()
            result = handler(web.event_of(request, context), context)
            if type(result) not in PLAIN:
                result = settled(result, shared_loop=True)
            return self._streamed(result, context) if is_streamed(result) else web.reply_of(result)
        except BaseException as error:  # noqa: BLE001
            self._log(error)
            # Word for word what a Lambda function URL answers: the public learns nothing of the inside.
            return web.Reply(502, b"Internal Server Error", JSON, _FAILED)

    def _pre_stop(self, _request: Request, _context: Context) -> web.Reply:
        with self._loading:
            pass  # an instance may be stopped before its handler is imported
        return web.Reply(200, b"") if hooks.run_shutdown("alibaba") else web.Reply(500, b"", head=_FAILED)

    def _health(self, _request: Request, _context: Context) -> web.Reply:
        """Well once the handler is imported; a check that comes earlier waits (Function Compute, "Health checks")."""
        try:
            self._wait()
        except InitError:
            return web.Reply(503, b"")  # told in the log when the import failed
        return web.Reply(200, b"")

    def _streamed(self, result: Any, context: Context) -> web.Reply:
        """A reply that has fetched its first piece: what fails before that is an ordinary failure."""
        from runtime.streams import Pieces

        pieces = Pieces(result["body"] if isinstance(result, dict) else result, shared_loop=True)
        try:
            body = self._until_end(pieces, context.request_id)
            reply = web.streamed_reply_of(result, body)
            pieces.peek()
        except BaseException:
            pieces.close()
            raise
        next(body)
        return reply

    def _until_end(self, pieces: Pieces, request_id: str) -> Generator[bytes, None, None]:
        """The pieces; the request's log ends with them. Raises what they raise: only a cut connection can tell it."""
        failed = False
        try:
            yield b""  # not a piece: from here on, closing the generator runs what follows
            yield from pieces
        except GeneratorExit:
            raise
        except BaseException as error:
            failed = True
            self._log(error)
            raise
        finally:
            pieces.close()
            if request_id:
                _tell_end("Invoke", request_id, failed=failed)
            logs.flush()

    def _wait(self) -> Handler:
        """The handler, once it is imported. Raises InitError when it could not be."""
        with self._loading:
            pass
        if self._handler is None:
            raise InitError
        return self._handler

    def _log(self, error: BaseException) -> Failure:
        failure = self._failed if isinstance(error, InitError) and self._failed is not None else describe(error)
        logs.failure("alibaba", failure)
        return failure


def _tell_end(mark: str, request_id: str, *, failed: bool) -> None:
    error = ", Error: Unhandled Exception" if failed else ""
    logs.line(f"FC {mark} End RequestId: {request_id}{error}")


def _constant(
    function: Function, get: Callable[[str, str], str]
) -> tuple[Function, float, tuple[str, str, str] | None]:
    """What requests have in common: the function as the caller names it, milliseconds of its timeout, keys.

    Where a header is missing or empty (both occur), what the environment told stands.
    """
    timeout = get("x-fc-function-timeout", "")
    seconds = int(timeout) if timeout.isdecimal() and timeout != "0" else _LONGEST_TIMEOUT_S
    name = get("x-fc-function-name", "") or function.function_name
    region = get("x-fc-region", "") or function.region
    account_id = get("x-fc-account-id", "") or function.account_id
    fields = {
        "function_name": name,
        "function_version": get("x-fc-version-id", "") or get("x-fc-qualifier", "") or function.function_version,
        "memory_limit_in_mb": get("x-fc-function-memory", "") or function.memory_limit_in_mb,
        "region": region,
        "account_id": account_id,
        "log_group_name": f"{get('x-fc-service-logproject', '')}/{get('x-fc-service-logstore', '')}".strip("/"),
        "invoked_function_arn": f"acs:fc:{region}:{account_id}:functions/{name}",
    }
    key, secret, token = (get(header, "") for header in _KEY_HEADERS)
    return function.called(fields), seconds * 1000.0, (key, secret, token) if key and secret else None
