"""A folder with the zips that a build leaves, as the working directory."""

from __future__ import annotations

import pytest

from tests.support.zips import write_edge_zip, write_function_zip


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_function_zip(tmp_path / "function.zip")
    write_edge_zip(tmp_path / "edge.zip")
    return tmp_path
