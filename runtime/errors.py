"""What an exception looks like to a caller, to X-Ray and in the log: described once, the same on both clouds.

Describing never raises, whatever the exception does in `__str__`, and takes bounded room.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any

_MESSAGE_LIMIT = 65_536
"""Characters of a message: the body must stay below each cloud's limit whatever was raised."""
_ENTRIES = 100
"""Stack entries kept at either end of a long trace."""
_TRACE_LIMIT = 131_072
"""Characters of all entries together, for the same reason."""
_CHAIN = 20
"""Exceptions described of one chain or group."""
_XRAY_LIMIT = 65_536
"""Bytes of the cause header that the Lambda Runtime API keeps (it crops longer ones)."""
_XRAY_MESSAGE, _XRAY_FRAMES = 512, 32


class Failure:
    """One failed invocation or initialisation."""

    __slots__ = ("cause", "log", "message", "stack_trace", "type")

    def __init__(self, type_: str, message: str, stack_trace: list[str], cause: str = "", log: str = "") -> None:
        self.type = type_
        """Class name of the exception, or the runtime's own `Runtime.<Reason>`."""
        self.message = message
        self.stack_trace = stack_trace
        """As the managed runtimes send it: the frames, outermost first; then causes, notes, members of a group."""
        self.cause = cause
        """JSON for the header `Lambda-Runtime-Function-XRay-Error-Cause`; empty when it would be too large."""
        self.log = log
        """The whole traceback as Python prints it."""

    @property
    def header_type(self) -> str:
        """The type as the Lambda Runtime API accepts it: `(Runtime|Function).` and a name of ASCII letters."""
        category, _, reason = self.type.rpartition(".")
        if category not in {"", "Runtime", "Function"} or not _is_reason(reason):
            return "Function.Unhandled"
        return f"{category or 'Function'}.{reason}"

    def body(self, request_id: str = "") -> bytes:
        """Error JSON (Lambda Developer Guide, "Using the Lambda runtime API"), with the id when there is one."""
        from runtime.codec import dumps

        fields: dict[str, Any] = {"errorMessage": self.message, "errorType": self.type}
        if request_id:
            fields["requestId"] = request_id
        fields["stackTrace"] = self.stack_trace
        return dumps(fields)


def describe(error: BaseException) -> Failure:
    """Everything that is to be told of `error`; the bare facts where that fails, such as without memory or files."""
    try:
        return _described(error)
    except BaseException as second:  # noqa: BLE001 - a failure that cannot be described must still be reported
        name = getattr(type(error), "__name__", "Exception")
        message, frames = _text(error), _bare_frames(error)
        note = f"{name}: {message}, and describing it failed: {type(second).__name__}"
        return Failure(name, message, frames, log="".join([*frames, note]))


def _bare_frames(error: BaseException) -> list[str]:
    """Frames without source lines, for which nothing is imported or read."""
    frames: list[str] = []
    try:
        trace = _from_user(error.__traceback__)
        while trace is not None and len(frames) < _ENTRIES:
            code = trace.tb_frame.f_code
            frames.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}\n')
            trace = trace.tb_next
    except BaseException:  # noqa: BLE001 - what is there is enough
        return frames
    return frames


def _described(error: BaseException) -> Failure:
    given = getattr(error, "error_type", None)
    own = isinstance(given, str) and type(error).__module__.startswith("runtime.")
    name = str(given) if own else type(error).__name__
    message = _text(error)
    # The runtime's own verdicts, such as a result without JSON form, have no frames that tell the user anything;
    # what they rest on may have, such as a module that cannot be imported.
    origin = error.__cause__ if own else error
    frames = _frames(origin) if origin is not None else []
    return Failure(
        name,
        message,
        [] if origin is None else _cropped([*frames, *_related(origin, {id(origin)})]),
        _xray_cause(name, message, origin),
        _log(f"{name}: {message}" if message else name, origin if frames or not own else None, own=own),
    )


