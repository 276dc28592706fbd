"""How a table is held against facts, and how findings read.

Does not prove that any rule is right; that is what test_tables.py is for.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.finding import Finding, UserError, require_none
from rules.names import environment_bytes
from rules.rule import Report, Rule, between, check, listed, matches, one_of

SIZE = Rule("SIZE", ("size",), between(1, 9), "1 to 9", "choose one of these", "The Guide")
PAIR = Rule("PAIR", ("size", "colour"), lambda size, _: size < 5, "below 5", "shrink it", warning=True)


def test_a_finding_is_one_sentence_with_all_that_helps():
    (finding,) = check([SIZE], {"size": 10}, "Box 'b'").errors
    assert str(finding) == ("Box 'b': size is 10, but must be 1 to 9 (The Guide); choose one of these. [SIZE]")


def test_errors_and_warnings_keep_the_order_of_the_table():
    report = check([PAIR, SIZE, SIZE], {"size": 10, "colour": "red"}, "x")
    assert [finding.rule for finding in report.errors] == ["SIZE", "SIZE"]
    assert [finding.rule for finding in report.warnings] == ["PAIR"]


def test_a_rule_waits_until_it_knows_all_its_facts():
    assert check([PAIR], {"size": 10}, "x") == Report()
    assert check([PAIR], {"size": 10, "colour": None}, "x") == Report()


def test_the_users_name_for_a_fact_is_shown():
    (finding,) = check([SIZE], {"size": 10}, "settings", {"size": "isthmus:size"}).errors
    assert finding.field == "isthmus:size"


def test_reports_add_up():
    one, two = check([SIZE], {"size": 0}, "a"), check([SIZE], {"size": 10}, "b")
    assert (one + two).errors == one.errors + two.errors


def test_findings_are_raised_together():
    report = check([SIZE, SIZE], {"size": 0}, "a")
    with pytest.raises(UserError) as raised:
        require_none(report.errors)
    assert raised.value.findings == report.errors
    assert str(raised.value) == "\n".join(map(str, report.errors))
    require_none([])


def test_a_finding_of_our_own_names_no_source():
    assert "()" not in str(Finding("X", "c", "f", 1, "2", "do it"))


@given(st.integers(), st.integers(1, 64))
def test_between_takes_whole_steps_inside_its_ends_only(value, step):
    assert between(128, 1024, step)(value) == (128 <= value <= 1024 and value % step == 0)


@pytest.mark.parametrize("value", ["5", None, True, [5], 5.5, float("nan")])
def test_between_takes_numbers_only(value):
    assert not between(1, 9)(value)


def test_one_of_tells_types_apart():
    assert one_of([0, 1])(1)
    assert not one_of([0, 1])(True)
    assert not one_of(["1"])(1)
    assert not one_of(["a"])(["a"])


def test_matches_takes_the_whole_string_of_limited_length():
    assert matches("a+", 3)("aaa")
    assert not matches("a+", 3)("aaaa")
    assert not matches("a+")("aab")
    assert not matches("a+")("a\n")
    assert not matches("a+")(1)


def test_values_are_listed_as_prose():
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a or b"
    assert listed([1, 2, 3]) == "1, 2 or 3"


@given(st.dictionaries(st.text(), st.text()))
def test_environment_bytes_counts_utf_8(variables):
    assert environment_bytes(variables) == sum(len(k.encode()) + len(v.encode()) for k, v in variables.items())
