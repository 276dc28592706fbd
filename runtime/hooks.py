"""What a function wants to do before its process ends."""

from __future__ import annotations

from runtime import logs
from runtime.errors import describe
from runtime.handler import settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from runtime.logs import Cloud

    Hook = TypeVar("Hook", bound=Callable[[], Any])

_shutdown: list[Callable[[], Any]] = []


def on_shutdown(hook: Hook) -> Hook:
    """Have `hook` called once before the process ends, the last one registered first; also a decorator.

    Register while the handler's module is imported. `hook` takes no argument and may be `async def`. What it raises is
    logged, and the others run all the same. It gets 0.5 s on Lambda (Lambda Developer Guide, "Understanding the Lambda
    execution environment lifecycle"), and runs on a thread of its own, beside a handler that was cut off by its
    timeout; on Function Compute it gets the timeout of the instance's PreStop hook.
    """
    _shutdown.append(hook)
    return hook


def are_registered() -> bool:
    """Whether there is anything to run."""
    return bool(_shutdown)


def run_shutdown(cloud: Cloud) -> bool:
    """Run each hook that has not yet run; whether all went well. Never raises."""
    good = True
    while _shutdown:
        hook = _shutdown.pop()
        try:
            settled(hook(), shared_loop=cloud == "alibaba")
        except BaseException as error:  # noqa: BLE001
            logs.failure(cloud, describe(error))
            good = False
    logs.flush()
    return good
