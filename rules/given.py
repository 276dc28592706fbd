"""The inputs of one resource as its author wrote them, known or not yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final


class Unknown:
    """Stands where a value is not known yet, such as the ARN of something that does not exist."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Given:
    """Nested inputs; names are in snake case here and in either spelling there, since the SDKs take both."""

    values: Mapping[str, Any]
    around: Mapping[str, str] = field(default_factory=dict)
    """What holds around the resource, such as `aws_region`: the region of its provider."""
    packages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is known of the zip or archive that an input holds, by the input's path."""

    def raw(self, path: str) -> Any:
        """What stands at a dotted path, with UNKNOWN for what is not known; None where nothing does."""
        value: Any = self.values
        for name in path.split("."):
            if value is UNKNOWN:
                return UNKNOWN
            if not isinstance(value, Mapping):
                return None
            value = value.get(name, value.get(_camel(name)))
        return value

    def get(self, path: str) -> Any:
        """The same, but None as soon as any part of it is unknown."""
        value = self.raw(path)
        return None if _is_unknown(value) else value

    def items(self, path: str) -> list[Any]:
        """The list at a path, empty where it is absent or unknown; its own items may be unknown."""
        value = self.raw(path)
        return list(value) if isinstance(value, list | tuple) else []

    def has(self, path: str) -> bool:
        """Whether anything is given there; what is unknown counts, an empty list, mapping or text does not."""
        value = self.raw(path)
        return value is UNKNOWN or (value is not None and value not in ("", [], {}, ()))

    def inside(self, path: str) -> Iterator[tuple[str, Given]]:
        """Every object at a path such as `origins[]` or `a[].b[]`, with the path that leads to just this one."""
        head, _, rest = path.partition(".")
        for place, value in self._here(head):
            if not isinstance(value, Mapping):
                continue
            inner = Given(value, self.around, self.packages)
            if not rest:
                yield place, inner
            for deeper, found in inner.inside(rest) if rest else ():
                yield f"{place}.{deeper}", found

    def _here(self, head: str) -> list[tuple[str, Any]]:
        name = head.removesuffix("[]")
        if head == name:
            return [(name, self.raw(name))]
        return [(f"{name}[{number}]", item) for number, item in enumerate(self.items(name))]


def _is_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_unknown, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_unknown, value))
    return value is UNKNOWN


def _camel(name: str) -> str:
    return re.sub(r"_(.)", lambda match: match[1].upper(), name)
