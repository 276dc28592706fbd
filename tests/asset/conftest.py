from __future__ import annotations

import hashlib
import json
import platform
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from asset import build_function
from asset.sources import deb, host
from asset.targets import named
from rules.finding import UserError

NATIVE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
OTHER = {"x86_64": "arm64", "arm64": "x86_64"}[NATIVE]

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


@pytest.fixture(scope="session")
def tarball(tmp_path_factory):
    """The running Python as a tarball, with the libraries that its extension modules need."""
    python = host.locate()
    path = tmp_path_factory.mktemp("tarball") / "python.tar.gz"
    of_glibc = {name for name in python.libraries if name in named("debian12").libraries}
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(python.program, f"python/bin/{python.name}", recursive=False)
        for name in sorted(python.libraries.keys() - of_glibc):
            archive.add(python.libraries[name].resolve(), f"python/lib/{name}")
        for name, module in python.modules.items():
            archive.add(module, f"python/lib/{python.name}/{name}")
    return path


def pin_archive(root, path, digest=None, architecture=NATIVE):
    digest = digest or hashlib.sha256(path.read_bytes()).hexdigest()
    lock = {"archive": {architecture: {"source": str(path), "sha256": digest}}}
    (root / "interpreter.lock.json").write_text(json.dumps(lock))


@pytest.fixture(scope="session")
def deb_lock(tmp_path_factory):
    """A lock file with this machine's packages of both processors."""
    root = tmp_path_factory.mktemp("lock")
    if shutil.which("apt-get") is None:
        pytest.skip("this machine has no apt")
    try:
        for architecture in (NATIVE, OTHER):
            deb.lock(root, architecture)
    except UserError as error:
        if "Unable to locate package" not in str(error):
            raise
        pytest.skip(f"this machine's apt sources lack the running Python's version: {error}")
    return root / deb.LOCK
