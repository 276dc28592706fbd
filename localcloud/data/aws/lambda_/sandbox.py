"""An execution environment of Lambda: init, one invocation at a time, and the ways in which either can end."""

from __future__ import annotations

import asyncio
import base64
import json
import platform
import signal
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from localcloud.data.keyring import Principal
from localcloud.data.packages import PackageError
from localcloud.data.sandbox import Sandbox
from localcloud.data.services import Services

from . import platform_log
from .extensions import SHUTDOWN_SECONDS
from .function import FunctionVersion, command, endpoints, environment
from .runtime_api import Invocation, Outcome, RuntimeApi

INIT_SECONDS = 10.0
"""Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle": limit of the init phase."""

_TAIL_BYTES = 4096


@dataclass
class Result:
    """The answer of one invocation."""

    outcome: Outcome
    report: platform_log.Report
    log: list[str]
    rest: Coroutine[None, None, None] | None = None
    """For a streamed response: what is still to be awaited before the sandbox is free again."""

    @property
    def failed(self) -> bool:
        return bool(self.outcome.error_type)

    @property
    def tail(self) -> str:
        """Base64 of the last 4 KB of the log, as `X-Amz-Log-Result` has it."""
        return base64.b64encode("".join(f"{line}\n" for line in self.log).encode()[-_TAIL_BYTES:]).decode()


