"""Says why a zip would not start, before it is deployed: its names, scripts, handler and size.

What its ELF files ask of the image that loads them is judged in `binaries`.
"""

from __future__ import annotations

import json
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from asset import elf, pack
from asset.binaries import ARCHITECTURES, Binaries, executable
from asset.targets import Target
from rules.finding import Finding

_RUNTIMES = "Lambda Developer Guide, Building a custom runtime for AWS Lambda"
_TROUBLE = "Function Compute, Troubleshooting of custom runtimes: exit codes 8 and 127"
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, LookupError, OverflowError),
    *(NotImplementedError, RuntimeError, ValueError),
)
"""What reading a damaged, encrypted or otherwise strange zip can raise."""
_LONGEST_LINE = 256
_CLASS_AND_ORDER = b"\x02\x01"
"""ELFCLASS64 and ELFDATA2LSB: all that the loaders of both processors take."""
_READ_LIMIT = 1024**3
"""Above the limits of both clouds; what claims to be larger may be a bomb and is not unpacked."""
_OWN_FOLDERS = ("/var/task/", "/code/", "/opt/")
"""Where the clouds put a zip or a layer: a program there is ours to bring."""


def findings(path: Path, targets: Iterable[Target]) -> list[Finding]:
    """All that keeps the zip `path` from starting in one of the targets; raises OSError when it cannot be read."""
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return list(_of_archive(archive, path, tuple(targets)))
        except _UNREADABLE as error:
            value = str(error) or type(error).__name__
            return [Finding("ASSET-ZIP", path.name, "content", value, "a whole, plain zip", "build it again")]


def _of_archive(archive: zipfile.ZipFile, path: Path, targets: tuple[Target, ...]) -> Iterator[Finding]:
    infos = archive.infolist()
    entries = {info.filename: info for info in infos}
    yield from _names(infos)
    unpacked = sum(info.file_size for info in infos)
    for target in targets:
        yield from pack.limit_findings(path.name, "unpacked size", unpacked, target.unpacked_limit, target.source)
    if unpacked > _READ_LIMIT:
        accepts = f"at most {_READ_LIMIT} for an audit"
        yield Finding("ASSET-SIZE", path.name, "unpacked size in bytes", unpacked, accepts, pack.SMALLER)
        return
    yield from _bootstrap(archive, entries)
    yield from _handler(archive, entries)
    scripts = dict(_scripts(archive, infos))
    yield from _line_ends(scripts)
    heads: dict[PurePosixPath, elf.Elf] = {}
    for info in infos:
        yield from _head(archive, info, heads)
    modes = {PurePosixPath(name): info.external_attr >> 16 & 0o777 for name, info in entries.items()}
    found = Binaries(heads, modes)
    yield from found.findings()
    for target in targets:
        yield from _interpreters(scripts, entries, target)
        yield from found.findings_on(target)


