"""Shutdown hooks on AWS Lambda, which sends SIGTERM only to environments with an extension.

An internal extension that asks for no event is enough (Lambda Developer Guide, "Using the Lambda Extensions API").
Imported only where a handler registered a hook: the extension prolongs each shutdown.
"""

from __future__ import annotations

import _signal  # pyright: ignore[reportMissingImports] - `signal` itself imports enum and re
import _thread
import os

from runtime import hooks, lifecycle
from runtime.lambda_api import RuntimeApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_NAME = "isthmus-shutdown"
_registered: list[RuntimeApi] = []
"""Kept: its connection must stay open for as long as the process lives."""


def register(address: str, *, must: bool = True) -> None:
    """Register the extension, before the first call for an invocation. Raises ApiLostError.

    `must`: say so when it is refused.
    """
    api = RuntimeApi(address)
    os.register_at_fork(after_in_child=api.abandon)
    identifier = api.register_extension(_NAME, must=must)
    if identifier:
        api.park_extension(identifier)
        _registered.append(api)


def run_on_sigterm() -> None:
    """Run the hooks when SIGTERM comes, and end the process.

    The signal wakes a thread of its own: the main thread may be deep in a handler that its timeout has cut off.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    _signal.signal(_signal.SIGTERM, lambda _number, _frame: None)
    _signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    lifecycle.keep_from_children((_signal.SIGTERM,))
    _thread.start_new_thread(_stop_when_told, (reader,))


def _stop_when_told(reader: int) -> NoReturn:
    while _signal.SIGTERM not in os.read(reader, 64):
        pass
    hooks.run_shutdown("aws")
    os._exit(0)
