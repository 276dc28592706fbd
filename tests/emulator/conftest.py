from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from asset import build_function
from tests.emulator import fetch, room

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The zip of the project's own runtime and handlers, with the tests' probe beside them."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "runtime", root / "runtime")
    shutil.copytree(PROJECT / "handlers", root / "handlers")
    for path in (Path(__file__).parent / "handlers").iterdir():
        if path.is_file():
            shutil.copy(path, root / "handlers")
    return root / build_function(root, "handlers.hello.handler", "handlers.edge.handler").path


@pytest.fixture(scope="session")
def rooms(package):
    """A root file system that every user may enter, whatever the umask and pytest's own folders allow."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield room.Room(folder / "root", package, fetch.shell())


@pytest.fixture(scope="session", params=["chroot", "namespace"])
def way(request):
    if request.param not in room.ways():
        pytest.skip(f"this machine allows no {request.param}: it needs root or unprivileged user namespaces")
    return request.param


@pytest.fixture(scope="session")
def emulator(rooms):
    return rooms.add(fetch.emulator())


@pytest.fixture(scope="module")
def hello(start):
    """The project's own handler, started as the module's `start` does it."""
    return start("handlers.hello.handler")


@pytest.fixture(scope="module")
def probe(start):
    return start("handlers.probe.handler")
