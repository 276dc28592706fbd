"""What the function says: plain lines, tracebacks, and the `logging` module set up as on a managed runtime.

Importing `logging` costs as much as the whole start of the runtime, so it is set up only when something imports it.
"""

from __future__ import annotations

import sys
from time import gmtime, strftime, time

from runtime.context import current_request_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Literal, TextIO

    from runtime.errors import Failure

    Cloud = Literal["aws", "alibaba"]


def line(text: str) -> None:
    """Write one line to the log; never raises, since a closed stdout must not end the runtime."""
    try:
        sys.stdout.write(f"{text}\n")
    except (OSError, ValueError, AttributeError):
        return


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
    if cloud == "aws":
        headline = f"[ERROR] {failed.type}: {failed.message}" if failed.message else f"[ERROR] {failed.type}"
        trace = failed.log if failed.stack_trace else ""
        line("\r".join([*headline.split("\n"), *trace.splitlines()]))
    else:
        line(f"{_now()} {current_request_id()} [ERROR] {failed.log or failed.type}")


def prepare(cloud: Cloud) -> None:
    """Make stdout and stderr visible line by line and safe for any text; wait for `logging` to be imported."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
    if "logging" in sys.modules:
        _set_up(sys.modules["logging"], cloud)
    else:
        sys.meta_path.insert(0, _OnLoggingImport(cloud))  # pyright: ignore[reportArgumentType]


def _now() -> str:
    now = time()
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(now))}.{int(now * 1000) % 1000:03d}Z"


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
    """One handler on the root logger, in the text format of the cloud's managed runtimes, times in UTC."""
    layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    if cloud == "alibaba":
        layout = "%(asctime)s.%(msecs)03dZ %(aws_request_id)s [%(levelname)s] %(message)s"

    class Formatter(logging.Formatter):
        converter = staticmethod(gmtime)

        def format(self, record: Any) -> str:
            record.aws_request_id = current_request_id()
            text = super().format(record)
            return text.replace("\n", "\r") if cloud == "aws" else text

    class Stdout(logging.StreamHandler):
        @property
        def stream(self) -> TextIO:
            return sys.stdout

        @stream.setter
        def stream(self, value: TextIO) -> None: ...

    handler = Stdout()
    handler.setFormatter(Formatter(layout, "%Y-%m-%dT%H:%M:%S"))
    logging.getLogger().addHandler(handler)
