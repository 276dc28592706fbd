"""Roles of a stack must let in the service that they are given to."""

from __future__ import annotations

from collections.abc import Sequence

from rules import alibaba_resources, lambda_, ram
from rules.aws_resources import FUNCTION
from rules.links import Linked, of, source
from rules.rule import Report, Rule, check

_AWS_ROLE = "aws:iam/role:Role"
_RAM_FIELD = "assume_role_policy_document"
_TRUST = (
    (FUNCTION, "role", _AWS_ROLE, lambda_.TRUST, "assume_role_policy"),
    (alibaba_resources.FUNCTION, "role", alibaba_resources.ROLE, ram.FC_TRUST, _RAM_FIELD),
    (alibaba_resources.TRIGGER, "invocation_role", alibaba_resources.ROLE, ram.OSS_TRUST, _RAM_FIELD),
)
"""Type that takes a role, its input, the role's type, the rules, and the role's input with the trust policy."""


def linked_findings(resources: Sequence[Linked]) -> Report:
    """Hold every role that a resource of the stack takes against the rules about who may assume it."""
    report = Report()
    for type_, path, role_type, table, field in _TRUST:
        for resource in of(resources, type_):
            found = source(resource, path, role_type)
            if found is not None and _is_for(resource):
                report += trusts(table, found.resource, field)
    return report


def _is_for(resource: Linked) -> bool:
    """A trigger's role is for OSS in OSS triggers only."""
    return resource.type != alibaba_resources.TRIGGER or resource.given.get("trigger_type") == "oss"


def trusts(table: tuple[Rule, ...], role: Linked, field: str) -> Report:
    """Hold one role's trust policy against rules."""
    return check(table, {"trust": role.given.get(field)}, role.label, {"trust": field})


TABLE = (*lambda_.TRUST, *ram.FC_TRUST, *ram.OSS_TRUST)
