"""How a component checks its arguments before it creates anything."""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar, cast

import pulumi
from pulumi.output import UNKNOWN

from components.findings import ProgramError, leave, of_this_run, tell
from rules.finding import Finding, UserError
from rules.rule import Report, Rule, check

T = TypeVar("T")


@contextmanager
def told_to_user() -> Iterator[None]:
    """End the program in order at a mistake of the user's: its sentences are shown, and nothing after them.

    With findings about resources the error goes on, since their registrations, which wait for the end of the program,
    fail with all findings of the run; these are then told together.
    """
    try:
        yield
    except ProgramError as error:
        findings = of_this_run()
        if findings.has_errors():
            findings.add(Report(errors=error.findings))
            findings.settle()
        tell(error)
        leave()


class Together:
    """A block whose steps are all taken, even after one has failed.

    Leaving it raises the findings of all UserErrors as one ProgramError.
    """

    def __init__(self) -> None:
        self._findings: list[Finding] = []

    def take(self, step: Callable[[], T]) -> T:
        """The step's result; in the place of a failed one, something whose attributes are Outputs nobody will know."""
        try:
            return step()
        except UserError as error:
            self._findings += error.findings
            return cast(T, _Failed())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, UserError):
            self._findings += error.findings
        if self._findings and (error is None or isinstance(error, UserError)):
            raise ProgramError(self._findings)


class _Failed:
    """Stands for a component that could not be made, so that what takes its outputs is checked nonetheless."""

    def __getattr__(self, name: str) -> pulumi.Output[Any]:
        return pulumi.Output.from_input(UNKNOWN)


def validate(
    component: str,
    accepted: type,
    arguments: Mapping[str, Any],
    table: Sequence[Rule],
    *,
    defaults: Mapping[str, Any],
    derived: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the arguments with defaults filled in, once nothing known about them breaks a rule.

    `accepted` is the component's TypedDict; `derived` holds further facts that the rules ask for. An argument of None
    counts as left out. Plain values are checked at once, and all findings are raised together as ProgramError. An
    Output is checked as soon as it has a value: the returned one fails with ProgramError then, and so does
    whatever was to be created from it.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    values = {**defaults, **given}
    misshapen = (*_shape_findings(component, accepted, given), *_type_findings(component, accepted, values))
    unsound = {finding.field for finding in misshapen}
    plain = {name: value for name, value in values.items() if name not in unsound and not _has_output(value)}
    facts = {**plain, **(derived or {})}
    _settle(Report(errors=misshapen) + check(table, facts, component))
    later = {name: value for name, value in values.items() if _has_output(value)}

    def settled(known: dict[str, Any], rules: Sequence[Rule]) -> None:
        wrong = tuple(_type_findings(component, accepted, known))
        _settle(Report(errors=wrong) if wrong else check(rules, {**facts, **known}, component))

    return {**values, **{name: _checked_later(name, later, table, settled) for name in later}}


def checked(component: str, field: str, value: pulumi.Input[Any], table: Sequence[Rule]) -> pulumi.Output[Any]:
    """Return the value as an Output that fails with ProgramError when it breaks a rule about `field`."""

    def settled(known: dict[str, Any], rules: Sequence[Rule]) -> None:
        _settle(check(rules, known, component))

    return _checked_later(field, {field: value}, table, settled)


def _checked_later(
    name: str, later: Mapping[str, Any], table: Sequence[Rule], settle: Callable[[dict[str, Any], Sequence[Rule]], None]
) -> pulumi.Output[Any]:
    """The Output of that name, held back until `settle` has seen it with all that its rules need beside it."""
    rules = [rule for rule in table if name in rule.facts]
    partners = {fact for rule in rules for fact in rule.facts if fact in later} | {name}

    def settled(known: dict[str, Any]) -> Any:
        settle(known, rules)
        return known[name]

    return pulumi.Output.all(**{partner: later[partner] for partner in sorted(partners)}).apply(settled)


def _settle(report: Report) -> None:
    errors = of_this_run().add(report)
    if errors:
        raise ProgramError(errors)


def _has_output(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_output(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_has_output(item) for item in value)
    return isinstance(value, pulumi.Output)


def _shape_findings(component: str, accepted: type, given: Mapping[str, Any]) -> Iterator[Finding]:
    names = accepted.__annotations__
    required: frozenset[str] = accepted.__required_keys__  # type: ignore[attr-defined]
    for name in sorted(required - given.keys()):
        yield Finding("ARGUMENT-MISSING", component, name, None, _kind(names[name]), "pass this argument")
    for name in sorted(given.keys() - names.keys()):
        accepts = f"one of {', '.join(sorted(names))}"
        yield Finding("ARGUMENT-NAME", component, "argument", name, accepts, "correct the name")


def _type_findings(component: str, accepted: type, values: Mapping[str, Any]) -> Iterator[Finding]:
    for name, hint in accepted.__annotations__.items():
        if name in values and not _has_output(values[name]) and not _fits(values[name], hint):
            yield Finding("ARGUMENT-TYPE", component, name, values[name], _kind(hint), "pass a value of that type")


_KINDS = {bool: "true or false", float: "a number", int: "a whole number", str: "a string", Sequence: "a list"}


def _kind(hint: Any) -> str:
    return " or ".join(_KINDS.get(type_, "a mapping") for type_ in _plain_types(hint))


def _fits(value: Any, hint: Any) -> bool:
    expected = _plain_types(hint)
    if isinstance(value, bool):
        return bool in expected
    if isinstance(value, str):
        return str in expected
    if isinstance(value, int) and float in expected:
        return True
    return isinstance(value, expected)


def _plain_types(hint: Any) -> tuple[type, ...]:
    """The types of a plain value that `T`, `Input[T]` or `NotRequired` of either stands for."""
    if typing.get_origin(hint) is typing.NotRequired:
        return _plain_types(typing.get_args(hint)[0])
    if typing.get_origin(hint) is not typing.Union:
        return (typing.get_origin(hint) or hint,)
    members = (typing.get_origin(member) or member for member in typing.get_args(hint))
    return tuple(member for member in members if isinstance(member, type) and member is not Awaitable)
