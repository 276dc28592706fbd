"""A rule, and how a table of them is held against the facts of one resource or component."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.finding import Finding

MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError)
"""What comes of a value of another type than a rule is about; types are for the SDKs and the components to refuse."""


@dataclass(frozen=True)
class Rule:
    """What a cloud accepts of one value, or of one value in the light of others."""

    id: str
    facts: tuple[str, ...]
    """Names of the facts that `holds` is given, in its order; a finding reports the first of them."""
    holds: Callable[..., bool]
    accepts: str
    """What is accepted, such as `1 to 900 (seconds)`; completes "must be …"."""
    remedy: str
    """What the user does about it, in the imperative."""
    source: str = ""
    """Title of the document that states the rule; empty when the rule is our own."""
    warning: bool = False
    """True where documents disagree or the cloud's answer depends on something that cannot be seen from here."""
    shown: Callable[..., object] | None = None
    """Picks what a finding shows as the value, where the whole fact is too long or may hold secrets."""

    @property
    def sentence(self) -> str:
        return f"{self.facts[0]} must be {self.accepts}"


@dataclass(frozen=True)
class Report:
    """What a check found; both lists are in the order of the table."""

    errors: tuple[Finding, ...] = field(default=())
    warnings: tuple[Finding, ...] = field(default=())

    def __add__(self, other: Report) -> Report:
        return Report(self.errors + other.errors, self.warnings + other.warnings)

    def without(self, rules: Collection[str]) -> Report:
        """The same without the findings of some rules."""
        errors = tuple(finding for finding in self.errors if finding.rule not in rules)
        return Report(errors, tuple(finding for finding in self.warnings if finding.rule not in rules))


def check(
    table: Iterable[Rule], facts: Mapping[str, Any], component: str, names: Mapping[str, str] | None = None
) -> Report:
    """Hold every rule whose facts are all known against them.

    A fact that is missing or None is unknown, and rules about it are passed over. `names` gives the name under which
    the user knows a fact where that is not the fact's own, such as a key of the configuration.
    """
    errors: list[Finding] = []
    warnings: list[Finding] = []
    for rule in table:
        values = [facts.get(name) for name in rule.facts]
        if any(value is None for value in values) or _holds(rule, values):
            continue
        finding = Finding(
            rule=rule.id,
            component=component,
            field=(names or {}).get(rule.facts[0], rule.facts[0]),
            value=rule.shown(*values) if rule.shown else values[0],
            accepts=rule.accepts,
            remedy=rule.remedy,
            source=rule.source,
        )
        (warnings if rule.warning else errors).append(finding)
    return Report(tuple(errors), tuple(warnings))


def _holds(rule: Rule, values: list[Any]) -> bool:
    try:
        return bool(rule.holds(*values))
    except MISSHAPEN:
        return True


def between(low: float, high: float, step: int | None = 1) -> Callable[[object], bool]:
    """A predicate: a number from `low` to `high`; with a step, a whole multiple of it; never a bool."""

    def holds(value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            return False
        return step is None or value % step == 0

    return holds


def one_of(accepted: Iterable[object]) -> Callable[[object], bool]:
    """A predicate: one of the given values, and of the same type."""
    kept = tuple(accepted)
    return lambda value: any(type(value) is type(item) and value == item for item in kept)


def matches(pattern: str, longest: int | None = None) -> Callable[[object], bool]:
    """A predicate: a string that the whole pattern fits, of at most `longest` characters."""
    compiled = re.compile(pattern)

    def holds(value: object) -> bool:
        return (
            isinstance(value, str)
            and (longest is None or len(value) <= longest)
            and compiled.fullmatch(value) is not None
        )

    return holds


def listed(values: Iterable[object]) -> str:
    """Values as prose: `a, b or c`."""
    words = [str(value) for value in values]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
