"""Programs under the watch of the rules, on mocks."""

from __future__ import annotations

import pulumi_aws as aws
import pytest

from components.stack_rules import watch
from components.validation import ProgramError
from tests.rules.resource_cases import FUNCTION_BASE
from tests.support.mocks import deploy


def run(program, *, preview=True, off=()):
    def watched():
        watch(off)
        program()

    return deploy(watched, preview=preview)


def broken(program, **options):
    """(rule, label) of each finding that ends the program."""
    with pytest.raises(ProgramError) as error:
        run(program, **options)
    return [(finding.rule, finding.component) for finding in error.value.findings]


def rules_of(program, **options):
    return [rule for rule, _ in broken(program, **options)]


def by_hand(name="mine", **changed):
    return aws.lambda_.Function(name, **{**FUNCTION_BASE, **changed})
