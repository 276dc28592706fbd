"""What differs between the inputs of a resource as deployed and as wanted, and what that difference replaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from localcloud.control.schema import Property, Shape
from localcloud.control.wire import Archive, Asset, Path, path_text

ChangeKind = Literal["ADD", "DELETE", "UPDATE"]
_ABSENT: Any = object()


@dataclass(frozen=True)
class Change:
    """One differing place; `replaces` when it cannot be changed in place."""

    path: Path
    kind: ChangeKind
    replaces: bool

    @property
    def top(self) -> str:
        return str(self.path[0])


class Differ:
    """Compares inputs. `same(name, old, new)` says which different values of a top-level property mean the same."""

    def __init__(self, same: Callable[[str, Any, Any], bool]) -> None:
        self._same = same

    def members(
        self,
        old: Mapping[str, Any],
        new: Mapping[str, Any],
        properties: Mapping[str, Property],
        at: Path = (),
        *,
        replaces: bool = False,
    ) -> Iterator[Change]:
        """The changes between two objects. Leaving out what the cloud computes itself is no change: it stays."""
        for name in dict.fromkeys((*old, *new)):
            known = properties.get(name)
            if known is None:
                continue
            before, after = _given(old, name), _given(new, name)
            if after is _ABSENT and (before is _ABSENT or known.computed):
                continue
            place, forced = (*at, name), replaces or known.replaces
            if not at and before is not _ABSENT and after is not _ABSENT and self._same(name, before, after):
                continue
            yield from self._value(before, after, known.shape, known, place, replaces=forced)

    def _value(
        self, old: Any, new: Any, shape: Shape, known: Property | None, at: Path, *, replaces: bool
    ) -> Iterator[Change]:
        if old is _ABSENT or new is _ABSENT:
            yield Change(at, "ADD" if old is _ABSENT else "DELETE", replaces)
        elif _equal(old, new):
            return
        elif shape.kind == "object" and isinstance(old, dict) and isinstance(new, dict):
            yield from self.members(old, new, shape.properties, at, replaces=replaces)
        elif isinstance(old, dict) and isinstance(new, dict):
            yield from self._map(old, new, at, replaces=replaces)
        elif isinstance(old, list) and isinstance(new, list):
            yield from self._list(old, new, shape, known, at, replaces=replaces)
        else:
            yield Change(at, "UPDATE", replaces)

    def _map(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Path, *, replaces: bool) -> Iterator[Change]:
        for name in dict.fromkeys((*old, *new)):
            before, after = old.get(name, _ABSENT), new.get(name, _ABSENT)
            yield from self._value(before, after, Shape("any"), None, (*at, name), replaces=replaces)

    def _list(
        self, old: list[Any], new: list[Any], shape: Shape, known: Property | None, at: Path, *, replaces: bool
    ) -> Iterator[Change]:
        before, after = list(enumerate(old)), list(enumerate(new))
        if known and known.unordered:
            before, after = _without_common(before, after), _without_common(after, before)
        element = shape.element or Shape("any")
        for (_, was), (index, now) in zip(before, after, strict=False):
            yield from self._value(was, now, element, None, (*at, index), replaces=replaces)
        for index, _ in after[len(before) :]:
            yield Change((*at, index), "ADD", replaces)
        for index, _ in before[len(after) :]:
            yield Change((*at, index), "DELETE", replaces)


def ignored(change: Change, patterns: list[str]) -> bool:
    """Whether an `ignoreChanges` entry (a property path, `*` for any member) covers the change."""
    place = [str(part) for part in change.path]
    for pattern in patterns:
        parts = [
            found[0] or found[1] or found[2] for found in re.findall(r'\["([^"]*)"\]|\[([^\]]*)\]|([^.\[]+)', pattern)
        ]
        if len(parts) <= len(place) and all(want in ("*", has) for want, has in zip(parts, place, strict=False)):
            return True
    return False


def change_text(change: Change) -> str:
    return path_text(change.path)


def _given(values: Mapping[str, Any], name: str) -> Any:
    """The value; an empty list or map is the same as none, as in the real providers."""
    value = values.get(name, _ABSENT)
    return _ABSENT if value in ([], {}) else value


def _equal(old: Any, new: Any) -> bool:
    if isinstance(old, Asset | Archive) and type(old) is type(new):
        return old.hash == new.hash
    return old == new


def _without_common(items: list[tuple[int, Any]], others: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """The items that have no equal among the others, each equal counted once."""
    rest = [value for _, value in others]
    kept = []
    for index, value in items:
        if value in rest:
            rest.remove(value)
        else:
            kept.append((index, value))
    return kept
