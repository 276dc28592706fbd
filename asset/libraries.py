"""Finds the shared libraries that ELF files need, in the order in which glibc's loader would look (ld.so(8))."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from asset import elf
from rules.finding import Finding, UserError

_DEFAULT_DIRECTORIES = (
    *("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu"),
    *("/lib64", "/usr/lib64", "/lib", "/usr/lib"),
)
"""Debian's loader knows its folders even without a cache; a file for another processor is passed over."""


class Search:
    """Where libraries for one machine type are looked for on this host."""

    def __init__(self, machine: int) -> None:
        self.machine = machine
        self.environment = [Path(entry) for entry in os.environ.get("LD_LIBRARY_PATH", "").split(":") if entry]
        self.cache = _loader_cache()

    def find(self, name: str, needed_by: elf.Elf | None = None, origin: Path | None = None) -> Path | None:
        """The file that the loader would take for `name`; None when there is none for this machine type."""
        for candidate in self._candidates(name, needed_by, origin):
            if candidate.is_file() and _machine(candidate) == self.machine:
                return candidate
        return None

    def _candidates(self, name: str, needed_by: elf.Elf | None, origin: Path | None) -> Iterator[Path]:
        rpath, runpath = _search_paths(needed_by, origin)
        for directory in (*rpath, *self.environment, *runpath):
            yield directory / name
        yield from self.cache.get(name, ())
        for directory in _DEFAULT_DIRECTORIES:
            yield Path(directory) / name


def closure(roots: Iterable[Path], search: Search) -> dict[str, Path]:
    """All libraries that `roots` need, directly or through another: soname -> file.

    Raises UserError naming each library that is not on this host, and what needs it.
    """
    found: dict[str, Path] = {}
    missing: dict[str, Finding] = {}
    waiting = list(roots)
    while waiting:
        path = waiting.pop()
        head = elf.read(path)
        for name in head.needed:
            if name in found:
                continue
            library = search.find(name, head, path.resolve().parent)
            if library is None:
                missing.setdefault(name, _missing(name, path))
                continue
            found[name] = library
            waiting.append(library)
    if missing:
        raise UserError(list(missing.values()))
    return found


def within(folders: Sequence[Path], roots: Iterable[Path]) -> dict[str, Path]:
    """The libraries in the folders that the roots need, one through another; the image has to have the others."""
    found: dict[str, Path] = {}
    waiting = list(roots)
    while waiting:
        for name in elf.read(waiting.pop()).needed:
            path = next((folder / name for folder in folders if (folder / name).is_file()), None)
            if path is not None and name not in found:
                found[name] = path
                waiting.append(path)
    return found


def _search_paths(needed_by: elf.Elf | None, origin: Path | None) -> tuple[list[Path], list[Path]]:
    if needed_by is None or origin is None:
        return [], []
    rpath = () if needed_by.runpath else needed_by.rpath
    return _expand(rpath, origin), _expand(needed_by.runpath, origin)


def _expand(paths: Iterable[str], origin: Path) -> list[Path]:
    return [Path(path.replace("${ORIGIN}", str(origin)).replace("$ORIGIN", str(origin))) for path in paths]


def _loader_cache() -> dict[str, list[Path]]:
    """The loader's cache as `ldconfig -p` prints it: soname -> files, best first."""
    program = shutil.which("ldconfig", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
    if program is None:
        return {}
    listing = subprocess.run([program, "-p"], capture_output=True, text=True, check=False).stdout
    cache: dict[str, list[Path]] = {}
    for line in listing.splitlines():
        name, arrow, path = line.strip().partition(" => ")
        if arrow:
            cache.setdefault(name.split(" ", 1)[0], []).append(Path(path))
    return cache


def _machine(path: Path) -> int | None:
    try:
        return elf.read(path).machine
    except (elf.ElfError, OSError):
        return None


def _missing(name: str, needed_by: Path) -> Finding:
    return Finding(
        rule="ASSET-LIBRARY",
        component=f"interpreter part {needed_by}",
        field="needed library",
        value=name,
        accepts="a library of this machine that can be put into the zip",
        remedy=f"install the package that holds {name}, then build again",
    )
