"""The registry of SnapStart hooks under its public name, for a zip that does not bring the package itself.

Same functions as the package `snapshot-restore-py` of AWS (Lambda Developer Guide, "Lambda SnapStart runtime hooks for
Python"), so that a handler written for a managed runtime finds them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Registered = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

_before_snapshot: list[Registered] = []
_after_restore: list[Registered] = []


def register_before_snapshot(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """Have `func` called before the snapshot is taken; the last one registered comes first. Also a decorator."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """Have `func` called after each restore, in the order of registration. Also a decorator."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot() -> list[Registered]:
    """What is registered; the runtime empties it from the end."""
    return _before_snapshot


def get_after_restore() -> list[Registered]:
    """What is registered."""
    return _after_restore
