"""The catalogue of rules and the page that is generated from it.

Does not prove that a source says what a rule says.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from rules import catalogue
from rules.catalogue import RULES
from tests.support.stacks import ROOT


def test_the_page_is_fresh():
    assert (ROOT / "docs/rules.md").read_text() == catalogue.page(), "run `python -m rules > docs/rules.md`"


def test_the_command_prints_the_page():
    done = subprocess.run([sys.executable, "-m", "rules"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == catalogue.page()


@pytest.mark.parametrize("id_", RULES)
def test_a_rule_can_be_read(id_):
    entry = RULES[id_]
    assert re.fullmatch(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*", id_)
    assert entry.clouds <= {"AWS", "Alibaba Cloud"}
    assert entry.clouds
    assert entry.rule.remedy
    assert entry.rule.accepts


def test_one_id_is_one_sentence():
    for _, table in catalogue._TABLES:
        for rule in table:
            assert rule.accepts == RULES[rule.id].rule.accepts


def test_rules_import_no_pulumi():
    script = "import sys, rules.catalogue; print([name for name in sys.modules if name.startswith('pulumi')])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_rule_of_lambda_at_edge_that_a_program_can_show_is_there():
    numbers = {re.fullmatch(r"E(\d+).*", id_)[1] for id_ in RULES if re.fullmatch(r"E\d+.*", id_)}
    assert {int(number) for number in numbers} == set(range(1, 20)) - {16}  # E16 is about who deploys
