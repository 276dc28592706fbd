"""Function Compute 3.0: HTTP triggers and the InvokeFunction API in front of warm instances.

Source: Function Compute documentation, "Configure an HTTP trigger", "Web functions", "Quotas and limits", and
API reference, "InvokeFunction". The status 504 for a timeout over HTTP is not documented.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

from multidict import CIMultiDict

from localcloud import ram
from localcloud.data.alibaba.acs3 import SignatureError, verify
from localcloud.data.keyring import ALIBABA_ACCOUNT, ALIBABA_ROOT, Principal
from localcloud.data.messages import HOP_BY_HOP, Request, Response, json_response, without
from localcloud.data.pool import Fleet, Pool
from localcloud.data.services import Services
from localcloud.events import new_request_id
from localcloud.store import QueuedInvocation, Resource, Store

from .async_queue import MAX_DELAY_SECONDS, MAX_PAYLOAD_BYTES, AsyncQueue
from .function import FcFunction, common_headers, find_function
from .instance import FcError, FcInstance

_PATH = re.compile(r"/2023-03-30/functions/([^/]+)/invocations")
_MAX_BODY_BYTES = 32 << 20
_MAX_HEADER_BYTES = 8 << 10
_MAX_TARGET_BYTES = 4 << 10
_SHOWN_BYTES = 500
_RESERVED_RESPONSE = HOP_BY_HOP | {"date", "server"}


class FcService:
    """Every FC function of the state."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._fleet: Fleet[FcInstance] = Fleet()
        self._queue = AsyncQueue(services.store, self._attempt)

    async def close(self) -> None:
        await self._queue.close()
        await self._fleet.close()

    def wake(self) -> None:
        """Look for asynchronous invocations that are due."""
        self._queue.wake()

    def forget_missing(self) -> None:
        """Drain the instances of functions that were changed or deleted."""
        for name in self._fleet.keys():  # noqa: SIM118 - a fleet is no mapping
            function = find_function(self._store, str(name))
            if function is None:
                self._fleet.forget(name)
            else:
                self._fleet.outdate(name, function)

    async def handle_trigger(self, request: Request, trigger: Resource) -> Response:
        """Pass a request to `*.fcapp.run` through to the function."""
        request_id = new_request_id()
        settings = json.loads(trigger.properties.get("triggerConfig") or "{}")
        try:
            self._check_trigger(request, settings)
            function = self._function(str(trigger.properties["functionName"]))
            headers = _without_own(request.headers)
            headers.extend(common_headers(function, request_id, "/http-invoke"))
            headers["X-Fc-Base-Path"] = request.path
            headers["X-Fc-Client-Ip"] = request.client_ip
            headers.setdefault("Host", request.host)
            passed = Request(request.method, request.host, request.path, request.query, headers, request.body)
            response = await self._send(function, passed)
            return _public(request, response, request_id)
        except (FcError, SignatureError) as error:
            return _refusal(error, request_id)

    async def handle_api(self, request: Request, _resource: Resource | None = None) -> Response:
        """InvokeFunction on `<account>.<region>.fc.aliyuncs.com`."""
        request_id = new_request_id()
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            told = f"path '{request.path}' is not served here"
            return _refusal(FcError(404, "PathNotSupported", told), request_id)
        try:
            caller = verify(request, self._services.keyring)
            _check_size(request)
            function = self._function(unquote(match[1]))
            self._check_caller(caller, function)
            if request.headers.get("X-Fc-Invocation-Type", "Sync") == "Async":
                return self._accept(function, request, request_id)
            return await self._invoke(function, request.body, request_id)
        except (FcError, SignatureError) as error:
            return _refusal(error, request_id)

    @property
    def _store(self) -> Store:
        return self._services.store

    def _function(self, name: str) -> FcFunction:
        function = find_function(self._store, name)
        if function is None:
            raise FcError(404, "FunctionNotFound", f"function '{name}' does not exist")
        return function

    def _check_trigger(self, request: Request, settings: dict[str, Any]) -> None:
        if settings.get("disableURLInternet"):
            raise FcError(403, "AccessDenied", "The public network URL of this trigger is disabled.")
        if request.method not in (settings.get("methods") or ["GET"]):
            told = f"HTTP method '{request.method}' is not allowed by the trigger"
            raise FcError(405, "MethodNotAllowed", told)
        _check_size(request)
        if settings.get("authType", "function") == "function":
            verify(request, self._services.keyring)

    def _check_caller(self, caller: Principal, function: FcFunction) -> None:
        """The account may call everything, a role what its policies say."""
        if caller.arn == ALIBABA_ROOT:
            return
        resource = f"acs:fc:{function.region}:{ALIBABA_ACCOUNT}:functions/{function.name}"
        if not ram.judge(self._store, caller.arn, ram.Call("fc:InvokeFunction", resource, {})).allowed:
            told = f"the caller is not authorized to perform 'fc:InvokeFunction' on resource '{resource}'"
            raise FcError(403, "AccessDenied", told)

    def _accept(self, function: FcFunction, request: Request, request_id: str) -> Response:
        """Queue an asynchronous invocation: 202, whatever becomes of it."""
        if len(request.body) > MAX_PAYLOAD_BYTES:
            told = f"request body size {len(request.body)} exceeds {MAX_PAYLOAD_BYTES}, the limit of async invocations"
            raise FcError(400, "InvalidArgument", told)
        delay = request.headers.get("X-Fc-Async-Delay", "0")
        if not delay.isdigit() or int(delay) > MAX_DELAY_SECONDS:
            told = f"X-Fc-Async-Delay must be from 1 to {MAX_DELAY_SECONDS}, got '{delay}'"
            raise FcError(400, "InvalidArgument", told)
        task, now = request.headers.get("X-Fc-Async-Task-Id", ""), time.time()
        cause = f"InvokeFunction, task {task}" if task else "InvokeFunction"
        self._queue.submit(QueuedInvocation(request_id, function.name, request.body, now, 0, now + int(delay), cause))
        return Response(202, CIMultiDict({"X-Fc-Request-Id": request_id}))

    async def _attempt(self, function: FcFunction, invocation: QueuedInvocation) -> str:
        """One try of a queued invocation; why it failed, or an empty string."""
        try:
            response = await self._invoke(function, invocation.payload, invocation.id, retries=invocation.attempts - 1)
        except FcError as error:
            return f"{error.kind}: {error}"
        kind = response.headers.get("X-Fc-Error-Type", "")
        return f"{kind}: {response.body.decode('utf-8', 'replace')[:_SHOWN_BYTES]}" if kind else ""

    async def _invoke(self, function: FcFunction, body: bytes, request_id: str, retries: int = 0) -> Response:
        host = f"{ALIBABA_ACCOUNT}.{function.region}.fc.aliyuncs.com"
        headers = CIMultiDict(common_headers(function, request_id, "/invoke"))
        headers["X-Fc-Retry-Count"] = str(retries)
        headers["Content-Type"] = "application/octet-stream"
        headers["Host"] = host
        begun = time.monotonic()
        async with self._lease(function) as instance:
            try:
                result = await instance.send(Request("POST", host, "/invoke", "", headers, body))
                told, kind = await result.read(), _marked_failure(result)
            except FcError as error:
                # A function that fails is an answer with the status 200 of this API; FC itself failing is not.
                told, kind = json.dumps({"errorMessage": str(error)}).encode(), error.kind
            response = Response(200, body=told)
            response.headers["X-Fc-Instance-Id"] = instance.id
            response.headers["X-Fc-Max-Memory-Usage"] = f"{instance.used_mb}"
        response.headers["Content-Type"] = "application/octet-stream"
        response.headers["X-Fc-Request-Id"] = request_id
        response.headers["X-Fc-Invocation-Duration"] = f"{(time.monotonic() - begun) * 1000:.2f}"
        if kind:
            response.headers["X-Fc-Error-Type"] = kind
        return response

    async def _send(self, function: FcFunction, request: Request) -> Response:
        """The response with its instance's slot held until the last byte."""
        async with contextlib.AsyncExitStack() as stack:
            instance = await stack.enter_async_context(self._lease(function))
            response = await instance.send(request)
            if response.stream is not None:
                response.stream = await _held(stack.pop_all(), response.stream)
            return response

    @contextlib.asynccontextmanager
    async def _lease(self, function: FcFunction) -> AsyncIterator[FcInstance]:
        pool = self._fleet.pool(function.name, function, lambda: self._pool(function))
        async with pool.lease() as instance:
            yield instance

    def _pool(self, function: FcFunction) -> Pool[FcInstance]:
        async def start() -> FcInstance:
            instance = FcInstance(function, self._services)
            await instance.start()
            return instance

        return Pool(start, slots=function.concurrency)


