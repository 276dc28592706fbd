"""A real Chromium, where the machine has one."""

from __future__ import annotations

import pytest

from tools import browser

WITHOUT = f"The browser tests did not run, for {browser.NOT_FOUND}."


@pytest.fixture(scope="module")
def chromium():
    program = browser.find()
    if program is None:
        pytest.skip(WITHOUT)
    with browser.Browser(program) as running:
        yield running


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    """Say it once more after everything else, where it is not overlooked."""
    told = yield
    if browser.find() is None:
        terminalreporter.write_line(WITHOUT, yellow=True)
    return told
