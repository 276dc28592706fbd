"""How a type of resource is held against rules: which input is which fact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.given import Given
from rules.rule import MISSHAPEN, Report, Rule, check


@dataclass(frozen=True)
class Derived:
    """A fact that is read off several inputs, or off a part of one."""

    field: str
    """The input that a finding names."""
    read: Callable[[Given], Any]
    """Returns None where the inputs do not tell."""


@dataclass(frozen=True)
class Part:
    """A resource, or an object inside it, and the rules about it."""

    table: tuple[Rule, ...]
    facts: Mapping[str, str | Derived] = field(default_factory=dict)
    """Fact to the path of the input that holds it. A fact of the table that is not listed has its input's name."""
    at: str = ""
    """Where the object is, such as `origins[]`; empty for the resource as a whole."""

    def check(self, given: Given, label: str) -> Report:
        report = Report()
        for place, found in given.inside(self.at) if self.at else [("", given)]:
            report += self._check_one(found, label, f"{place}." if place else "")
        return report

    def _check_one(self, given: Given, label: str, prefix: str) -> Report:
        names = dict.fromkeys(fact for rule in self.table for fact in rule.facts)
        sources = {name: self.facts.get(name, name) for name in names}
        known = {name: _read(source, given) for name, source in sources.items()}
        fields = {
            name: prefix + (source.field if isinstance(source, Derived) else source) for name, source in sources.items()
        }
        return check(self.table, known, label, fields)


def _read(source: str | Derived, given: Given) -> Any:
    if isinstance(source, str):
        return given.get(source)
    try:
        return source.read(given)
    except MISSHAPEN:
        return None


def pick(table: Iterable[Rule], *ids: str) -> tuple[Rule, ...]:
    """Those rules of a table, in the order given; raises KeyError for an id that is not there."""
    known = {rule.id: rule for rule in table}
    return tuple(known[id_] for id_ in ids)