async def _held(stack: contextlib.AsyncExitStack, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream, with its first piece already read, so that the slot is surely given back at its end."""

    async def rest() -> AsyncIterator[bytes]:
        async with stack:
            yield b""
            async for piece in stream:
                yield piece

    running = rest()
    await anext(running)
    return running


def _without_own(headers: CIMultiDict[str], others: frozenset[str] = HOP_BY_HOP) -> CIMultiDict[str]:
    """A copy of the headers without those that only FC sets, and without `others`."""
    return without(headers, others | {name.lower() for name in headers if name.lower().startswith("x-fc-")})


def _header_bytes(headers: CIMultiDict[str]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers.items())


def _check_size(request: Request) -> None:
    size = _header_bytes(request.headers)
    if size > _MAX_HEADER_BYTES:
        raise FcError(400, "InvalidArgument", f"HTTP headers size {size} exceeds the limit {_MAX_HEADER_BYTES}")
    if len(request.target) > _MAX_TARGET_BYTES:
        raise FcError(400, "InvalidArgument", f"path and query exceed the limit {_MAX_TARGET_BYTES}")
    if len(request.body) > _MAX_BODY_BYTES:
        raise FcError(400, "InvalidArgument", f"request body size {len(request.body)} exceeds {_MAX_BODY_BYTES}")


def _marked_failure(response: Response) -> str:
    """Error type for a response that the function itself marked as failed, else an empty string."""
    return "HandledInvocationError" if response.headers.get("x-fc-status", "200") != "200" else ""


def _public(request: Request, response: Response, request_id: str) -> Response:
    """The response as a caller of the trigger sees it."""
    kind = _marked_failure(response)
    size = _header_bytes(response.headers)
    if size > _MAX_HEADER_BYTES:
        raise FcError(502, "BadResponse", f"response headers size {size} exceeds the limit {_MAX_HEADER_BYTES}")
    headers = _without_own(response.headers, _RESERVED_RESPONSE)
    headers["X-Fc-Request-Id"] = request_id
    if kind:
        headers["X-Fc-Error-Type"] = kind
    if request.host.endswith(".fcapp.run") and headers.get("Content-Type", "").startswith("text/html"):
        headers["Content-Disposition"] = "attachment"
    response.headers = headers
    return response


def _refusal(error: FcError | SignatureError, request_id: str) -> Response:
    headers = {"X-Fc-Request-Id": request_id}
    if error.kind in {"InitializationError", "UnhandledInvocationError"}:
        return json_response(error.status, {"errorMessage": str(error)}, headers | {"X-Fc-Error-Type": error.kind})
    if error.kind == "FunctionNotStarted":
        headers["X-Fc-Error-Type"] = error.kind
    return json_response(error.status, {"RequestId": request_id, "Code": error.kind, "Message": str(error)}, headers)
