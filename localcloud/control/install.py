"""Writes the two executables that the engine looks for on PATH."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("aws", "alicloud")


def install(bin_dir: Path, python: Path | None = None) -> None:
    """Write `pulumi-resource-aws` and `pulumi-resource-alicloud` into a folder, for an interpreter (default: this one).

    The engine starts them with its own environment, so interpreter and project stand in them as absolute paths. The
    shell starts Python because a `#!` line longer than 127 bytes is cut off (Linux, `BINPRM_BUF_SIZE`).
    """
    bin_dir.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        _write(bin_dir / f"pulumi-resource-{package}", _script(package, python or Path(sys.executable)))


def _script(package: str, python: Path) -> str:
    # -I: neither PYTHONPATH nor the working directory (the user's project) may change what is imported.
    start = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from localcloud.control.__main__ import main; main()"
    words = [str(python.absolute()), "-I", "-c", start, package]
    return f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'


def _write(target: Path, text: str) -> None:
    """Replace the file in one step: an engine may be starting it."""
    with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False, encoding="utf-8") as temporary:
        temporary.write(text)
    os.chmod(temporary.name, 0o755)  # noqa: S103, PTH101 - an executable
    Path(temporary.name).replace(target)