def _names(infos: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    seen: set[str] = set()
    for info in infos:
        name = PurePosixPath(info.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in info.filename:
            accepts = "a relative path below the root of the zip"
            yield Finding("ASSET-PATH", "zip", "name", info.filename, accepts, "rename the file")
        if info.filename in seen:
            yield Finding("ASSET-PATH", "zip", "name", info.filename, "there once", "take one of the two files away")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind == stat.S_IFLNK:
            yield Finding("ASSET-PATH", info.filename, "kind", "symbolic link", "a plain file", "put a copy there")
        elif kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            yield Finding("ASSET-PATH", info.filename, "kind", "device or pipe", "a plain file", "leave it out")
        seen.add(info.filename)
    files = {info.filename for info in infos if not info.is_dir()}
    for name in sorted(files.intersection(str(folder) for file in seen for folder in PurePosixPath(file).parents)):
        yield Finding("ASSET-PATH", name, "kind", "both a file and a folder", "one of the two", "rename the file")


def _bootstrap(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> Iterator[Finding]:
    remedy = "build the zip with `make asset`"
    if "bootstrap" not in entries:
        yield Finding("ASSET-BOOTSTRAP", "zip", "bootstrap", "missing", "a file at the root", remedy, _RUNTIMES)
        return
    if not executable(entries["bootstrap"].external_attr >> 16):
        mode = oct(entries["bootstrap"].external_attr >> 16 & 0o777)
        yield Finding("ASSET-BOOTSTRAP", "bootstrap", "mode", mode, "executable for all (0o755)", remedy, _RUNTIMES)
    first = _first_line(archive, entries["bootstrap"])
    if not elf.is_elf(first) and not (first.startswith(b"#!") and first[2:].lstrip(b" \t").startswith(b"/")):
        accepts = "'#!' and an absolute path, or an ELF program"
        yield Finding("ASSET-BOOTSTRAP", "bootstrap", "first line", _text(first), accepts, remedy, _RUNTIMES)


def _handler(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> Iterator[Finding]:
    """That the module of the handler which our manifest names can be imported by the Python in the zip."""
    try:
        name = _manifest(archive, entries).get("handler")
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        remedy = "build the zip again, or leave the file out"
        yield Finding("ASSET-MANIFEST", "manifest.json", "content", str(error), "a JSON object", remedy)
        return
    if not isinstance(name, str) or "runtime/main.pyc" not in entries:
        return
    stem = (name.rpartition(".")[0] or name).replace(".", "/")
    found = [f"{stem}{end}" for end in ("/__init__.pyc", "/__init__.py", ".pyc", ".py") if f"{stem}{end}" in entries]
    if not found:
        remedy = f"create {stem}.py or correct the setting `handler`"
        yield Finding("ASSET-HANDLER", "manifest.json", "handler", name, "in a module of the zip", remedy)
        return
    expected = _magic(archive, "runtime/main.pyc")
    if found[0].endswith(".pyc") and _magic(archive, found[0]) != expected:
        accepts = f"{expected.hex()}, as in runtime/main.pyc"
        remedy = "build the zip again, all of it with one Python"
        yield Finding("ASSET-HANDLER", found[0], "bytecode", _magic(archive, found[0]).hex(), accepts, remedy)


def _manifest(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> dict[str, object]:
    if "manifest.json" not in entries:
        return {}
    manifest = json.loads(archive.read("manifest.json"))
    return manifest if isinstance(manifest, dict) else {}


def _magic(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        return file.read(4)


def _scripts(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> Iterator[tuple[str, bytes]]:
    """Name -> content of every executable file that is no ELF program."""
    for info in infos:
        if info.filename == "bootstrap" or info.external_attr >> 16 & 0o111:
            first = _first_line(archive, info)
            if first.startswith(b"#!"):
                yield info.filename, archive.read(info)


def _line_ends(scripts: Mapping[str, bytes]) -> Iterator[Finding]:
    for name, content in scripts.items():
        if b"\r" in content:
            remedy = f"write {name} with LF line ends, for example with `sed -i 's/\\r$//' {name}`"
            yield Finding("ASSET-LINE-END", name, "line end", "CR LF", "LF", remedy, _TROUBLE)


def _interpreters(
    scripts: Mapping[str, bytes], entries: Mapping[str, zipfile.ZipInfo], target: Target
) -> Iterator[Finding]:
    for name, content in scripts.items():
        words = content.split(b"\n", 1)[0][2:_LONGEST_LINE].decode(errors="replace").split()
        program = words[0] if words else ""
        ours = next((program.removeprefix(folder) for folder in _OWN_FOLDERS if program.startswith(folder)), None)
        if ours in entries or (program in target.programs and program != "/usr/bin/env"):
            continue
        if program == "/usr/bin/env" and next((word for word in words[1:] if word[0] != "-"), "") in {"sh", "bash"}:
            continue
        accepts = f"a program that {target.cloud} has, such as /bin/sh"
        remedy = f"begin {name} with `#!/bin/sh`, or bring the program in the zip and start it from there"
        yield Finding("ASSET-SHEBANG", name, "interpreter", " ".join(words), accepts, remedy, target.source)


def _head(archive: zipfile.ZipFile, info: zipfile.ZipInfo, heads: dict[PurePosixPath, elf.Elf]) -> Iterator[Finding]:
    """Adds what the ELF file says of itself to `heads`."""
    with archive.open(info) as file:
        if file.read(len(elf.MAGIC)) != elf.MAGIC:
            return
        content = elf.MAGIC + file.read()
    try:
        head = heads[PurePosixPath(info.filename)] = elf.parse(content)
        if head.machine in ARCHITECTURES and content[4:6] != _CLASS_AND_ORDER:
            order = {1: "little", 2: "big"}[content[5]]
            value = f"{head.bits}-bit, {order}-endian"
            remedy = f"put the {ARCHITECTURES[head.machine]} build of this file in its place"
            yield Finding("ASSET-MACHINE", info.filename, "format", value, "64-bit, little-endian", remedy)
    except elf.ElfError as error:
        remedy = "replace the file by a whole one, then build the zip again"
        yield Finding("ASSET-ELF", info.filename, "content", str(error), "a whole ELF file", remedy)


def _first_line(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as file:
        return file.readline(_LONGEST_LINE).rstrip(b"\r\n")


def _text(line: bytes) -> str:
    return line[:80].decode(errors="replace")
