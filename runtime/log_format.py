"""The `logging` module set up as on a managed runtime; imported only when something imports `logging`.

Text: the lines of each cloud's managed runtimes. JSON, where AWS_LAMBDA_LOG_FORMAT says so: one object per record with
the keys of AWS's Python runtime (Lambda Developer Guide, "Using Lambda advanced logging controls with Python"), the
time to the millisecond, and `extra` fields beside them.
"""

from __future__ import annotations

from time import gmtime

from runtime import codec
from runtime import context as contexts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

_LEVELS = {"TRACE": 10, "DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "FATAL": 50, "CRITICAL": 50}
_LAYOUTS = {
    "aws": "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s",
    "alibaba": "%(asctime)s.%(msecs)03dZ %(aws_request_id)s [%(levelname)s] %(message)s",
}


class TextLines:
    def __init__(self, cloud: Literal["aws", "alibaba"]) -> None:
        self._layout = _LAYOUTS[cloud]

    def formatter(self, logging: Any) -> Any:
        class Text(logging.Formatter):
            converter = staticmethod(gmtime)

            def format(self, record: Any) -> str:
                record.aws_request_id = contexts.current_request_id()
                return super().format(record)

        return Text(self._layout, "%Y-%m-%dT%H:%M:%S")


class JsonLines:
    def __init__(self, timestamp: Callable[[float], str]) -> None:
        """`timestamp`: seconds since the epoch as text."""
        self._timestamp = timestamp

    def formatter(self, logging: Any) -> Any:
        timestamp = self._timestamp
        # What every record has; anything else on it was given as `extra`.
        own = frozenset({*vars(logging.makeLogRecord({})), "aws_request_id", "asctime", "message"})

        class Json(logging.Formatter):
            def format(self, record: Any) -> str:
                fields = {"timestamp": timestamp(record.created), **_fields(self, record, own)}
                return codec.dumps_loosely(fields).decode()

        return Json()


def set_up(logging: Any, lines: TextLines | JsonLines, write: Callable[[str, int], None], level: str) -> None:
    """Give the root logger one handler that passes text and severity to `write`, and the `level` where it is one."""

    class Output(logging.Handler):
        def emit(self, record: Any) -> None:
            try:
                write(self.format(record), record.levelno)
            except Exception:  # noqa: BLE001 - as logging's own handlers: a record that cannot be written is told of
                self.handleError(record)

    handler = Output()
    handler.setFormatter(lines.formatter(logging))
    root = logging.getLogger()
    root.addHandler(handler)
    if level in _LEVELS:
        root.setLevel(_LEVELS[level])


def _fields(formatter: Any, record: Any, own: frozenset[str]) -> dict[str, Any]:
    message = record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage()
    fields: dict[str, Any] = {"level": record.levelname, "message": message, "logger": record.name}
    if record.exc_info and record.exc_info[0] is not None:
        kind, error, trace = record.exc_info
        from traceback import format_tb

        fields["stackTrace"] = format_tb(trace)
        fields["errorType"] = kind.__name__
        fields["errorMessage"] = str(error)
        fields["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
    if record.stack_info:
        fields["stackInfo"] = formatter.formatStack(record.stack_info)
    context = contexts.current.get() or contexts.sole
    if context is not None:
        fields["requestId"] = context.request_id
        if context.tenant_id is not None:
            fields["tenantId"] = context.tenant_id
    for name, value in record.__dict__.items():
        if name not in own and name not in fields and name != "timestamp" and value is not None:
            fields[name] = value
    return fields
