"""Warm instances of one function version: started on demand, shared out, queued for, stopped when idle."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, Protocol, TypeVar

MAX_INSTANCES = max(4, 2 * (os.cpu_count() or 1))
"""Instances of one function version at a time. The clouds go to hundreds; one machine queues beyond this."""

IDLE_SECONDS = 300.0
"""How long an unused instance is kept. FC keeps one for up to 5 minutes; Lambda publishes no number."""


class Instance(Protocol):
    """What a pool keeps: something that can break and can be closed."""

    @property
    def usable(self) -> bool: ...

    async def close(self) -> None: ...


InstanceT = TypeVar("InstanceT", bound=Instance)


class Pool(Generic[InstanceT]):
    """At most `limit` instances, each for `slots` requests at a time; further requests wait in order."""

    def __init__(
        self,
        start: Callable[[], Awaitable[InstanceT]],
        *,
        limit: int = MAX_INSTANCES,
        slots: int = 1,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._start = start
        self._limit = limit
        self._slots = slots
        self._idle_seconds = idle_seconds
        self._used: dict[InstanceT, int] = {}
        self._timers: dict[InstanceT, asyncio.TimerHandle] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._closing: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._retired = False
        self._closed = False

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[InstanceT]:
        """One slot of an instance while the block runs; raises what starting an instance raises."""
        instance = await self._take()
        try:
            yield instance
        finally:
            self._give_back(instance)

    async def retire(self) -> None:
        """Take no part in new work: idle instances end now, busy ones after their last request."""
        self._retired = True
        for instance in [instance for instance, used in self._used.items() if not used]:
            self._drop(instance)
        if self._closing:
            await asyncio.gather(*self._closing)

    async def close(self) -> None:
        """End every instance, busy or not."""
        self._retired = self._closed = True
        for instance in list(self._used):
            self._drop(instance)
        if self._closing:
            await asyncio.gather(*self._closing)

    async def _take(self) -> InstanceT:
        while True:
            instance = self._free_instance()
            if instance is not None:
                self._occupy(instance)
                return instance
            if self._may_start():
                return await self._start_one()
            await self._queue()

    def _free_instance(self) -> InstanceT | None:
        for broken in [instance for instance, used in self._used.items() if not used and not instance.usable]:
            self._drop(broken)
        usable = [instance for instance, used in self._used.items() if used < self._slots and instance.usable]
        return max(usable, key=lambda instance: self._used[instance], default=None)

    def _may_start(self) -> bool:
        coming = self._starting * (self._slots - 1)
        return len(self._used) + self._starting < self._limit and len(self._waiters) >= coming

    async def _start_one(self) -> InstanceT:
        self._starting += 1
        try:
            instance = await self._start()
        finally:
            self._starting -= 1
            self._wake(self._slots)
        self._used[instance] = 0
        self._occupy(instance)
        if self._closed:
            self._drop(instance)
        return instance

    async def _queue(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)
            self._wake(1)
            raise

    def _wake(self, count: int) -> None:
        while self._waiters and count:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                count -= 1

    def _occupy(self, instance: InstanceT) -> None:
        self._used[instance] += 1
        timer = self._timers.pop(instance, None)
        if timer:
            timer.cancel()

    def _give_back(self, instance: InstanceT) -> None:
        if instance in self._used:
            self._used[instance] -= 1
            if not self._used[instance]:
                self._rest(instance)
        self._wake(1)

    def _rest(self, instance: InstanceT) -> None:
        if not instance.usable or (self._retired and not self._waiters):
            self._drop(instance)
            return
        loop = asyncio.get_running_loop()
        self._timers[instance] = loop.call_later(self._idle_seconds, self._drop, instance)

    def _drop(self, instance: InstanceT) -> None:
        del self._used[instance]
        timer = self._timers.pop(instance, None)
        if timer:
            timer.cancel()
        task = asyncio.ensure_future(instance.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        self._wake(1)


class Fleet(Generic[InstanceT]):
    """The pools of all functions: one a key; a pool whose version is out of date is drained and replaced."""

    def __init__(self) -> None:
        self._pools: dict[object, tuple[object, Pool[InstanceT]]] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    def pool(self, key: object, version: object, make: Callable[[], Pool[InstanceT]]) -> Pool[InstanceT]:
        """The pool for `key` at `version`, made by `make` when there is none of that version."""
        current = self._pools.get(key)
        if current is not None and current[0] == version:
            return current[1]
        self.forget(key)
        pool = make()
        self._pools[key] = (version, pool)
        return pool

    def keys(self) -> list[object]:
        return list(self._pools)

    def outdate(self, key: object, version: object) -> None:
        """Drain the pool of a key when it is not of `version`; the next request makes the new one."""
        if self._pools[key][0] != version:
            self.forget(key)

    def forget(self, key: object) -> None:
        """Drain and drop the pool of a key that no longer exists."""
        current = self._pools.pop(key, None)
        if current is not None:
            task = asyncio.ensure_future(current[1].retire())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        pools = [pool for _, pool in self._pools.values()]
        self._pools.clear()
        await asyncio.gather(*(pool.close() for pool in pools), *self._retiring)
