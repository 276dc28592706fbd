"""One instance of an FC web function: start, health check, initializer, requests, pre-stop.

Source: Function Compute documentation, "Custom runtimes: how it works", "Error handling" and "Lifecycle hooks
for function instances".
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import socket
import time
import uuid
from collections.abc import AsyncIterator

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from localcloud.data.keyring import Principal
from localcloud.data.messages import Request, Response
from localcloud.data.packages import PackageError
from localcloud.data.sandbox import Sandbox
from localcloud.data.services import Services
from localcloud.events import new_request_id

from . import health
from .function import (
    FcFunction,
    HealthCheck,
    common_headers,
    endpoints,
    environment,
    local_command,
    log_group,
)
from .node import NodeError, with_node

START_SECONDS = 120.0
CREDENTIALS_VARIABLE = "ISTHMUS_FC_CREDENTIALS_SECONDS"

_CREDENTIALS_SECONDS = 36 * 3600.0

_ADDRESS = "127.0.0.2"
"""A loopback address that reaches a server on 0.0.0.0 but not one on 127.0.0.1, as FC's own address does."""
_KEPT_LINES = 20
_UNSENT = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_NOT_STARTED = "The function cannot be started. "


class FcError(Exception):
    """FC answers instead of the function; `kind` is the error code."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        self.status = status
        self.kind = kind
        super().__init__(message)


class FcInstance:
    """A running instance; up to the function's concurrency of requests at a time."""

    def __init__(self, function: FcFunction, services: Services, start_seconds: float = START_SECONDS) -> None:
        self.function = function
        self.id = f"c-{int(time.time()):08x}-{uuid.uuid4().hex[:12]}"
        self._services = services
        self._start_seconds = start_seconds
        self._port = free_port()
        self._key = (
            services.keyring.issue(Principal(function.role), "STS.", credentials_seconds()) if function.role else None
        )
        self._sandbox: Sandbox | None = None
        self._session: aiohttp.ClientSession | None = None
        self._started = False
        self._broken = False
        self._watching: asyncio.Task[None] | None = None
        self._last_lines: list[str] = []

    @property
    def usable(self) -> bool:
        current = self._key is None or not self._key.expired
        return current and self._started and not self._broken and self._sandbox is not None and self._sandbox.alive

    @property
    def used_mb(self) -> int:
        return self._sandbox.used_mb if self._sandbox else 1

    async def start(self) -> None:
        """Run the start command and wait until it takes connections; raises FcError (FunctionNotStarted)."""
        try:
            await self._launch()
            await self._wait_for_port()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=86_400),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                skip_auto_headers=_UNSENT,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            if self.function.initializer is not None:
                await self._initialize(self.function.initializer.timeout_s)
            if self.function.health is not None:
                await self._begin_health_checks(self.function.health)
            self._started = True
        except BaseException:
            await self.close()
            raise

    async def send(self, request: Request) -> Response:
        """Pass a request to the function; the body of the response may still be arriving.

        Raises FcError when the function runs too long or its process goes away.
        """
        sandbox = self._running()
        begun = time.monotonic()
        work = asyncio.ensure_future(self._request(request))
        waited = {work, sandbox.exited}
        with self._services.watch.over(sandbox):
            await asyncio.wait(waited, timeout=self.function.timeout_s, return_when=asyncio.FIRST_COMPLETED)
        sandbox.drain()
        if work.done() and not work.exception():
            response = work.result()
            if response.stream is not None:
                response.stream = self._until(begun, response.stream)
            return response
        work.cancel()
        if not work.done() and not sandbox.exited.done():
            raise self._timeout_error()
        raise self._exit_error(begun)

    async def close(self) -> None:
        """Call pre-stop when it is switched on, then end everything."""
        if self.function.pre_stop is not None and self.usable:
            with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
                await asyncio.wait_for(self._callback("GET", "/pre-stop"), self.function.pre_stop.timeout_s)
        self._broken = True
        if self._watching is not None:
            self._watching.cancel()
        if self._session is not None:
            await self._session.close()
        if self._sandbox is not None:
            await self._sandbox.kill()
        if self._key is not None:
            self._services.keyring.revoke(self._key)

    async def _launch(self) -> None:
        services, function = self._services, self.function
        try:
            folder = await services.packages.folder(function.code, services.store.blob_path(function.code))
        except PackageError as error:
            raise FcError(412, "FunctionNotStarted", f"{_NOT_STARTED}{error}") from error
        variables = environment(function, folder, self._port, self.id, self._key)
        variables = endpoints(function, services.port) | variables
        try:
            variables["PATH"] = await asyncio.to_thread(with_node, variables["PATH"], function.runtime)
        except NodeError as error:
            raise FcError(412, "FunctionNotStarted", f"{_NOT_STARTED}{error}") from error
        command = local_command(function, folder)
        try:
            self._sandbox = await Sandbox.start(command, variables, folder, function.memory_mb, self._log)
        except OSError as error:
            raise self._exec_error(error, command[0]) from error

    async def _wait_for_port(self) -> None:
        """The layer-4 check: FC connects to the port until it is open, for 120 seconds."""
        sandbox, limit = self._running(), self._start_seconds
        until = time.monotonic() + limit
        with self._services.watch.over(sandbox):
            while time.monotonic() < until:
                if await is_open(_ADDRESS, self._port):
                    return
                if sandbox.exited.done():
                    raise self._start_exit_error(sandbox.exited.result())
                # The order matters: a server that opens between the two probes must not look like a loopback one.
                if await is_open("127.0.0.1", self._port) and not await is_open(_ADDRESS, self._port):
                    told = (
                        f"The CA's http server cannot be started: Ping CA failed due to: dial tcp {_ADDRESS}:"
                        f"{self.function.port}: connection refused. It listens on 127.0.0.1 and must listen on 0.0.0.0."
                    )
                    raise FcError(412, "FunctionNotStarted", told)
                await asyncio.sleep(0.02)
        sandbox.drain(flush=True)
        told = f"Function instance health check failed on port {self.function.port} in {limit:g} seconds.\nLogs:"
        raise FcError(412, "FunctionNotStarted", told + self._log_text())

    async def _initialize(self, seconds: int) -> None:
        try:
            status, body = await asyncio.wait_for(self._callback("POST", "/initialize"), seconds)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            told = str(error) or f"Function instance initialization timed out after {seconds} seconds"
            raise FcError(200, "InitializationError", told) from error
        if not 200 <= status < 300:
            told = body.decode("utf-8", "replace") or f"Function instance initialization failed with status {status}"
            raise FcError(200, "InitializationError", told)

    async def _begin_health_checks(self, check: HealthCheck) -> None:
        """Raises FcError when the instance is not well; else it is watched from now on."""
        path, _, query = check.path.partition("?")

        async def ask() -> int:
            response = await self._request(Request("GET", _ADDRESS, path, query))
            await response.read()
            return response.status

        async def watch() -> None:
            await health.until_unwell(check, ask)
            self._broken = True

        if not await health.first_is_well(check, ask):
            self._running().drain(flush=True)
            told = f"Function instance health check failed on path {check.path}.\nLogs:"
            raise FcError(412, "FunctionNotStarted", told + self._log_text())
        self._watching = asyncio.ensure_future(watch())

    async def _callback(self, method: str, path: str) -> tuple[int, bytes]:
        headers = common_headers(self.function, new_request_id(), path)
        response = await self._request(Request(method, _ADDRESS, path, headers=CIMultiDict(headers)))
        return response.status, await response.read()

    async def _request(self, request: Request) -> Response:
        assert self._session is not None
        url = URL(f"http://{_ADDRESS}:{self._port}{request.target}", encoded=True)
        body = request.body if request.body or request.method in {"POST", "PUT", "PATCH"} else None
        for last in (False, True):
            try:
                answer = await self._session.request(
                    request.method, url, headers=request.headers, allow_redirects=False, data=body
                )
                return Response(answer.status, CIMultiDict(answer.headers), stream=_pieces(answer))
            except aiohttp.ClientConnectionError:
                # A kept connection that the function closed: FC repeats what is safe to repeat, once.
                if last or request.method not in _REPEATABLE or not self._running().alive:
                    raise
        raise AssertionError

    async def _until(self, begun: float, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The rest of a response; the function's timeout counts from the request to the last byte."""
        try:
            while True:
                left = self.function.timeout_s - (time.monotonic() - begun)
                yield await asyncio.wait_for(anext(stream), max(left, 0.001))
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise self._timeout_error() from error
        except aiohttp.ClientError as error:
            raise self._exit_error(begun) from error
        finally:
            self._running().drain()

    def _timeout_error(self) -> FcError:
        self._broken = True
        told = f"Function timed out after {self.function.timeout_s} seconds (maxMemoryUsage: {self.used_mb:.2f}MB)"
        return FcError(504, "UnhandledInvocationError", told)

    def _exit_error(self, begun: float) -> FcError:
        self._broken = True
        milliseconds = int((time.monotonic() - begun) * 1000)
        told = (
            "Process exited unexpectedly before completing request "
            f"(duration: {milliseconds}ms, maxMemoryUsage: {self.used_mb}MB)"
        )
        return FcError(502, "UnhandledInvocationError", told)

    def _exec_error(self, error: OSError, program: str) -> FcError:
        if error.errno == errno.ENOENT and not os.path.exists(program):  # noqa: PTH110
            told = f"Failed to start function instance. Error: the file {self.function.command[0]} is not exist"
            return FcError(412, "FunctionNotStarted", _NOT_STARTED + told)
        return self._start_exit_error(error.errno or 1)

    def _start_exit_error(self, code: int) -> FcError:
        code = 128 - code if code < 0 else code
        meaning = os.strerror(code).lower()
        message = "" if meaning.startswith("unknown error") else f", message:{meaning}"
        command = " ".join([*self.function.command, ""])
        told = f"Function instance exited unexpectedly(code {code}{message}) with start command '{command}'. Logs:"
        return FcError(412, "FunctionNotStarted", _NOT_STARTED + told + self._log_text())

    def _running(self) -> Sandbox:
        assert self._sandbox is not None
        return self._sandbox

    def _log(self, line: str) -> None:
        self._last_lines = [*self._last_lines[-_KEPT_LINES:], line]
        self._services.store.append_log(log_group(self.function.name), self.id, line)

    def _log_text(self) -> str:
        return "\n".join(self._last_lines)


def credentials_seconds() -> float:
    """How long an instance's credentials last: 36 hours, or what ISTHMUS_FC_CREDENTIALS_SECONDS says, for tests.

    Source: Function Compute documentation, "Grant permissions to Function Compute".
    """
    return float(os.environ.get(CREDENTIALS_VARIABLE) or _CREDENTIALS_SECONDS)


def free_port() -> int:
    """A port below the range that the kernel gives to outgoing connections, so that none of them takes it meanwhile."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


async def is_open(address: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.content.iter_any():
            yield piece
    finally:
        answer.release()
