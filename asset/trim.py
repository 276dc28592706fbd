"""Decides which part of a CPython standard library goes into the zip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_DIRECTORIES = frozenset(
    {
        "__pycache__",
        "_pyrepl",
        "curses",
        "dist-packages",
        "distutils",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "msilib",
        "pydoc_data",
        "site-packages",
        "test",
        "tests",
        "tkinter",
        "turtledemo",
        "venv",
    }
)
"""Tests, the desktop, the terminal, installers: nothing that a function on a server imports."""

_MODULES = frozenset(
    {
        *("antigravity.py", "sitecustomize.py", "this.py", "turtle.py", "usercustomize.py"),
        "_pydecimal.py",  # stands in for the extension module `_decimal`, which is there
    }
)

_EXTENSIONS = frozenset(
    {
        "_curses",
        "_curses_panel",
        "_dbm",
        "_gdbm",
        "_tkinter",
        "nis",
        "ossaudiodev",
        "readline",
    }
)
"""Desktop and terminal again, and what links GPL or Sleepycat libraries (readline, gdbm, Berkeley DB)."""

_TEST_EXTENSIONS = ("_test", "_xx", "xx", "_ctypes_test")


def standard_library(root: Path) -> Iterator[Path]:
    """The kept `.py` and extension modules below `root`, relative to it, in sorted order.

    Kept on purpose: the CJK codecs, ssl, sqlite3, and `_sysconfigdata_*`, without which zoneinfo fails on some builds.
    """
    for folder, directories, names in os.walk(root):
        directories[:] = sorted(name for name in directories if _keeps_directory(name))
        for name in sorted(names):
            if _keeps_file(name):
                yield (Path(folder) / name).relative_to(root)


def _keeps_directory(name: str) -> bool:
    return name not in _DIRECTORIES and not name.startswith("config-")


def _keeps_file(name: str) -> bool:
    if name.endswith(".py"):
        return name not in _MODULES
    if not name.endswith(".so"):
        return False
    module = name.split(".", 1)[0]
    return module not in _EXTENSIONS and not module.startswith(_TEST_EXTENSIONS)
