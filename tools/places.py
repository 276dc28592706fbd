"""Where everything lives: all that the tools write is inside the clone, in two folders that git ignores."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

LOCAL_STACK = "local"
DEMO_STACK = "demo"
"""What `make demo-site` deploys, so that the user's own local stack stays as it is."""
LOCAL_STACKS = (LOCAL_STACK, DEMO_STACK)
"""The stacks that are deployed to local clouds, each to its own; every other one goes to real accounts."""


@dataclass(frozen=True)
class Places:
    """Paths below one clone, for one stack. `.tools` can be fetched again; `.local` is what the user has deployed."""

    root: Path
    stack: str = LOCAL_STACK

    @property
    def tools(self) -> Path:
        return self.root / ".tools"

    @property
    def venv(self) -> Path:
        return self.tools / "venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin/python"

    @property
    def bin(self) -> Path:
        """The CLI that we built, with its language host beside it."""
        return self.tools / "bin"

    @property
    def go(self) -> Path:
        """Go's module and build caches, and Go itself where the machine has none; gone after the build."""
        return self.tools / "go"

    @property
    def cache(self) -> Path:
        return self.tools / "cache"

    @property
    def logs(self) -> Path:
        return self.tools / "logs"

    @property
    def deployed(self) -> Path:
        """What all local stacks of the clone have, with the lock on it."""
        return self.root / ".local"

    @property
    def local(self) -> Path:
        """What one local stack has."""
        return self.deployed / DEMO_STACK if self.stack == DEMO_STACK else self.deployed

    @property
    def cloud(self) -> Path:
        """The state of the local clouds (`ISTHMUS_LOCAL_DIR`)."""
        return self.local / "cloud"

    @property
    def state(self) -> Path:
        """Pulumi's file backend for a local stack."""
        return self.local / "state"

    @property
    def pulumi_home(self) -> Path:
        """`PULUMI_HOME` for a local stack; its plugin cache holds the stand-in providers."""
        return self.local / "pulumi"

    @property
    def stand_ins(self) -> Path:
        return self.local / "stand-ins"


def python_version() -> str:
    """The version of the Python that runs the tools, and which build it is: a venv belongs to exactly one."""
    return f"{sys.version.split()[0]} {os.path.realpath(sys.base_prefix)}"
