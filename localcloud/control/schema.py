"""What each resource type is made of: the SDK's own classes, joined with the providers' declarations.

The generated Python SDKs say how properties are called, nested and typed and which are required; `data/*.json`
says what the real providers declare beyond that (allowed values, ranges, what is computed, what replaces), under
Terraform's names. A name is joined by camel case, by its plural or singular, or by the table below.
"""

from __future__ import annotations

import collections.abc
import functools
import importlib
import inspect
import json
import keyword
import sys
import types
import typing
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

# Private to pulumi, which is pinned exactly: the only place where the SDK's nested types can be read.
from pulumi import Archive, Asset, Output
from pulumi._types import input_type_py_to_pulumi_names, input_type_types, is_input_type

_DATA = Path(__file__).parent / "data"

_RENAMED = {
    ("aws:lambda/function:Function", "function_name"): "name",
    ("aws:lambda/function:Function", "filename"): "code",
    ("aws:lambda/layerVersion:LayerVersion", "filename"): "code",
    ("aws:lambda/permission:Permission", "function_name"): "function",
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "alarm_name"): "name",
    ("aws:sns/topicSubscription:TopicSubscription", "topic_arn"): "topic",
}

Kind = Literal["string", "integer", "number", "boolean", "list", "map", "object", "asset", "any"]
Declared = Mapping[str, Any]
"""One property as the real provider declares it (keys as in `data/*.json`); empty when it is not known there."""


@dataclass(frozen=True)
class Shape:
    """The type of a value."""

    kind: Kind
    element: Shape | None = None
    """Of a list or map: what it holds."""
    properties: Mapping[str, Property] = field(default_factory=dict)
    """Of an object: its members by Pulumi name."""


@dataclass(frozen=True)
class Property:
    """One property of a resource type or of an object inside it."""

    name: str
    shape: Shape
    required: bool
    declared: Declared
    siblings: Mapping[str, str]
    """Pulumi names by the Terraform names that stand on the same level."""

    @property
    def computed(self) -> bool:
        return bool(self.declared.get("computed"))

    @property
    def replaces(self) -> bool:
        return bool(self.declared.get("forceNew"))

    @property
    def unordered(self) -> bool:
        return self.declared.get("type") == "set"

    @property
    def default(self) -> Any:
        """The value that stands in when none is given, else None. Deprecated properties get none."""
        value = self.declared.get("default")
        return None if value == "" or self.declared.get("deprecated") else value

    def others(self, rule: str) -> tuple[str, ...]:
        """The Pulumi names that a rule such as `conflictsWith` lists, as far as they stand on this level."""
        return tuple(self.siblings[name] for name in self.declared.get(rule, ()) if name in self.siblings)


@dataclass(frozen=True)
class TypeSchema:
    """One resource type: what it takes and what its state holds, by Pulumi name."""

    token: str
    terraform: str
    inputs: Mapping[str, Property]
    state: Mapping[str, Property]


@functools.cache
def declarations(package: str) -> dict[str, Any]:
    """The declared resource types of `aws` or `alicloud` by Pulumi token."""
    return json.loads((_DATA / f"{package}.json").read_text(encoding="utf-8"))


@functools.cache
def load(token: str) -> TypeSchema | None:
    """The schema of a type; None when the local clouds have no declaration for it."""
    package, path, name = token.split(":")
    entry = declarations(package).get(token)
    if entry is None:
        return None
    home = _sdk_module(package, path.partition("/")[0], name)
    # Where a nested type has the resource's name, the generator calls the resource's arguments InitArgs.
    arguments = vars(home).get(f"{name}InitArgs") or vars(home)[f"{name}Args"]
    declared = entry["properties"]
    return TypeSchema(
        token=token,
        terraform=entry["terraform"],
        inputs=_properties(arguments, declared, token),
        state=_properties(vars(home)[f"_{name}State"], declared, token),
    )


def _sdk_module(package: str, folder: str, name: str) -> types.ModuleType:
    """The module that defines a resource's classes. Importing it tells of other, deprecated classes: not of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = importlib.import_module(f"pulumi_{package}.{folder}" + "_" * keyword.iskeyword(folder))
        return sys.modules[getattr(module, name).__module__]


def _properties(sdk_class: type, declared: Declared, token: str) -> dict[str, Property]:
    types_by_name = input_type_types(sdk_class)
    required = set(_required(sdk_class))
    siblings = _join(tuple(types_by_name), declared, token)
    terraform = {pulumi: name for name, pulumi in siblings.items()}
    return {
        name: Property(
            name=name,
            shape=_shape(sdk_type, declared.get(terraform.get(name, ""), {}), token),
            required=name in required,
            declared=declared.get(terraform.get(name, ""), {}),
            siblings=siblings,
        )
        for name, sdk_type in types_by_name.items()
    }


def _required(sdk_class: type) -> Iterator[str]:
    """Pulumi names of the keyword arguments without a default."""
    names = input_type_py_to_pulumi_names(sdk_class)
    arguments = inspect.signature(sdk_class).parameters.values()
    return (names[argument.name] for argument in arguments if argument.default is inspect.Parameter.empty)


def _join(names: tuple[str, ...], declared: Declared, token: str) -> dict[str, str]:
    """Pulumi names by Terraform name, for the declared properties that the SDK class has."""
    joined = {}
    for terraform in declared:
        camel = _camel(terraform)
        for candidate in (_RENAMED.get((token, terraform)), camel, *_other_numbers(camel)):
            if candidate in names:
                joined[terraform] = candidate
                break
    return joined


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def _other_numbers(name: str) -> tuple[str, ...]:
    """Plural and singular, as Pulumi names lists and blocks of one item."""
    if name.endswith("y"):
        return f"{name[:-1]}ies", name
    return name + ("es" if name.endswith(("s", "x", "ch")) else "s"), name.removesuffix("s")


_SCALARS: dict[Any, Kind] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _shape(sdk_type: Any, declared: Declared, token: str) -> Shape:
    members = [member for member in _union_members(sdk_type) if not _is_plumbing(member)]
    for member in members:
        if member in _SCALARS:
            return Shape(_SCALARS[member])
    if any(isinstance(member, type) and issubclass(member, Asset | Archive) for member in members):
        return Shape("asset")
    member: Any = members[0] if members else Any
    origin = typing.get_origin(member)
    inside = declared.get("elem", {})
    if origin in (collections.abc.Sequence, list):
        return Shape("list", _shape(typing.get_args(member)[0], {"elem": inside}, token))
    if origin in (collections.abc.Mapping, dict):
        return Shape("map", _shape(typing.get_args(member)[1], {}, token))
    if isinstance(member, type) and is_input_type(member):
        return Shape("object", properties=_properties(member, inside, token))
    return Shape("any")


def _union_members(sdk_type: Any) -> Iterator[Any]:
    if typing.get_origin(sdk_type) in (typing.Union, types.UnionType):
        for member in typing.get_args(sdk_type):
            yield from _union_members(member)
    else:
        yield sdk_type


def _is_plumbing(member: Any) -> bool:
    """What the SDK adds around a type: None, awaitables, outputs and typed dictionaries."""
    origin = typing.get_origin(member) or member
    return origin in (type(None), collections.abc.Awaitable, Output) or typing.is_typeddict(origin)
