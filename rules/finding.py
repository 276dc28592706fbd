"""What is wrong with a user's input, and the one exception that says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that a cloud would refuse, or that cannot be built.

    Printed as one sentence: where, what stands there, what is accepted, what to do, and who says so.
    """

    rule: str
    """Stable id, such as `E3`, `FC-MEMORY` or `HANDLER-MODULE`."""
    component: str
    """The component or part and its name, such as `EdgeTrigger 'site'` or `settings`."""
    field: str
    value: object
    accepts: str
    """What is accepted there, such as `1 to 900 seconds`."""
    remedy: str
    """What the user does now, in the imperative."""
    source: str = ""
    """Title of the document that states the rule; empty when the rule is our own."""

    def __str__(self) -> str:
        said_by = f" ({self.source})" if self.source else ""
        return (
            f"{self.component}: {self.field} is {self.value!r}, but must be {self.accepts}{said_by}; "
            f"{self.remedy}. [{self.rule}]"
        )


class UserError(Exception):
    """A mistake in the user's input: one or more findings, shown together and without a traceback."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


def require_none(findings: Iterable[Finding]) -> None:
    """Raise UserError when there is any finding."""
    gathered = tuple(findings)
    if gathered:
        raise UserError(gathered)
