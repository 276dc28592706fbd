"""A copy of the project that scenarios may deploy, break and destroy, driven through `make` alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from localcloud.store import Resource, Store

PROJECT = Path(__file__).resolve().parents[2]
COMMAND_SECONDS = 240


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Workspace:
    """One copy of the project with state, port and HOME of its own."""

    root: Path
    port: int
    home: Path
    """Cannot exist, not even for root: whatever writes below HOME fails."""

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "ISTHMUS_", "AWS_"))
        }
        return {**kept, "HOME": str(self.home), "MAKEFLAGS": "", "MAKELEVEL": ""}

    def make(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["make", "--no-print-directory", *arguments, f"PORT={self.port}"],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"make {arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a make in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            ["make", "--no-print-directory", *arguments, f"PORT={self.port}"],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def kill(self, process: subprocess.Popen[str], number: signal.Signals) -> str:
        os.killpg(process.pid, number)
        return process.communicate(timeout=COMMAND_SECONDS)[0]

    def urls(self) -> dict[str, str]:
        return dict(line.split(maxsplit=1) for line in self.make("urls").stdout.splitlines())

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.root / path
        text = file.read_text()
        assert old in text, f"{path} has no {old!r}"
        file.write_text(text.replace(old, new))

    def resources(self, type_: str) -> list[Resource]:
        store = Store(self.root / ".local/cloud")
        try:
            return store.list(type_)
        finally:
            store.close()

    def control_log(self) -> list[dict[str, str]]:
        log = self.root / ".local/cloud/control.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def copy_project(target: Path) -> None:
    """Copy what git would: tracked files and new ones that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if not (PROJECT / name).exists():
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, target / name)


def new_workspace(base: Path) -> Workspace:
    """A workspace below an empty folder."""
    root, not_a_folder = base / "clone", base / "file"
    root.mkdir()
    not_a_folder.touch()
    copy_project(root)
    (root / ".tools").symlink_to(PROJECT / ".tools")
    return Workspace(root, free_port(), home=not_a_folder / "home")
