"""The closure of shared libraries against what the loader itself lists.

Does not prove: anything about libraries that a program opens by name at run time; those are a list in `host.py`.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from asset import elf, libraries
from asset.sources import host
from rules.finding import UserError

PROGRAM = Path(sys.executable).resolve()
LOADER = Path(elf.read(PROGRAM).interpreter)
SEARCH = libraries.Search(elf.read(PROGRAM).machine)


def loaded_by_the_loader(path):
    listing = subprocess.run([LOADER, "--list", path], capture_output=True, text=True, check=True).stdout
    pairs = (line.split(" => ") for line in listing.splitlines() if " => " in line)
    return {name.strip(): Path(place.rsplit(" (", 1)[0]).resolve() for name, place in pairs}


@pytest.mark.parametrize("module", [None, "_ssl", "_sqlite3", "_ctypes", "_lzma"])
def test_agrees_with_the_loader(module):
    path = PROGRAM
    if module is not None:
        path = next((Path(sysconfig.get_path("stdlib")) / "lib-dynload").glob(f"{module}.*.so"))
    found = {name: place.resolve() for name, place in libraries.closure([path], SEARCH).items()}
    assert {name: place for name, place in found.items() if name != LOADER.name} == {
        name: place for name, place in loaded_by_the_loader(path).items() if name != LOADER.name
    }


def test_missing_library_names_the_library_and_who_needs_it(tmp_path):
    extension = next((Path(sysconfig.get_path("stdlib")) / "lib-dynload").glob("_ssl.*.so"))
    broken = tmp_path / "_ssl.so"
    broken.write_bytes(extension.read_bytes().replace(b"libssl.so", b"libxxx.so"))
    with pytest.raises(UserError, match=r"_ssl\.so: needed library is 'libxxx\.so.*install the package") as caught:
        libraries.closure([broken], SEARCH)
    assert len(caught.value.findings) == 1


def test_library_of_another_machine_is_passed_over(tmp_path, monkeypatch):
    library = bytearray(SEARCH.find("libz.so.1").read_bytes())
    library[18:20] = (elf.AARCH64 if SEARCH.machine == elf.X86_64 else elf.X86_64).to_bytes(2, "little")
    (tmp_path / "libz.so.1").write_bytes(library)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert libraries.Search(SEARCH.machine).find("libz.so.1").parent != tmp_path


def test_library_path_comes_before_the_loaders_cache(tmp_path, monkeypatch):
    (tmp_path / "libz.so.1").write_bytes(SEARCH.find("libz.so.1").read_bytes())
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert libraries.Search(SEARCH.machine).find("libz.so.1") == tmp_path / "libz.so.1"


def test_works_without_ldconfig(monkeypatch):
    monkeypatch.setattr(libraries.shutil, "which", lambda *_, **__: None)
    assert libraries.Search(SEARCH.machine).find(LOADER.name)


def test_virtual_environment_counts_as_the_python_below_it():
    python = host.locate()
    assert python.program == PROGRAM
    assert python.modules["os.py"].is_relative_to(sys.base_prefix)
    assert python.version == sysconfig.get_config_var("py_version")
