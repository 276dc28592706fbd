"""Physical names: always valid, always the same, never two alike.

Does not prove that a name is free on an account.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from components.naming import BUCKET_NAME_LENGTH, RESOURCE_NAME_LENGTH, physical_name
from rules.oss import BUCKET

words = st.text(min_size=1, max_size=100)
limits = st.sampled_from([RESOURCE_NAME_LENGTH, BUCKET_NAME_LENGTH])


@given(words, words, limits, words)
def test_a_name_is_valid_for_whatever_project_and_stack(project, stack, limit, account):
    name = physical_name(project, stack, limit=limit, unique_in=account)
    assert len(name) <= limit
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name)
    assert re.fullmatch(BUCKET, name)
    assert "--" not in name


@given(words, words, words, words, limits)
def test_other_parts_give_another_name(project, stack, other_project, other_stack, limit):
    one = physical_name(project, stack, limit=limit)
    two = physical_name(other_project, other_stack, limit=limit)
    assert (one == two) == ((project, stack) == (other_project, other_stack))


@given(words, words)
def test_the_account_makes_a_name_unique_without_being_shown(one, two):
    named = [physical_name("isthmus", "test", limit=63, unique_in=account) for account in (one, two)]
    assert (named[0] == named[1]) == (one == two)
    assert all(name.startswith("isthmus-test-") and len(name) == len("isthmus-test-") + 8 for name in named)


def test_a_name_stays_the_same_between_releases():
    assert physical_name("isthmus", "local", limit=48) == "isthmus-local-858d15e2"
    assert physical_name("isthmus", "local", "code", limit=63, unique_in="1") == "isthmus-local-code-95155bf8"
