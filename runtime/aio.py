"""Event loops for `async def` handlers. Imported with the first awaitable: asyncio costs more than the whole start."""

from __future__ import annotations

import _thread
import asyncio
import os
from traceback import print_exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator
    from typing import Any

    Put = Callable[[Any], Awaitable[None]]

_CANCEL_SECONDS = 5.0
"""Time that a task gets to end after its reader has gone."""
_TURN_SECONDS = 0.1
"""Time that a busy loop gets to turn to a shutdown hook, out of the half second that Lambda gives."""

_here: asyncio.AbstractEventLoop | None = None
_aside: asyncio.AbstractEventLoop | None = None
_starting = _thread.allocate_lock()


def run_here(awaitable: Awaitable[Any]) -> Any:
    """Run on the one loop, which stands still between two calls. Raises whatever the awaitable raises.

    A shutdown hook may come while a handler is on that loop: it runs beside it or, where the handler lets nothing run
    beside it, on a loop of its own.
    """
    global _here  # noqa: PLW0603
    if _here is None:
        _here = asyncio.new_event_loop()
    if not _here.is_running():
        return _unwrap(_here.run_until_complete(_outcome(awaitable)))
    if _turns(_here):
        return _unwrap(asyncio.run_coroutine_threadsafe(_outcome(awaitable), _here).result())
    return _unwrap(asyncio.new_event_loop().run_until_complete(_outcome(awaitable)))


def run_aside(awaitable: Awaitable[Any]) -> Any:
    """Run on the shared loop's thread, in a copy of this thread's context variables, and wait for it."""
    global _aside  # noqa: PLW0603
    with _starting:
        if _aside is None:
            _aside = asyncio.new_event_loop()
            _thread.start_new_thread(_run_for_ever, (_aside,))
    return _unwrap(asyncio.run_coroutine_threadsafe(_outcome(awaitable), _aside).result())


def _turns(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a loop that another thread runs gets round to what is new."""
    turned = _thread.allocate_lock()
    turned.acquire()
    loop.call_soon_threadsafe(turned.release)
    return turned.acquire(timeout=_TURN_SECONDS)


def items(source: AsyncIterator[Any], *, shared_loop: bool) -> Generator[Any, None, None]:
    """The items of an async iterator, one at a time; closing the iterator closes `source`."""

    async def produce(put: Put) -> None:
        try:
            async for item in source:
                await put(item)
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()

    return produced(produce, shared_loop=shared_loop)


def produced(produce: Callable[[Put], Awaitable[None]], *, shared_loop: bool) -> Generator[Any, None, None]:
    """What `produce` puts, as a plain iterator. `produce` runs as one task, at most one item ahead of its reader.

    Raises what `produce` raises, after the items before it. Closing the iterator cancels the task and waits for it.
    """
    run = run_aside if shared_loop else run_here
    queue: asyncio.Queue[tuple[bool, Any]] = asyncio.Queue(1)

    async def work() -> None:
        process = os.getpid()
        error: BaseException | None = None

        async def put(item: Any) -> None:
            _end_if_forked(process)
            await queue.put((False, item))

        try:
            await produce(put)
        except BaseException as raised:
            if _is_cancelled(raised):
                raise
            error = raised
        _end_if_forked(process)
        await queue.put((True, error))

    async def start() -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work())

    task = run(start())
    try:
        while True:
            ended, item = run(queue.get())
            if not ended:
                yield item
            elif item is None:
                return
            else:
                raise item
    finally:
        if not task.done():
            run(_cancelled(task))


def _is_cancelled(error: BaseException) -> bool:
    """Whether `error` ends the current task by our own wish; anybody may raise a CancelledError of another task's."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=_CANCEL_SECONDS)


async def _outcome(awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    process = os.getpid()
    # SystemExit and KeyboardInterrupt must not reach the loop, which would stop for every other task.
    try:
        outcome = await awaitable, None
    except BaseException as error:  # noqa: BLE001
        outcome = None, error
    _end_if_forked(process)
    return outcome


def _end_if_forked(process: int) -> None:
    """End a child that a handler forked and that comes back: the loop it would go on with is that of `process`."""
    if os.getpid() != process:
        os._exit(1)


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
