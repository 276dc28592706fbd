"""Hand-written resources on either side of each rule's boundary, as the SDKs' own classes, through the stack's watch.

Does not prove that a cloud draws the line where its document says, nor that an engine calls the watch; the latter is
shown on the real engine.
"""

from __future__ import annotations

import importlib

import pytest

from rules.given import Given
from rules.resources import KINDS, Resource
from tests.rules.resource_cases import CASES, inputs
from tests.support.sdk_types import _registered

ABOUT_ZIPS = {
    *("LAMBDA-ARCHIVE-MODE", "LAMBDA-DIRECT-SIZE", "LAMBDA-UNZIPPED-SIZE", "LAMBDA-ZIP-ARCHITECTURE"),
    *("LAMBDA-BOOTSTRAP-MACHINE", "FC-ZIP-SIZE", "FC-ZIP-ARCHITECTURE", "FC-BOOTSTRAP-MACHINE"),
    *("ZIP-READABLE", "ZIP-BOOTSTRAP", "ZIP-SHEBANG"),
}
"""Rules whose cases are files: tests/components/test_stack_packages.py has them."""


def sdk_class(type_):
    module, name = _registered(type_.partition(":")[0])[type_]
    return getattr(importlib.import_module(module), name)


def told(type_, changed):
    """Ids of the rules that one resource breaks, as errors and as warnings."""
    report = Resource(type_, "x", Given(inputs(type_, changed), {"alicloud_region": "cn-hongkong"})).check()
    return [finding.rule for finding in (*report.errors, *report.warnings)]


def test_every_rule_about_a_single_resource_has_cases():
    rules = {rule.id for parts in KINDS.values() for part in parts for rule in part.table}
    assert rules - set(CASES) == ABOUT_ZIPS
    assert all(right and wrong for _, right, wrong in CASES.values())


@pytest.mark.parametrize("rule", CASES)
def test_right_ones_pass(rule):
    type_, right, _ = CASES[rule]
    for changed in right:
        assert rule not in told(type_, changed), changed


@pytest.mark.parametrize("rule", CASES)
def test_wrong_ones_are_told(rule):
    type_, _, wrong = CASES[rule]
    for changed in wrong:
        assert rule in told(type_, changed), changed
