"""A copy of the project for each module, destroyed at its end."""

from __future__ import annotations

import pytest

from tests.support.workspace import new_workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    workspace = new_workspace(tmp_path_factory.mktemp("engine"))
    yield workspace
    workspace.make("down", check=False)
