from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from asset import build_function

RUNTIME = """\
import json, os, sys
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, root)
from handlers.hello import handler
print(json.dumps(handler(None, None)))
"""
"""Stands in for the project's runtime: prints what the handler returns."""

HELLO = """\
import os, sys

def handler(event, context):
    return {
        "executable": sys.executable,
        "isolated": [sys.flags.isolated, sys.flags.no_site, sys.flags.utf8_mode],
        "certificates": os.environ.get("SSL_CERT_FILE"),
        "file": handler.__code__.co_filename,
    }
"""

EDGE = "def handler(event, context):\n    return event\n"


def write_project(root):
    """A project that can be built, with a runtime small enough to reason about."""
    files = {
        "runtime/__init__.py": "",
        "runtime/main.py": RUNTIME,
        "handlers/__init__.py": "",
        "handlers/hello.py": HELLO,
        "handlers/edge.py": EDGE,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A project after a build from nothing: only to be read."""
    root = write_project(tmp_path_factory.mktemp("built"))
    build_function(root, "handlers.hello.handler", "handlers.edge.handler")
    return root


@pytest.fixture
def empty_project(tmp_path):
    """A project that was never built."""
    return write_project(tmp_path / "project")


@pytest.fixture
def project(built, tmp_path):
    """A built project to change: its interpreter part is in the cache, as on every machine after the first build."""
    return shutil.copytree(built, tmp_path / "project")


@pytest.fixture(scope="session")
def members(built):
    """Name -> entry of the function's zip."""
    with zipfile.ZipFile(built / "dist/function.zip") as archive:
        return {info.filename: info for info in archive.infolist()}


@pytest.fixture(scope="session")
def unpacked(built, tmp_path_factory):
    """The function's zip as a cloud unpacks it."""
    folder: Path = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(built / "dist/function.zip") as archive:
        archive.extractall(folder)
        for info in archive.infolist():
            (folder / info.filename).chmod(info.external_attr >> 16 & 0o7777)
    return folder
