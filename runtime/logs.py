"""What the function says: plain lines, tracebacks, and the `logging` module set up as on a managed runtime.

Importing `logging` costs as much as the whole start of the runtime, so it is set up only when something imports it.
"""

from __future__ import annotations

import os
import sys
from time import gmtime, strftime, time

from runtime.context import current_request_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Literal

    from runtime.errors import Failure

    Cloud = Literal["aws", "alibaba"]

as_json = False
"""Whether records are JSON objects: the environment variable AWS_LAMBDA_LOG_FORMAT is `JSON`."""
level = ""
"""What AWS_LAMBDA_LOG_LEVEL asks for: TRACE, DEBUG, INFO, WARN, ERROR, FATAL; empty for Python's own default."""
_frames: int | None = None
"""The descriptor on which Lambda takes records with their bounds, where it gives one."""
_cloud: Cloud = "aws"
_old_streams: list[object] = []
"""Kept, since the end of a stream would wait for its lock, too."""
_INFO, _WARNING, _ERROR = 20, 30, 40


def line(text: str) -> None:
    """Write one line to the log; never raises, since a closed stdout must not end the runtime."""
    try:
        sys.stdout.write(f"{text}\n")
    except (OSError, ValueError, AttributeError):
        return


def warning(text: str) -> None:
    """A record of the runtime's own."""
    _own("WARNING", _WARNING, text)


def error(text: str) -> None:
    """A record of the runtime's own."""
    _own("ERROR", _ERROR, text)


def record(text: str, severity: int) -> None:
    """Write one record, of a severity as `logging` has it, with its bounds. Raises OSError, ValueError."""
    if _frames is not None:
        _frame(text, severity)
    elif as_json or _cloud == "alibaba":
        sys.stdout.write(f"{text}\n")
    else:
        sys.stdout.write(text.replace("\n", "\r") + "\n")


def flush() -> None:
    """Let out what the handler printed without a line end, before the cloud may freeze the process."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        return


def failure(cloud: Cloud, failed: Failure) -> None:
    """Log a failed invocation as one record of the cloud's log, flushed with all that was printed before.

    CloudWatch Logs ends a record at a line feed, so carriage returns part the lines, as in the managed runtimes;
    Simple Log Service begins a record at a date (Function Compute, "Configure logging").
    """
    if as_json:
        text = _json_failure(failed)
    elif cloud == "aws":
        headline = f"[ERROR] {failed.type}: {failed.message}" if failed.message else f"[ERROR] {failed.type}"
        text = "\n".join([*headline.split("\n"), *(failed.log if failed.stack_trace else "").splitlines()])
    else:
        text = f"{timestamp(time())} {current_request_id()} [ERROR] {failed.log or failed.type}"
    _safely(text, _ERROR)


def prepare(cloud: Cloud) -> None:
    """Make stdout and stderr visible line by line and safe for any text; wait for `logging` to be imported."""
    global as_json, level, _frames, _cloud  # noqa: PLW0603
    _cloud = cloud
    as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    # Taken out of the environment: a child process that wrote there would break the frames.
    descriptor = os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", "")
    _frames = int(descriptor) if descriptor.isdecimal() else None
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
    os.register_at_fork(after_in_child=_renew_streams)
    if "logging" in sys.modules:
        _set_up(sys.modules["logging"], cloud)
    else:
        sys.meta_path.insert(0, _OnLoggingImport(cloud))  # pyright: ignore[reportArgumentType]


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC, to the millisecond. `seconds` since the epoch."""
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{int(seconds * 1000) % 1000:03d}Z"


def _renew_streams() -> None:
    """In a forked child: another thread of the parent may have held the lock of a stream, which nobody then frees."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        old = getattr(sys, name)
        if old is not getattr(sys, f"__{name}__"):
            continue  # the handler's own
        try:
            new = open(descriptor, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
        except OSError:
            continue
        _old_streams.append(old)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def _own(name: str, severity: int, text: str) -> None:
    if as_json:
        from runtime.codec import dumps

        fields = {"timestamp": timestamp(time()), "level": name, "message": text, "requestId": current_request_id()}
        _safely(dumps(fields).decode(), severity)
    else:
        _safely(f"[{name}] {text}", severity)


def _json_failure(failed: Failure) -> str:
    from runtime.codec import dumps

    fields = {
        "timestamp": timestamp(time()),
        "level": "ERROR",
        "errorType": failed.type,
        "errorMessage": failed.message,
        "requestId": current_request_id(),
        "stackTrace": failed.stack_trace,
    }
    return dumps(fields).decode()


def _safely(text: str, severity: int) -> None:
    try:
        record(text, severity)
    except (OSError, ValueError, AttributeError):
        return


def _frame(text: str, severity: int) -> None:
    """Kind, length in bytes, microseconds since the epoch, all big-endian, and the text (Lambda's telemetry frames)."""
    data = text.encode("utf-8", "backslashreplace")
    # The kinds of the levels NOTSET, DEBUG … CRITICAL end in 3, b, f, 13, 17, 1b; those of JSON are one less.
    rank = min(50, max(0, severity)) // 10
    kind = 0xA55A0003 + (rank + 1 if rank else 0) * 4 - (1 if as_json else 0)
    head = kind.to_bytes(4, "big") + len(data).to_bytes(4, "big") + int(time() * 1_000_000).to_bytes(8, "big")
    view = memoryview(head + data)
    while view and _frames is not None:
        view = view[os.write(_frames, view) :]


class _OnLoggingImport:
    """A finder that works once: whoever imports `logging` finds it set up before the next statement runs."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud: Cloud = cloud

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "logging" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)  # pyright: ignore[reportArgumentType]
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            self._extend(spec.loader)
        return spec

    def _extend(self, loader: Any) -> None:
        execute = loader.exec_module

        def execute_and_set_up(module: ModuleType) -> None:
            execute(module)
            _set_up(module, self._cloud)

        loader.exec_module = execute_and_set_up


def _set_up(logging: Any, cloud: Cloud) -> None:
    from runtime import log_format

    lines = log_format.JsonLines(timestamp) if as_json else log_format.TextLines(cloud)
    log_format.set_up(logging, lines, record, level)
