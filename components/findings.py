"""What has been found wrong in one run of a program, so that all of it is told together."""

from __future__ import annotations

import asyncio
import sys
import weakref
from typing import NoReturn

import pulumi

from rules.finding import Finding, UserError
from rules.rule import Report


class ProgramError(UserError, pulumi.RunError):
    """A mistake in the user's input, as the language host prints it: the sentences and no traceback."""


_ALREADY_TOLD = 32
"""Exit status that Pulumi's language hosts take for "the user has seen why"."""


def tell(error: UserError) -> None:
    """Show each finding of an error to the user."""
    for finding in error.findings:
        pulumi.log.error(str(finding))


def end_in_order() -> None:
    """Have the program that calls this end with nothing but its findings, where it fails for them.

    A RunError that reaches the language host makes it add a line about the program's exit code. So the sentences are
    told once the program, whose task this is, has failed, and the exit status says that they have been.
    """
    program = asyncio.current_task()
    if program is not None:
        program.add_done_callback(_tell_and_leave)


def _tell_and_leave(program: asyncio.Task[object]) -> None:
    error = None if program.cancelled() else program.exception()
    if isinstance(error, ProgramError):
        tell(error)
        leave()


def leave() -> NoReturn:
    """End the program; the user has seen why."""
    sys.exit(_ALREADY_TOLD)


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
