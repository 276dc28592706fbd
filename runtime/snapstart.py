"""Lambda SnapStart (Lambda Developer Guide, "Implement code before or after Lambda function snapshots")."""

from __future__ import annotations

import sys

from runtime import logs
from runtime.errors import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.lambda_api import RuntimeApi

_BEFORE_FAILED, _AFTER_FAILED = 64, 65
"""Exit statuses of AWS's own runtime."""


def pass_snapshot(api: RuntimeApi) -> int:
    """Run the hooks around the snapshot; 0, or the status with which to exit. Raises ApiLostError.

    The hooks are those of the public registry `snapshot_restore_py`. The module `random` gets a new seed: every
    environment restored from one snapshot would else draw the same numbers.
    """
    registry = sys.modules.get("snapshot_restore_py")
    try:
        before = registry.get_before_snapshot() if registry is not None else []
        while before:
            hook, arguments, named = before.pop()
            hook(*arguments, **named)
    except BaseException as error:  # noqa: BLE001
        failure = describe(error)
        logs.failure("aws", failure)
        api.fail_init(failure, "Runtime.BeforeSnapshotError")
        return _BEFORE_FAILED
    logs.flush()
    api.await_restore()
    try:
        if "random" in sys.modules:
            sys.modules["random"].seed()
        for hook, arguments, named in registry.get_after_restore() if registry is not None else []:
            hook(*arguments, **named)
    except BaseException as error:  # noqa: BLE001
        failure = describe(error)
        logs.failure("aws", failure)
        api.fail_restore(failure)
        return _AFTER_FAILED
    return 0
