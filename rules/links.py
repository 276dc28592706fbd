"""How one resource of a stack refers to another: by an output, by what was made of outputs, or by a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from rules.given import Given


class Source(Protocol):
    """A resource that an input comes from."""

    @property
    def resource(self) -> Linked: ...
    @property
    def output(self) -> str:
        """Such as `qualified_arn`; empty where something was made of the resource's outputs."""
        ...


class Linked(Protocol):
    """A resource and, by the path of an input, what that input comes from."""

    @property
    def type(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def given(self) -> Given: ...
    @property
    def links(self) -> Mapping[str, Sequence[Source]]: ...


def of(resources: Sequence[Linked], *types: str) -> Iterator[Linked]:
    """The resources of some types."""
    return (each for each in resources if each.type in types)


def source(resource: Linked, path: str, *types: str) -> Source | None:
    """The one source of an input that has one of these types; None where there is none or more than one."""
    found = [each for each in resource.links.get(path, ()) if each.resource.type in types]
    return found[0] if len(found) == 1 else None


def referred(resource: Linked, path: str, resources: Sequence[Linked], type_: str, name: str) -> Linked | None:
    """The resource of a type that an input refers to: by an output, or by the value of that resource's input `name`."""
    found = source(resource, path, type_)
    if found is not None:
        return found.resource
    value = resource.given.get(path)
    named = [each for each in of(resources, type_) if value is not None and each.given.get(name) == value]
    return named[0] if len(named) == 1 else None


def region(given: Given, around: str) -> str | None:
    """The region of a resource: its own, where it names one, else that of its provider; None where that is unknown."""
    own: Any = given.get("region")
    return own or (None if given.has("region") else given.around.get(around) or None)
