"""Sharing instances out: the cap, the order of waiting, idleness, replacement of old versions.

Does not prove anything about real processes; `test_lambda.py` and `test_fc.py` do.
"""

from __future__ import annotations

import asyncio

import pytest

from localcloud.data.pool import Fleet, Pool


class Thing:
    def __init__(self) -> None:
        self.usable = True
        self.closed = False
        self.load = 0
        self.most = 0

    async def close(self) -> None:
        self.closed = True


class Factory:
    def __init__(self) -> None:
        self.made: list[Thing] = []

    async def __call__(self) -> Thing:
        await asyncio.sleep(0.005)
        self.made.append(Thing())
        return self.made[-1]


async def use(pool: Pool[Thing], seconds: float = 0.005) -> Thing:
    async with pool.lease() as thing:
        thing.load += 1
        thing.most = max(thing.most, thing.load)
        await asyncio.sleep(seconds)
        thing.load -= 1
        return thing


async def test_instances_are_exclusive_capped_and_everyone_is_served():
    factory = Factory()
    pool = Pool(factory, limit=3)

    users = await asyncio.gather(*(use(pool) for _ in range(60)))

    assert len(users) == 60
    assert len(factory.made) == 3
    assert max(thing.most for thing in factory.made) == 1
    await pool.close()
    assert all(thing.closed for thing in factory.made)


async def test_slots_fill_before_another_instance_starts():
    factory = Factory()
    pool = Pool(factory, limit=5, slots=20)

    await asyncio.gather(*(use(pool) for _ in range(20)))
    assert len(factory.made) == 1

    await asyncio.gather(*(use(pool, 0.02) for _ in range(45)))
    assert len(factory.made) == 3
    assert max(thing.most for thing in factory.made) == 20
    await pool.close()


async def test_an_idle_instance_goes_and_a_used_one_stays():
    factory = Factory()
    pool = Pool(factory, idle_seconds=0.05)
    await use(pool)
    await use(pool, 0.1)
    assert [thing.closed for thing in factory.made] == [False]
    await asyncio.sleep(0.15)
    assert [thing.closed for thing in factory.made] == [True]


async def test_a_broken_instance_is_replaced():
    factory = Factory()
    pool = Pool(factory, limit=1)
    first = await use(pool)
    first.usable = False

    second = await use(pool)

    assert second is not first
    await pool.close()
    assert first.closed


async def test_a_failed_start_is_the_callers_and_lets_the_next_one_try():
    tries = []

    async def start() -> Thing:
        tries.append(1)
        await asyncio.sleep(0.005)
        if len(tries) < 3:
            raise OSError("no")
        return Thing()

    pool = Pool(start, limit=1)
    results = await asyncio.gather(*(use(pool) for _ in range(5)), return_exceptions=True)

    assert [type(result).__name__ for result in results] == ["OSError", "OSError", "Thing", "Thing", "Thing"]
    await pool.close()


async def test_a_waiter_that_gives_up_takes_nothing_with_it():
    factory = Factory()
    pool = Pool(factory, limit=1)
    busy = asyncio.ensure_future(use(pool, 0.05))
    await asyncio.sleep(0.01)
    impatient = asyncio.ensure_future(use(pool))
    patient = asyncio.ensure_future(use(pool))
    await asyncio.sleep(0.01)
    impatient.cancel()

    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert await patient is await busy
    await pool.close()


async def test_a_new_version_gets_new_instances_and_the_old_ones_finish_first():
    old, new = Factory(), Factory()
    fleet: Fleet[Thing] = Fleet()
    running = asyncio.ensure_future(use(fleet.pool("f", 1, lambda: Pool(old)), 0.05))
    await asyncio.sleep(0.02)

    fresh = await use(fleet.pool("f", 2, lambda: Pool(new)))

    assert fresh is new.made[0]
    assert not old.made[0].closed
    await running
    await asyncio.sleep(0)
    assert old.made[0].closed
    await fleet.close()
    assert new.made[0].closed
