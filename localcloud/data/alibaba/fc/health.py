"""The health check by HTTP that a function may ask for.

Source: Function Compute documentation, "Health checks of instances": a GET after the initializer, 200 to 399 is well,
and an instance that fails at first has not started. What becomes of one that fails later is in no document: here it
takes no more requests, and another one takes its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from .function import HealthCheck

Ask = Callable[[], Awaitable[int]]
"""Makes the request; gives the status, or raises OSError or aiohttp.ClientError."""


async def first_is_well(check: HealthCheck, ask: Ask) -> bool:
    """Whether an instance that has just been initialized passes as often as it must."""
    await asyncio.sleep(check.initial_delay_s)
    for number in range(check.success_threshold):
        if number:
            await asyncio.sleep(check.period_s)
        if not await is_well(check, ask):
            return False
    return True


async def until_unwell(check: HealthCheck, ask: Ask) -> None:
    """Go on checking; return when too many checks in a row have failed."""
    failed = 0
    while failed < check.failure_threshold:
        await asyncio.sleep(check.period_s)
        failed = 0 if await is_well(check, ask) else failed + 1


async def is_well(check: HealthCheck, ask: Ask) -> bool:
    try:
        return 200 <= await asyncio.wait_for(ask(), check.timeout_s) < 400
    except (TimeoutError, aiohttp.ClientError, OSError):
        return False
