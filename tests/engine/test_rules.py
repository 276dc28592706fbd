"""Whole programs with mistakes, written by hand beside our components or without them, previewed on the real engine.

Does not prove that a cloud would refuse them; it proves that nobody has to ask one.
"""

from __future__ import annotations

import re

import pytest
import yaml

from tests.engine.right_programs import RIGHT
from tests.engine.wrong_programs import WRONG

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def built(workspace):
    """A workspace whose zip is there, with the program's own text kept."""
    workspace.make("asset")
    return workspace


@pytest.fixture
def program(built):
    """Put another program in the place of the project's own."""
    file = built.root / "__main__.py"
    before = file.read_text()
    yield file.write_text
    file.write_text(before)


def told(text: str) -> set[str]:
    return set(re.findall(r"\[([A-Z][A-Z0-9-]+)\]", text))


def beyond_sentences(text: str) -> list[str]:
    """Lines among the diagnostics that are no finding."""
    diagnostics = text.partition("Diagnostics:")[2].partition("Resources:")[0]
    lines = [line.strip() for line in diagnostics.splitlines() if line.strip()]
    return [line for line in lines[1:] if not re.fullmatch(r"(error|warning): .* \[[A-Z0-9-]+\]", line)]


def created(workspace) -> list[dict[str, str]]:
    return [call for call in workspace.control_log() if call["method"] == "Create" and not call["preview"]]


@pytest.mark.parametrize("name", WRONG)
def test_a_preview_tells_all_that_is_wrong_and_creates_nothing(built, program, name):
    text, rules = WRONG[name]
    program(text)
    done = built.make("preview", check=False)
    shown = done.stdout + done.stderr
    assert done.returncode != 0, shown
    assert "Traceback" not in shown
    assert beyond_sentences(shown) == []
    assert told(shown) == set(rules), shown
    assert "IOSFODNN7" not in shown
    assert created(built) == []


def test_an_up_without_a_preview_creates_nothing_either(built, program):
    program(WRONG["components"][0])
    done = built.make("up", check=False)
    assert done.returncode != 0
    assert told(done.stdout + done.stderr) == set(WRONG["components"][1])
    assert created(built) == []


@pytest.mark.parametrize("name", RIGHT)
def test_what_the_guides_show_is_not_refused(built, program, name):
    program(RIGHT[name])
    done = built.make("preview")
    assert told(done.stdout) == set()
    assert created(built) == []


def test_a_rule_that_is_switched_off_is_named(built):
    stack = built.root / "Pulumi.local.yaml"
    before = stack.read_text()
    config = {**yaml.safe_load(before)["config"], "isthmus:rulesOff": ["FC-MEMORY"], "isthmus:memoryMb": 500}
    stack.write_text(yaml.safe_dump({"config": config}))
    try:
        done = built.make("preview")
    finally:
        stack.write_text(before)
    assert "The rule FC-MEMORY is switched off" in done.stdout
