"""From the handler's name to the function, and from what it returned to its result."""

from __future__ import annotations

import gc
import os
import sys

from runtime.codec import use_orjson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from runtime.context import Context

    Handler = Callable[[Any, Context], Any]

URL_STREAMS = os.environ.get("ISTHMUS_INVOKE_MODE") == "RESPONSE_STREAM"
"""Whether the Lambda function URL in front passes pieces on: its invoke mode, which a function cannot see by itself."""
PLAIN = frozenset({dict, list, tuple, str, bytes, int, float, bool, type(None)})
"""Types of what is a result itself; any other may have to be `settled` first."""
_IMPORT_ALLOCATIONS = 100_000
"""Objects that an import may make before the collector looks for cycles among them."""


class HandlerError(Exception):
    """There is no handler to call. `error_type` is AWS's name of the reason."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = f"Runtime.{error_type}"


def load(name: str) -> Handler:
    """Import `package.module.function` (or AWS's `package/module.function`), and orjson where the handler has it.

    Raises HandlerError, or what the module itself raises while it is imported.
    """
    # Collections take a twelfth of an import's time and find next to nothing.
    thresholds = gc.get_threshold()
    gc.set_threshold(_IMPORT_ALLOCATIONS, *thresholds[1:])
    try:
        handler = _found(name)
        use_orjson()
        return handler
    finally:
        # What is there now stays, and no later collection need look at it.
        gc.freeze()
        if gc.get_threshold()[0] == _IMPORT_ALLOCATIONS:  # else the handler's own setting stands
            gc.set_threshold(*thresholds)


def _found(name: str) -> Handler:
    module_name, _, function_name = name.replace("/", ".").rpartition(".")
    if not module_name or not function_name:
        raise HandlerError("MalformedHandlerName", f"Bad handler {name!r}: write it as package.module.function")
    if module_name.partition(".")[0] in sys.builtin_module_names:
        raise HandlerError("BuiltInModuleConflict", f"Cannot use built-in module {module_name!r} as a handler module")
    try:
        __import__(module_name)
    except ImportError as error:
        raise HandlerError("ImportModuleError", f"Unable to import module {module_name!r}: {error}") from error
    except SyntaxError as error:
        where = f'file "{error.filename}" line {error.lineno}'
        raise HandlerError(
            "UserCodeSyntaxError", f"Syntax error in module {module_name!r}: {error.msg} ({where})"
        ) from error
    found = getattr(sys.modules[module_name], function_name, None)
    if found is None:
        raise HandlerError("HandlerNotFound", f"Handler {function_name!r} missing on module {module_name!r}")
    if not callable(found):
        raise HandlerError("HandlerNotFound", f"Handler {function_name!r} of module {module_name!r} is not callable")
    # What must happen between the import and the first event, such as an application's startup.
    prepare = getattr(found, "prepare", None)
    if prepare is not None and type(found).__module__ == "runtime.asgi":
        prepare()
    return found


def settled(result: Any, *, shared_loop: bool) -> Any:
    """The value behind what a handler returned: where it is `async def`, its coroutine is run to the end.

    `shared_loop`: on the one event loop that all threads share, else on a loop of this thread's own.
    """
    if not hasattr(result, "__await__"):
        return result
    from runtime import aio

    return aio.run_aside(result) if shared_loop else aio.run_here(result)


def is_streamed(result: Any) -> bool:
    """Whether a result comes piece by piece: an iterator or async iterator, alone or as the body of an HTTP reply."""
    kind = type(result)
    if kind is dict:
        body = result.get("body")
        return body is not None and type(body) is not str and "statusCode" in result and _iterates(body)
    return kind not in PLAIN and _iterates(result)


def _iterates(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "__next__") or hasattr(kind, "__anext__")
