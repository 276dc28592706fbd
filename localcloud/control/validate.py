"""What a resource type refuses before any cloud is asked, and the defaults it fills in.

The wording follows the real providers' validators (Terraform Plugin SDK, `helper/validation`), with Pulumi names.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.control.schema import Property, Shape
from localcloud.control.wire import UNKNOWN, Archive, Asset, Path, path_text

_PYTHON_TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "list": list,
    "map": dict,
    "object": dict,
    "asset": (Asset, Archive),
}
_INTERNAL = "__"


@dataclass(frozen=True)
class Failure:
    """Why a property was refused; an empty path speaks of the resource as a whole."""

    path: Path
    reason: str


class Validator:
    """Checks values against a schema. Values at `secrets` are never shown in a reason."""

    def __init__(self, secrets: frozenset[Path] = frozenset()) -> None:
        self._secrets = secrets

    def members(
        self, values: Mapping[str, Any], properties: Mapping[str, Property], at: Path = ()
    ) -> Iterator[Failure]:
        """Everything wrong with an object's members: unknown names, missing ones, values, and how they combine."""
        for name, value in values.items():
            if name.startswith(_INTERNAL):
                continue
            known = properties.get(name)
            if known is None:
                yield Failure((*at, name), f"unknown property {name!r}; {_suggestion(name, properties)}")
            else:
                yield from self._value(value, known.shape, known.declared, (*at, name))
        for known in properties.values():
            yield from _combination(known, values, at)

    def _value(self, value: Any, shape: Shape, declared: Mapping[str, Any], at: Path) -> Iterator[Failure]:
        if value is UNKNOWN or shape.kind == "any":
            return
        wrong_type = not isinstance(value, _PYTHON_TYPES[shape.kind])
        if wrong_type or (isinstance(value, bool) and shape.kind != "boolean"):
            yield Failure(at, f"expected {shape.kind}, got {self._shown(value, at)} ({_type_name(value)})")
            return
        for broken in _broken_rules(value, declared, at):
            yield Failure(at, f"{broken}, got {self._shown(value, at)}")
        yield from self._inside(value, shape, declared, at)

    def _inside(self, value: Any, shape: Shape, declared: Mapping[str, Any], at: Path) -> Iterator[Failure]:
        if shape.kind == "object":
            yield from self.members(value, shape.properties, at)
        if shape.element is None:
            return
        inside = declared.get("elem", {})
        rules = inside if isinstance(inside.get("type"), str) else {}
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from self._value(item, shape.element, rules, (*at, key))

    def _shown(self, value: Any, at: Path) -> str:
        hidden = any(at[: len(secret)] == secret or secret[: len(at)] == at for secret in self._secrets)
        return "a secret" if hidden else repr(value)


def with_defaults(values: Mapping[str, Any], properties: Mapping[str, Property]) -> dict[str, Any]:
    """The values and, where a property is absent, its default; the same inside nested objects."""
    filled = {
        name: _nested_defaults(value, properties[name].shape) if name in properties else value
        for name, value in values.items()
    }
    for known in properties.values():
        if known.name not in filled and known.default is not None and not _excluded(known, values):
            filled[known.name] = known.default
    return filled


def _nested_defaults(value: Any, shape: Shape) -> Any:
    if shape.kind == "object" and isinstance(value, dict):
        return with_defaults(value, shape.properties)
    if shape.kind == "list" and shape.element and isinstance(value, list):
        return [_nested_defaults(item, shape.element) for item in value]
    return value


def _excluded(known: Property, values: Mapping[str, Any]) -> bool:
    return any(name in values for name in known.others("conflictsWith"))


def _combination(known: Property, values: Mapping[str, Any], at: Path) -> Iterator[Failure]:
    """Rules between the members of one object."""
    place = (*at, known.name)
    if known.name not in values:
        if known.required:
            yield Failure(place, f"Missing required property {known.name!r}")
        yield from _absent_group(known, values, place)
        return
    for other in known.others("conflictsWith"):
        if other in values:
            yield Failure(place, f"{path_text(place)!r}: conflicts with {other}")
    for other in known.others("requiredWith"):
        if other not in values:
            yield Failure(place, f"{path_text(place)!r}: all of `{known.name},{other}` must be specified")
    group = known.others("exactlyOneOf")
    given = [name for name in group if name in values]
    if len(given) > 1 and known.name == given[0]:
        yield Failure(
            place, f"only one of `{','.join(group)}` can be specified, but `{','.join(given)}` were specified"
        )


def _absent_group(known: Property, values: Mapping[str, Any], place: Path) -> Iterator[Failure]:
    """A group of which one must be given is reported once, at its first member."""
    for rule in ("exactlyOneOf", "atLeastOneOf"):
        group = known.others(rule)
        if group and known.name == group[0] and not any(name in values for name in group):
            yield Failure(place, f"one of `{','.join(group)}` must be specified")


def _broken_rules(value: Any, declared: Mapping[str, Any], at: Path) -> Iterator[str]:
    name = path_text(at)
    allowed = declared.get("oneOf")
    if allowed and value not in allowed and value != "":
        yield f"expected {name} to be one of {allowed}"
    if isinstance(value, str):
        yield from _broken_text_rules(value, declared, name)
    elif isinstance(value, int | float):
        yield from _broken_number_rules(value, declared, name)
    elif isinstance(value, list):
        if len(value) > declared.get("maxItems", len(value)):
            yield f"{name}: attribute supports {declared['maxItems']} item maximum"
        if len(value) < declared.get("minItems", 0):
            yield f"{name}: attribute requires {declared['minItems']} item minimum"


def _broken_text_rules(value: str, declared: Mapping[str, Any], name: str) -> Iterator[str]:
    if len(value) > declared.get("maxLength", len(value)):
        yield f"expected length of {name} to be at most {declared['maxLength']}"
    if "pattern" in declared and not re.search(declared["pattern"], value):
        yield f"invalid value for {name} (must match {declared['pattern']})"
    if str(declared.get("accepts", "")).startswith("an ARN") and value and not value.startswith("arn:"):
        yield f"{name} is an invalid ARN: arn: invalid prefix"


def _broken_number_rules(value: float, declared: Mapping[str, Any], name: str) -> Iterator[str]:
    low, high = declared.get("range", (None, None))
    if low is not None and not low <= value <= high:
        yield f"expected {name} to be in the range ({low} - {high})"
    if "min" in declared and value < declared["min"]:
        yield f"expected {name} to be at least ({declared['min']})"


def _suggestion(name: str, properties: Mapping[str, Property]) -> str:
    close = difflib.get_close_matches(name, properties, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(properties))}"


def _type_name(value: Any) -> str:
    names = {bool: "boolean", str: "string", int: "integer", float: "number", list: "list", dict: "object"}
    return names.get(type(value), type(value).__name__.lower())
