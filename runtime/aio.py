"""Event loops for `async def` handlers. Imported with the first awaitable: asyncio costs more than the whole start."""

from __future__ import annotations

import _thread
import asyncio
from traceback import print_exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

_here: asyncio.AbstractEventLoop | None = None
_aside: asyncio.AbstractEventLoop | None = None
_starting = _thread.allocate_lock()


def run_here(awaitable: Awaitable[Any]) -> Any:
    """Run on this thread's loop, which stands still between two calls. Raises whatever the awaitable raises."""
    global _here  # noqa: PLW0603
    if _here is None:
        _here = asyncio.new_event_loop()
    return _unwrap(_here.run_until_complete(_outcome(awaitable)))


def run_aside(awaitable: Awaitable[Any]) -> Any:
    """Run on the shared loop's thread, in a copy of this thread's context variables, and wait for it."""
    global _aside  # noqa: PLW0603
    with _starting:
        if _aside is None:
            _aside = asyncio.new_event_loop()
            _thread.start_new_thread(_run_for_ever, (_aside,))
    return _unwrap(asyncio.run_coroutine_threadsafe(_outcome(awaitable), _aside).result())


async def _outcome(awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    # SystemExit and KeyboardInterrupt must not reach the loop, which would stop for every other task.
    try:
        return await awaitable, None
    except BaseException as error:  # noqa: BLE001
        return None, error


def _unwrap(outcome: tuple[Any, BaseException | None]) -> Any:
    result, error = outcome
    if error is not None:
        raise error
    return result


def _run_for_ever(loop: asyncio.AbstractEventLoop) -> None:
    while True:
        try:
            loop.run_forever()
        except BaseException:  # noqa: BLE001 - a task of the user's own raised SystemExit; the others go on
            print_exc()