def _log(headline: str, origin: BaseException | None, *, own: bool) -> str:
    if origin is None:
        return headline
    from traceback import TracebackException

    trace = TracebackException(type(origin), origin, _from_user(origin.__traceback__), compact=True)
    lines = [line for part in trace.format() for line in part.splitlines(keepends=True)]
    return "".join([f"{headline}\n" if own else "", *_cropped(lines)]).rstrip("\n")


def _text(value: object) -> str:
    try:
        return _short(str(value))
    except BaseException as second:  # noqa: BLE001 - hostile __str__
        return f"<{type(value).__name__} without text: its __str__ raised {type(second).__name__}>"


def _short(text: str) -> str:
    return (
        text
        if len(text) <= _MESSAGE_LIMIT
        else f"{text[:_MESSAGE_LIMIT]}… ({len(text) - _MESSAGE_LIMIT} more characters)"
    )


def _cropped(entries: list[str]) -> list[str]:
    if len(entries) > 2 * _ENTRIES:
        left_out = f"  … {len(entries) - 2 * _ENTRIES} entries left out …\n"
        entries = [*entries[:_ENTRIES], left_out, *entries[-_ENTRIES:]]
    kept: list[str] = []
    room = _TRACE_LIMIT
    for entry in entries:
        kept.append(_short(entry)[:room])
        room -= len(kept[-1])
    return [entry for entry in kept if entry]


def _from_user(frames: TracebackType | None) -> TracebackType | None:
    """The trace without the frames of the runtime that called the user's code."""
    while frames is not None and frames.tb_frame.f_globals.get("__name__", "").startswith("runtime."):
        frames = frames.tb_next
    return frames


def _frames(error: BaseException) -> list[str]:
    from traceback import format_tb

    return format_tb(_from_user(error.__traceback__))


def _is_reason(name: str) -> bool:
    return len(name) > 1 and name.isascii() and name.isalpha() and name[0].isupper()


def _earlier(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _related(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Notes, members, and cause or context of an exception, each with its frames."""
    notes = getattr(error, "__notes__", None)
    for note in notes if isinstance(notes, list) else []:
        yield f"Note: {_text(note)}\n"
    members = getattr(error, "exceptions", None)
    for number, member in enumerate(members if isinstance(members, tuple) else (), 1):
        yield from _told(f"Sub-exception {number}", member, seen)
    earlier = _earlier(error)
    if earlier is not None:
        yield from _told("Caused by" if error.__cause__ else "Raised while handling", earlier, seen)


def _told(how: str, error: object, seen: set[int]) -> Iterator[str]:
    if not isinstance(error, BaseException) or id(error) in seen or len(seen) > _CHAIN:
        return
    seen.add(id(error))
    yield f"{how}: {type(error).__name__}: {_text(error)}\n"
    yield from _frames(error)
    yield from _related(error, seen)


def _xray_cause(name: str, message: str, origin: BaseException | None) -> str:
    """The cause document of the Lambda Runtime API, ASCII, most important exception first."""
    import json
    from traceback import extract_tb

    exceptions: list[dict[str, Any]] = []
    paths: set[str] = set()
    while len(exceptions) < _CHAIN:
        stack = extract_tb(_from_user(origin.__traceback__))[-_XRAY_FRAMES:] if origin is not None else []
        exceptions.append(
            {
                "type": name,
                "message": message[:_XRAY_MESSAGE],
                "stack": [{"path": frame.filename, "line": frame.lineno or 0, "label": frame.name} for frame in stack],
            }
        )
        paths.update(frame.filename for frame in stack)
        origin = None if origin is None else _earlier(origin)
        if origin is None:
            break
        name, message = type(origin).__name__, _text(origin)
    text = json.dumps({"working_directory": _folder(), "paths": sorted(paths), "exceptions": exceptions})
    return text if len(text) <= _XRAY_LIMIT else ""


def _folder() -> str:
    """The working folder; empty where the handler has deleted it."""
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return ""
