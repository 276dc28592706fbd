"""Holds what a program registers against the types of the provider SDKs, which Pulumi's mocks do not.

It knows names, nesting, requiredness and scalar types. It does not know ranges, enums written as plain strings, which
properties exclude each other, or what makes a cloud replace a resource.
"""

from __future__ import annotations

import collections.abc
import importlib
import inspect
import json
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

import pulumi
from pulumi import _types
from pulumi.output import Unknown
from pulumi.runtime import rpc

_SCALARS = (str, int, float, bool)
_FILES = (pulumi.Archive, pulumi.Asset)


def input_problems(token: str, inputs: dict[str, Any]) -> list[str]:
    """What is wrong with a resource's inputs (camelCase), such as `memorySize: expected int, got 'big'`."""
    return list(_object_problems(inputs, _args_class(token), ""))


@cache
def _args_class(token: str) -> type:
    module, name = _registered(token.partition(":")[0])[token]
    package = importlib.import_module(module)
    resource = getattr(package, name)
    own = importlib.import_module(resource.__module__)
    # Where a nested type is called `<Name>Args` already, the SDK calls the resource's own otherwise.
    return getattr(own, f"{name}InitArgs", None) or getattr(own, f"{name}Args")


@cache
def _registered(provider: str) -> dict[str, tuple[str, str]]:
    package = importlib.import_module(f"pulumi_{provider}")
    source = inspect.getsource(package)
    listing = source.split('resource_modules="""')[1].split('"""')[0]
    return {token: (entry["fqn"], name) for entry in json.loads(listing) for token, name in entry["classes"].items()}


def _object_problems(value: Any, cls: type, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path.rstrip('.')}: expected {cls.__name__}, got {value!r}"
        return
    types = _types.input_type_types(cls)
    for name in _required(cls):
        if value.get(name) is None:
            yield f"{path}{name}: missing"
    for name, item in value.items():
        if name not in types:
            yield f"{path}{name}: unknown property"
        elif item is not None:
            yield from _value_problems(item, _types.unwrap_type(types[name]), f"{path}{name}")


def _value_problems(value: Any, expected: Any, path: str) -> Iterator[str]:
    if isinstance(value, Unknown):
        return
    if rpc.is_rpc_secret(value):
        value = rpc.unwrap_rpc_secret(value)
    origin = typing.get_origin(expected)
    if origin is collections.abc.Sequence:
        yield from _list_problems(value, _item_type(expected, 0), path)
    elif origin is collections.abc.Mapping:
        yield from _mapping_problems(value, _item_type(expected, 1), path)
    elif isinstance(expected, type) and _types.is_input_type(expected):
        yield from _object_problems(value, expected, f"{path}.")
    elif not _fits(value, expected):
        yield f"{path}: expected {getattr(expected, '__name__', expected)}, got {value!r}"


def _list_problems(value: Any, item_type: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected a list, got {value!r}"
        return
    for number, item in enumerate(value):
        yield from _value_problems(item, item_type, f"{path}[{number}]")


def _mapping_problems(value: Any, item_type: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected a mapping, got {value!r}"
        return
    for name, item in value.items():
        yield from _value_problems(item, item_type, f"{path}.{name}")


def _item_type(expected: Any, number: int) -> Any:
    """`T` of `Sequence[Input[T]]` or `Mapping[str, Input[T]]`, where the SDK leaves the union in place."""
    item = typing.get_args(expected)[number]
    return typing.get_args(item)[0] if typing.get_origin(item) is typing.Union else item


def _fits(value: Any, expected: Any) -> bool:
    if typing.get_origin(expected) is typing.Union:
        return any(_fits(value, member) for member in typing.get_args(expected) if member in (*_SCALARS, *_FILES))
    if expected in _SCALARS:
        return _scalar_fits(value, expected)
    if expected in _FILES:
        return isinstance(value, expected)
    raise TypeError(f"the validator does not know {expected!r}")


def _scalar_fits(value: Any, expected: type) -> bool:
    if isinstance(value, bool):
        return expected is bool
    if expected is int:
        return isinstance(value, int | float) and value == int(value)
    if expected is float:
        return isinstance(value, int | float)
    return isinstance(value, expected)


@cache
def _required(cls: type) -> tuple[str, ...]:
    names = _types.input_type_py_to_pulumi_names(cls)
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return tuple(names[parameter.name] for parameter in parameters if parameter.default is inspect.Parameter.empty)
