"""Says why a built zip would not start, before it is deployed.

The zip carries its own loader and C library, so every library that anything in it needs must be in it too.
"""

from __future__ import annotations

import posixpath
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from asset import elf
from asset.sources.host import ARCHITECTURES
from rules.finding import Finding

_RUNTIMES = "Lambda Developer Guide, Building a custom runtime for AWS Lambda"
_LIBRARIES = PurePosixPath("python/lib")


def findings(path: Path) -> list[Finding]:
    """All that is wrong with the zip `path`; raises OSError when it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {info.filename: info for info in archive.infolist()}
            found = [*_names(archive.infolist()), *_bootstrap(archive, entries)]
            binaries, damaged = _binaries(archive, path.name)
    except zipfile.BadZipFile as error:
        return [Finding("ASSET-ZIP", path.name, "content", str(error), "a zip", "build it again")]
    return [*found, *damaged, *_machines(binaries), *_closure(binaries), *_programs(entries, binaries)]


def _names(entries: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    seen: set[str] = set()
    for info in entries:
        name = PurePosixPath(info.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in info.filename:
            accepts = "a relative path below the root of the zip"
            yield Finding("ASSET-PATH", "zip", "name", info.filename, accepts, "rename the file")
        if info.filename in seen:
            yield Finding("ASSET-PATH", "zip", "name", info.filename, "there once", "take one of the two files away")
        if stat.S_ISLNK(info.external_attr >> 16):
            yield Finding("ASSET-PATH", info.filename, "kind", "symbolic link", "a plain file", "put a copy there")
        seen.add(info.filename)


def _bootstrap(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> Iterator[Finding]:
    remedy = "build the zip with `make asset`"
    if "bootstrap" not in entries:
        yield Finding("ASSET-BOOTSTRAP", "zip", "bootstrap", "missing", "a file at the root", remedy, _RUNTIMES)
        return
    if not _executable(entries["bootstrap"]):
        mode = oct(entries["bootstrap"].external_attr >> 16 & 0o777)
        yield Finding("ASSET-BOOTSTRAP", "bootstrap", "mode", mode, "executable for all (0o755)", remedy, _RUNTIMES)
    content = archive.read("bootstrap")
    first = content.split(b"\n", 1)[0]
    if not elf.is_elf(content) and not first.startswith(b"#!/"):
        accepts = "'#!' and an absolute path, or an ELF program"
        yield Finding("ASSET-BOOTSTRAP", "bootstrap", "first line", _text(first), accepts, remedy, _RUNTIMES)
    if not elf.is_elf(content) and b"\r" in content:
        yield Finding("ASSET-BOOTSTRAP", "bootstrap", "line end", "CR LF", "LF", remedy, _RUNTIMES)


def _binaries(archive: zipfile.ZipFile, zip_name: str) -> tuple[dict[PurePosixPath, elf.Elf], list[Finding]]:
    found: dict[PurePosixPath, elf.Elf] = {}
    damaged: list[Finding] = []
    for info in archive.infolist():
        with archive.open(info) as file:
            if file.read(len(elf.MAGIC)) != elf.MAGIC:
                continue
            content = elf.MAGIC + file.read()
        try:
            found[PurePosixPath(info.filename)] = elf.parse(content)
        except elf.ElfError as error:
            remedy = f"replace the file, then build {zip_name} again"
            damaged.append(Finding("ASSET-ELF", info.filename, "content", str(error), "a whole ELF file", remedy))
    return found, damaged


def _machines(binaries: Mapping[PurePosixPath, elf.Elf]) -> Iterator[Finding]:
    """The loader's machine is the zip's; without a loader, that of the first binary."""
    first = next((head for name, head in binaries.items() if _is_loader(name)), next(iter(binaries.values()), None))
    for name, head in binaries.items():
        if first is not None and head.machine != first.machine:
            accepts = _machine_name(first.machine)
            remedy = f"put the {accepts} build of this file in its place"
            yield Finding("ASSET-MACHINE", str(name), "processor", _machine_name(head.machine), accepts, remedy)


def _closure(binaries: Mapping[PurePosixPath, elf.Elf]) -> Iterator[Finding]:
    """A library is found where `bootstrap` points the loader, or where a file in the zip says (ld.so(8))."""
    inherited = {folder for name, head in binaries.items() for folder in _folders(head.rpath, name)}
    for name, head in binaries.items():
        searched = {_LIBRARIES, *inherited, *_folders(head.runpath, name)}
        for library in head.needed:
            if not any(folder / library in binaries for folder in searched):
                remedy = f"add {library}, or replace the file by a build that does not need it"
                yield Finding("ASSET-LIBRARY", str(name), "needed library", library, "in the zip", remedy)


def _folders(paths: tuple[str, ...], name: PurePosixPath) -> set[PurePosixPath]:
    """The folders of the zip that search paths of the binary `name` lead to."""
    local = (path.replace("${ORIGIN}", "$ORIGIN") for path in paths)
    return {
        PurePosixPath(posixpath.normpath(path.replace("$ORIGIN", str(name.parent))))
        for path in local
        if path.startswith("$ORIGIN")
    }


def _programs(entries: Mapping[str, zipfile.ZipInfo], binaries: Mapping[PurePosixPath, elf.Elf]) -> Iterator[Finding]:
    for name, head in binaries.items():
        # Some libraries, libc among them, name a loader too, but no program has a soname.
        started = _is_loader(name) or (head.interpreter and head.soname is None)
        if started and not _executable(entries[str(name)]):
            mode = oct(entries[str(name)].external_attr >> 16 & 0o777)
            remedy = f"run `chmod +x {name}`, then build again"
            yield Finding("ASSET-MODE", str(name), "mode", mode, "executable for all (0o755)", remedy)


def _is_loader(name: PurePosixPath) -> bool:
    return name.parent == _LIBRARIES and name.name.startswith("ld-linux")


def _executable(info: zipfile.ZipInfo) -> bool:
    return (info.external_attr >> 16) & 0o555 == 0o555


def _machine_name(machine: int) -> str:
    return ARCHITECTURES.get(machine, f"machine type {machine}")


def _text(line: bytes) -> str:
    return line[:80].decode(errors="replace")
