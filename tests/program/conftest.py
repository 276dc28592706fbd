"""The program as the language host runs it, on mocks, with a stand-in for the build of the zips."""

from __future__ import annotations

import hashlib
import json
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.mocks import deploy
from tests.support.stacks import ROOT
from tests.support.zips import write_edge_zip, write_function_zip


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool | list) else str(value)


@pytest.fixture
def configure(monkeypatch):
    """Hand a configuration over as a language host does, in PULUMI_CONFIG."""

    def hand_over(config: dict[str, object]) -> None:
        texts = {key: _text(value) for key, value in config.items() if value is not None}
        monkeypatch.setenv("PULUMI_CONFIG", json.dumps(texts))

    return hand_over


@pytest.fixture
def asset(monkeypatch, tmp_path):
    """Stands for the build, which has tests of its own: writes small zips and notes what was asked for."""
    build = ModuleType("asset")
    build.asked = []
    build.plans = []

    class Plan:
        @classmethod
        def named(cls, *choices):
            build.plans.append(choices)
            return cls()

    class Package:
        def __init__(self, path: Path) -> None:
            self.path = path
            self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    def build_function(root: Path, handler: str, edge_handler: str, *, plan: Plan, further: list[str]) -> Package:
        build.asked.append(("function", root, handler, *further))
        return Package(Path(write_function_zip(Path("function.zip"))))

    def build_edge(root: Path, handler: str) -> Package:
        build.asked.append(("edge", root, handler))
        return Package(Path(write_edge_zip(Path("edge.zip"))))

    build.DEPLOYED = {"aws": "al2023", "alibaba": "debian10"}
    build.Package, build.Plan, build.build_function, build.build_edge = Package, Plan, build_function, build_edge
    monkeypatch.setitem(sys.modules, "asset", build)
    monkeypatch.chdir(tmp_path)
    return build


@pytest.fixture
def program(configure, asset):
    """Run the program with a configuration."""

    def run(config: dict[str, object], *, preview: bool = False):
        configure(config)
        return deploy(lambda: runpy.run_path(str(ROOT), run_name="__main__"), preview=preview)

    return run
