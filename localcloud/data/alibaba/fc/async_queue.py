"""Asynchronous invocations of Function Compute: the queue in the store, attempts, back-off, and the log of both.

Source: Function Compute documentation, "Asynchronous invocation" (retries 0 to 8, 3 by default; event age up to
604800 s, 86400 by default; back-off from half a second, doubled each time, which the document gives for throttling
only). Destinations and the states of asynchronous tasks are not imitated.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from localcloud.store import QueuedInvocation, Store

from .function import FcFunction, find_function, log_group

CONFIG = "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig"
MAX_PAYLOAD_BYTES = 128 << 10
MAX_DELAY_SECONDS = 3600

_RETRIES = 3
_MAX_AGE_SECONDS = 86_400
_FIRST_WAIT_SECONDS = 0.5

Attempt = Callable[[FcFunction, QueuedInvocation], Awaitable[str]]
"""Runs an invocation once; the result says why it failed, empty when it did not."""


@dataclass(frozen=True)
class Limits:
    """What a function's asynchronous invocation configuration says."""

    retries: int
    max_age_s: int


def limits(store: Store, function: str) -> Limits:
    found = store.find(CONFIG, functionName=function)
    properties = found[0].properties if found else {}
    retries, age = properties.get("maxAsyncRetryAttempts"), properties.get("maxAsyncEventAgeInSeconds")
    return Limits(_RETRIES if retries is None else int(retries), _MAX_AGE_SECONDS if age is None else int(age))


class AsyncQueue:
    """Runs what is queued in the store, each invocation in a task of its own."""

    def __init__(self, store: Store, attempt: Attempt) -> None:
        self._store = store
        self._attempt = attempt
        self._running: dict[str, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, invocation: QueuedInvocation) -> None:
        """Queue an invocation; it runs when it is due."""
        self._store.enqueue(invocation)
        self.wake()

    def wake(self) -> None:
        """Begin every invocation that is due, and come back for the next one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting = [item for item in self._store.queued() if item.id not in self._running]
        now = time.time()
        for invocation in [item for item in waiting if item.due <= now]:
            task = asyncio.ensure_future(self._run(invocation))
            self._running[invocation.id] = task
            task.add_done_callback(lambda _done, id_=invocation.id: self._ended(id_))
        later = [item.due for item in waiting if item.due > now]
        if later:
            self._timer = asyncio.get_running_loop().call_later(min(later) - now, self.wake)

    async def close(self) -> None:
        """Stop; what has not ended stays queued and is run again by the next data plane."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, id_: str) -> None:
        del self._running[id_]
        if not asyncio.get_running_loop().is_closed():
            self.wake()

    async def _run(self, invocation: QueuedInvocation) -> None:
        function = find_function(self._store, invocation.function)
        if function is None:
            self._drop(invocation, f"there is no function {invocation.function}")
            return
        allowed = limits(self._store, function.name)
        if time.time() - invocation.submitted > allowed.max_age_s:
            self._drop(invocation, f"it is older than {allowed.max_age_s} s")
            return
        tried = replace(invocation, attempts=invocation.attempts + 1)
        what = f"attempt {tried.attempts} of {allowed.retries + 1}"
        self._log(tried, f"{what} started ({invocation.cause})")
        begun = time.monotonic()
        failure = await self._attempt(function, tried)
        seconds = time.monotonic() - begun
        if not failure:
            self._store.dequeue(tried.id)
            self._log(tried, f"{what} succeeded after {seconds:.2f} s")
            return
        self._log(tried, f"{what} failed after {seconds:.2f} s: {failure}")
        self._retry(tried, allowed)

    def _retry(self, tried: QueuedInvocation, allowed: Limits) -> None:
        if tried.attempts > allowed.retries:
            self._drop(tried, f"no retry is left after {tried.attempts} attempt{'s' * (tried.attempts > 1)}")
            return
        wait = _FIRST_WAIT_SECONDS * 2 ** (tried.attempts - 1)
        if time.time() + wait - tried.submitted > allowed.max_age_s:
            self._drop(tried, f"the next attempt would come after {allowed.max_age_s} s")
            return
        self._store.enqueue(replace(tried, due=time.time() + wait))
        self._log(tried, f"next attempt in {wait:g} s")

    def _drop(self, invocation: QueuedInvocation, why: str) -> None:
        self._store.dequeue(invocation.id)
        self._log(invocation, f"dropped: {why}")

    def _log(self, invocation: QueuedInvocation, message: str) -> None:
        line = f"FC Async Invoke RequestId: {invocation.id} {message}"
        self._store.append_log(log_group(invocation.function), "async", line)
