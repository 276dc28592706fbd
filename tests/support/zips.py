"""Small zips of the shapes that the components take."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

BOOTSTRAP = b"#!/bin/sh\nexec true\n"


def write_zip(path: Path, entries: dict[str, tuple[bytes, int]]) -> Path:
    """A zip of name -> (content, mode)."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, (content, mode) in entries.items():
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = (0o100000 | mode) << 16
            archive.writestr(info, content)
    return path


def write_function_zip(
    path: Path, *, bootstrap: bytes = BOOTSTRAP, mode: int = 0o755, architecture: str = "x86_64"
) -> Path:
    manifest = json.dumps({"architecture": architecture}).encode()
    return write_zip(path, {"bootstrap": (bootstrap, mode), "manifest.json": (manifest, 0o644)})


def write_edge_zip(path: Path) -> Path:
    return write_zip(path, {"handlers/edge.py": (b"def handler(event, context): ...\n", 0o644)})
