"""What has been found wrong in one run of a program, so that all of it is told together."""

from __future__ import annotations

import weakref

import pulumi

from rules.finding import Finding, UserError
from rules.rule import Report


class ProgramError(UserError, pulumi.RunError):
    """A mistake in the user's input, as the language host prints it: the sentences and no traceback."""


class Findings:
    """The findings of one run. Warnings are told at once, each only once; errors when they are settled."""

    def __init__(self) -> None:
        self.off: frozenset[str] = frozenset()
        """Ids of the rules that the stack's configuration switches off."""
        self._errors: list[Finding] = []
        self._told: set[str] = set()

    def add(self, report: Report) -> tuple[Finding, ...]:
        """Keep a report; returns its errors, without those of rules that are switched off."""
        kept = report.without(self.off)
        for finding in kept.warnings:
            if str(finding) not in self._told:
                self._told.add(str(finding))
                pulumi.log.warn(str(finding))
        self._errors += kept.errors
        return kept.errors

    def has_errors(self) -> bool:
        return bool(self._errors)

    def settle(self) -> None:
        """Raise ProgramError with all errors up to now, if there are any; each sentence once."""
        if self._errors:
            raise ProgramError({str(finding): finding for finding in self._errors}.values())


_of_runs: weakref.WeakKeyDictionary[pulumi.Resource, Findings] = weakref.WeakKeyDictionary()


def of_this_run() -> Findings:
    """The findings of the program that runs now; outside a program they are nobody's."""
    stack = pulumi.runtime.get_root_resource()
    return Findings() if stack is None else _of_runs.setdefault(stack, Findings())