class LambdaSandbox:
    """One execution environment; it starts its process at the first invocation, like a cold start."""

    def __init__(self, version: FunctionVersion, group: str, services: Services) -> None:
        self.version = version
        self._group = group
        self._services = services
        day = datetime.now(UTC).strftime("%Y/%m/%d")
        self._stream = f"{day}/[{version.version}]{uuid.uuid4().hex}"
        role = version.role.replace(":iam::", ":sts::").replace(":role/", ":assumed-role/")
        self._key = services.keyring.issue(Principal(f"{role}/{version.name}"))
        self._sandbox: Sandbox | None = None
        self._api: RuntimeApi | None = None
        self._lines: list[str] = []

    @property
    def usable(self) -> bool:
        return self._sandbox is not None and self._sandbox.alive

    async def close(self) -> None:
        """Lambda gives a runtime time to shut down only where an extension is registered; else it is killed at once."""
        self._services.keyring.revoke(self._key)
        await self._end_process()

    async def invoke(self, payload: bytes, *, arn: str, client_context: str = "", trace_id: str = "") -> Result:
        """Run one event; failures of the function are results, never exceptions."""
        request_id = str(uuid.uuid4())
        self._lines = []
        init_ms, failure = None, None
        if not self.usable:
            init_ms, failure = await self._initialise(request_id)
        as_json = self.version.log_format == "JSON"
        self._log(platform_log.start(request_id, self.version.version, as_json=as_json))
        begun = time.monotonic()
        if failure is not None:
            outcome, status = failure, "error"
        else:
            outcome, status = await self._run(request_id, payload, arn, client_context, trace_id)
        rest = None
        if outcome.stream is not None:
            rest = self._finish_stream(request_id, begun, init_ms, outcome)
        report = self._report(request_id, begun, init_ms, outcome, status)
        if rest is None:
            self._log_end(report)
        return Result(outcome, report, self._lines, rest)

    async def _finish_stream(self, request_id: str, begun: float, init_ms: float | None, outcome: Outcome) -> None:
        """Wait until the runtime has sent everything; the function's timeout holds for this part too."""
        sandbox, api = self._parts()
        ended = asyncio.ensure_future(api.stream_ended.wait())
        left = self.version.timeout_s - (time.monotonic() - begun)
        with self._services.watch.over(sandbox):
            await asyncio.wait({ended, sandbox.exited}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        status = "success"
        if not api.stream_ended.is_set() and sandbox.alive:
            await self._time_out(request_id)
            status = "timeout"
        sandbox.drain()
        self._log_end(self._report(request_id, begun, init_ms, outcome, status))

    def _log_end(self, report: platform_log.Report) -> None:
        for line in platform_log.end(report, as_json=self.version.log_format == "JSON"):
            self._log(line)

    async def _initialise(self, request_id: str) -> tuple[float | None, Outcome | None]:
        """Start the process; a failed init phase is tried once more within the invocation, as Lambda does."""
        milliseconds, failure = await self._init_phase(request_id, "init", INIT_SECONDS)
        if failure is None:
            return milliseconds, None
        _, failure = await self._init_phase(request_id, "invoke", self.version.timeout_s)
        return None, failure

    async def _init_phase(self, request_id: str, phase: str, seconds: float) -> tuple[float, Outcome | None]:
        as_json = self.version.log_format == "JSON"
        self._log(platform_log.init_start(_runtime_name(self.version), as_json=as_json))
        begun = time.monotonic()
        failure = await self._start_process(request_id) or await self._await_ready(request_id, seconds)
        milliseconds = (time.monotonic() - begun) * 1000
        if failure is not None:
            await self._end_process()
            kind = failure.error_type if failure.error_type != "Sandbox.Timedout" else ""
            self._log(platform_log.init_failed(milliseconds, phase, kind, as_json=as_json))
        return milliseconds, failure

    async def _start_process(self, request_id: str) -> Outcome | None:
        services, version = self._services, self.version
        try:
            folder = await services.packages.folder(version.code, services.store.blob_path(version.code))
        except PackageError as error:
            return _failure("Runtime.InvalidEntrypoint", f"RequestId: {request_id} Error: {error}")
        self._api = RuntimeApi()
        address = await self._api.start()
        variables = environment(version, folder, address, (self._group, self._stream), self._key)
        variables = endpoints(version, self._services.port) | variables
        try:
            argv = command(version, folder)
            self._sandbox = await Sandbox.start(argv, variables, folder, version.memory_mb, self._log)
        except OSError as error:
            return _failure(
                "Runtime.InvalidEntrypoint", f"RequestId: {request_id} Error: {_exec_failure(error, folder)}"
            )
        return None

    async def _await_ready(self, request_id: str, seconds: float) -> Outcome | None:
        sandbox, api = self._parts()
        ready = asyncio.ensure_future(api.ready.wait())
        with self._services.watch.over(sandbox):
            waited = {ready, api.init_error, sandbox.exited}
            await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        sandbox.drain()
        if api.ready.is_set():
            return None
        if api.init_error.done():
            return api.init_error.result()
        if sandbox.exited.done():
            return self._exit_failure(request_id)
        return _failure(
            "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
        )

    async def _run(
        self, request_id: str, payload: bytes, arn: str, client_context: str, trace_id: str
    ) -> tuple[Outcome, str]:
        sandbox, api = self._parts()
        deadline = int((time.time() + self.version.timeout_s) * 1000)
        invocation = Invocation(request_id, payload, deadline, arn, trace_id or _trace_id(), client_context)
        answer = asyncio.ensure_future(api.invoke(invocation))
        with self._services.watch.over(sandbox):
            waited = {answer, sandbox.exited}
            await asyncio.wait(waited, timeout=self.version.timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            outcome = answer.result()
            sandbox.drain()
            return outcome, "error" if outcome.error_type else "success"
        answer.cancel()
        if sandbox.exited.done():
            return self._exit_failure(request_id), "error"
        return await self._time_out(request_id), "timeout"

    async def _time_out(self, request_id: str) -> Outcome:
        seconds = float(self.version.timeout_s)
        await self._end_process()
        self._log(platform_log.timed_out(request_id, seconds))
        return _failure(
            "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
        )

    def _exit_failure(self, request_id: str) -> Outcome:
        sandbox, _ = self._parts()
        reason = _exit_reason(sandbox.exited.result())
        kind = "Runtime.OutOfMemory" if sandbox.out_of_memory else "Runtime.ExitError"
        self._log(f"RequestId: {request_id} Error: {reason}")
        self._log(kind)
        return _failure(kind, f"RequestId: {request_id} Error: {reason}")

    def _report(
        self, request_id: str, begun: float, init_ms: float | None, outcome: Outcome, status: str
    ) -> platform_log.Report:
        spent = (time.monotonic() - begun) * 1000
        milliseconds = self.version.timeout_s * 1000.0 if status == "timeout" else spent
        used = min(self._sandbox.used_mb, self.version.memory_mb) if self._sandbox else 1
        told = outcome.error_type if status == "error" else ""
        return platform_log.Report(request_id, milliseconds, self.version.memory_mb, used, init_ms, status, told)

    async def _end_process(self) -> None:
        if self._sandbox is not None:
            warned = self._api is not None and self._api.extensions.any
            await (self._sandbox.stop(SHUTDOWN_SECONDS) if warned else self._sandbox.kill())
        if self._api is not None:
            await self._api.stop()

    def _parts(self) -> tuple[Sandbox, RuntimeApi]:
        assert self._sandbox is not None
        assert self._api is not None
        return self._sandbox, self._api

    def _log(self, line: str) -> None:
        self._lines.append(line)
        self._services.store.append_log(self._group, self._stream, line)


def _failure(kind: str, message: str) -> Outcome:
    return Outcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), kind)


def _exec_failure(error: OSError, folder: Path) -> str:
    if not (folder / "bootstrap").exists():
        return "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    return f"fork/exec /var/task/bootstrap: {(error.strerror or 'unknown error').lower()}"


def _exit_reason(code: int) -> str:
    if code == 0:
        return "Runtime exited without providing a reason"
    if code < 0:
        return f"Runtime exited with error: signal: {(signal.strsignal(-code) or str(-code)).lower()}"
    return f"Runtime exited with error: exit status {code}"


def _runtime_name(version: FunctionVersion) -> str:
    if not version.managed:
        return version.runtime.replace(".", ":", 1)
    return f"{version.runtime}, run by this machine's Python {platform.python_version()}"


def _trace_id() -> str:
    return f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"
