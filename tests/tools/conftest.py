"""A small project with its own state: the real tools, the real CLI, and a provider whose work takes as long as told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SMALL_PROJECT = Path(__file__).parent / "small_project"
COMMAND_SECONDS = 60


@dataclass
class Tree:
    """One project folder that `make` runs in."""

    root: Path
    home: Path
    """Cannot exist, not even for root: whatever writes below HOME fails."""

    def environment(self, **changes: str) -> dict[str, str]:
        hidden = ("PULUMI_", "ISTHMUS_", "AWS_", "MAKE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        return {**kept, "HOME": str(self.home), **changes}

    def make(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(**changes),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def edit(self, old: str, new: str) -> None:
        """Change the stack's configuration."""
        file = self.root / "Pulumi.local.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def command(self, *arguments: str) -> list[str]:
        return ["make", "--no-print-directory", f"PYTHON={base_python()}", *arguments]

    def calls(self) -> list[list[str]]:
        """The command lines that reached the small project's `localcloud`, oldest first."""
        file = self.root / ".local/cloud/calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def state(self) -> dict:
        file = self.root / ".local/state/.pulumi/stacks/small/local.json"
        return json.loads(file.read_text())["checkpoint"]["latest"] or {}


def base_python() -> str:
    """The Python that the tests' virtual environment was made from: the one that `make` found."""
    return str(Path(sys.base_prefix, "bin/python3"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    base = tmp_path_factory.mktemp("make")
    root, not_a_folder = base / "a clone", base / "file"
    not_a_folder.touch()
    shutil.copytree(SMALL_PROJECT, root)
    shutil.copytree(PROJECT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "constraints.txt"):
        shutil.copy2(PROJECT / name, root / name)
    for name in ("__init__.py", "store.py", "objects.py", "crc64.py", "requirements.txt", "control/forget.py"):
        shutil.copy2(PROJECT / "localcloud" / name, root / "localcloud" / name)
    for layer, body in (("one", "pass"), ("two", "raise AssertionError('two is broken')")):
        (root / "tests" / layer).mkdir(parents=True)
        (root / "tests" / layer / f"test_{layer}.py").write_text(f"def test_{layer}():\n    {body}\n")
    (root / ".tools").mkdir()
    for name in ("venv", "bin"):
        (root / ".tools" / name).symlink_to(PROJECT / ".tools" / name)
    return Tree(root, not_a_folder / "home")
