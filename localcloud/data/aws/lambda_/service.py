"""Lambda: warm execution environments of every function version, and the Invoke API in front of them.

Source: Lambda API Reference, "Invoke".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import re
import uuid
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs, unquote

from localcloud.data.aws.sigv4 import SignatureError, verify
from localcloud.data.keyring import AWS_ACCOUNT
from localcloud.data.messages import Request, Response, json_response
from localcloud.data.pool import Fleet, Pool
from localcloud.data.services import Services
from localcloud.store import Store

from .function import FunctionVersion, Target, find_version, log_group
from .sandbox import LambdaSandbox, Result

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_HOST = re.compile(r"lambda\.([a-z0-9-]+)\.amazonaws\.com")
_MAX_REQUEST_BYTES = 6_291_456
_MAX_CONTEXT_BYTES = 3_583


class LambdaService:
    """Runs function versions, each in sandboxes of its own; a changed version gets new ones."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._fleet: Fleet[LambdaSandbox] = Fleet()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def store(self) -> Store:
        return self._services.store

    async def invoke(
        self,
        version: FunctionVersion,
        payload: bytes,
        *,
        arn: str = "",
        client_context: str = "",
        at_edge: bool = False,
    ) -> Result:
        """Run one event on a warm sandbox, a new one, or after waiting for one."""
        group = log_group(version, at_edge=at_edge)
        key = (version.arn, version.version, group)
        pool = self._fleet.pool(key, version, lambda: self._pool(version, group))
        async with contextlib.AsyncExitStack() as stack:
            sandbox = await stack.enter_async_context(pool.lease())
            result = await sandbox.invoke(payload, arn=arn or version.arn, client_context=client_context)
            if result.rest is not None:
                self._background(_hold(stack.pop_all(), result.rest))
            return result

    def forget_missing(self) -> None:
        """Drain the sandboxes of versions that were replaced or deleted."""
        for key in self._fleet.keys():  # noqa: SIM118 - a fleet is no mapping
            arn, number, _ = key  # type: ignore[misc]
            version = find_version(self.store, Target.parse(f"{arn}:{number}"))
            if version is None:
                self._fleet.forget(key)
            else:
                self._fleet.outdate(key, version)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._fleet.close()

    async def handle(self, request: Request) -> Response:
        """The Invoke API on `lambda.<region>.amazonaws.com`."""
        host = _HOST.fullmatch(request.host)
        match = _PATH.fullmatch(request.path)
        if host is None or match is None or request.method != "POST":
            return _error(404, "UnknownOperationException", "Only Invoke is served here.")
        try:
            verify(request, self._services.keyring, "lambda", host[1])
        except SignatureError as error:
            return _error(403, error.kind, str(error))
        qualifier = parse_qs(request.query).get("Qualifier", [""])[0]
        target = Target.parse(unquote(match[1]))
        target = Target(target.name, qualifier or target.qualifier, target.region or host[1])
        version = find_version(self.store, target)
        if version is None:
            suffix = f":{target.qualifier}" if target.qualifier else ""
            told = f"Function not found: arn:aws:lambda:{target.region}:{AWS_ACCOUNT}:function:{target.name}{suffix}"
            return _error(404, "ResourceNotFoundException", told)
        return await self._invoke_as_asked(request, version, target)

    async def _invoke_as_asked(self, request: Request, version: FunctionVersion, target: Target) -> Response:
        if len(request.body) > _MAX_REQUEST_BYTES:
            told = f"Request must be smaller than {_MAX_REQUEST_BYTES} bytes for the InvokeFunction operation"
            return _error(413, "RequestTooLargeException", told)
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return Response(204)
        try:
            context = _client_context(request.headers.get("X-Amz-Client-Context", ""))
        except ValueError as error:
            return _error(400, "InvalidRequestContentException", str(error))
        arn = f"{version.arn}:{target.qualifier}" if target.qualifier else version.arn
        work = self.invoke(version, request.body or b"{}", arn=arn, client_context=context)
        if kind == "Event":
            self._background(work)
            return Response(202)
        return await _response(request, version, await work)

    def _background(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _pool(self, version: FunctionVersion, group: str) -> Pool[LambdaSandbox]:
        async def start() -> LambdaSandbox:
            return LambdaSandbox(version, group, self._services)

        return Pool(start)


async def _hold(stack: contextlib.AsyncExitStack, rest: Coroutine[None, None, None]) -> None:
    """Keep a leased sandbox until its streamed response is complete."""
    async with stack:
        await rest


async def _response(request: Request, version: FunctionVersion, result: Result) -> Response:
    response = Response(200, body=result.outcome.payload, stream=result.outcome.stream)
    await response.read()
    response.headers["Content-Type"] = "application/json"
    response.headers["X-Amz-Executed-Version"] = version.version
    response.headers["x-amzn-RequestId"] = result.report.request_id
    if result.failed:
        response.headers["X-Amz-Function-Error"] = "Unhandled"
    if request.headers.get("X-Amz-Log-Type") == "Tail":
        response.headers["X-Amz-Log-Result"] = result.tail
    return response


def _client_context(encoded: str) -> str:
    if len(encoded) > _MAX_CONTEXT_BYTES:
        raise ValueError(f"Client context must be no more than {_MAX_CONTEXT_BYTES} bytes when base64-encoded.")
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("Client context must be a valid Base64-encoded JSON object.") from error


def _error(status: int, kind: str, message: str) -> Response:
    headers = {"x-amzn-ErrorType": kind, "x-amzn-RequestId": str(uuid.uuid4())}
    key = "message" if status == 403 else "Message"
    body = {key: message} if status == 403 else {"Type": "User", key: message}
    return json_response(status, body, headers)
