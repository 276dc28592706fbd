"""Reads the part of an ELF file that decides whether it can be loaded, with the standard library alone.

Works from program headers only, as the dynamic loader does, so a file without section headers reads the same.
Layout: "Tool Interface Standard (TIS) Executable and Linking Format", version 1.2, and "Linux Standard Base Core
Specification", chapter "Symbol Versioning".
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"\x7fELF"
X86_64 = 62
AARCH64 = 183

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_STRSZ, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 5, 10, 14, 15, 29
_DT_VERDEF, _DT_VERDEFNUM = 0x6FFFFFFC, 0x6FFFFFFD
_DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
_EXTENDED_COUNT = 0xFFFF
_NAMES_THE_FILE = 1
"""VER_FLG_BASE: this entry is the library's own name, no version."""
_LONGEST_STRING = 4096
"""PATH_MAX of Linux; what is longer can name no file, and reading it again and again would take for ever."""

Buffer = bytes | mmap.mmap


class ElfError(ValueError):
    """The bytes are no ELF file, or one that ends or points outside itself."""


@dataclass(frozen=True)
class Elf:
    """What one ELF file asks of the system that loads it."""

    bits: int
    """32 or 64."""
    machine: int
    """`e_machine`, such as `X86_64`."""
    interpreter: str | None
    """Absolute path of the dynamic loader (PT_INTERP); None for a library and for a static program."""
    soname: str | None
    needed: tuple[str, ...]
    """Libraries named by DT_NEEDED, in the order of the file."""
    rpath: tuple[str, ...]
    runpath: tuple[str, ...]
    versions: Mapping[str, tuple[str, ...]]
    """Needed library -> symbol versions that it must offer, such as `GLIBC_2.17`."""
    defined: tuple[str, ...]
    """Symbol versions that this library offers."""
    loaded_size: int
    """Bytes from the start of the file that segments, program headers or the ELF header cover."""


def is_elf(data: Buffer) -> bool:
    return data[:4] == MAGIC


def read(path: Path) -> Elf:
    """Read an ELF file; raises ElfError for what is none, OSError for what cannot be read."""
    with path.open("rb") as file:
        try:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise ElfError("the file is empty") from error
        with view:
            return parse(view)


def parse(data: Buffer) -> Elf:
    """Parse the bytes of an ELF file; raises ElfError, whatever the bytes are."""
    try:
        return _Reader(data).read()
    except (struct.error, IndexError, OverflowError, UnicodeDecodeError) as error:
        raise ElfError(f"the file is truncated or damaged: {error}") from error


def without_sections(data: bytes) -> bytes:
    """Cut off everything that is only for linkers and debuggers: symbols, debug data, the section table.

    What `strip` does, but the same on a machine without binutils and for a foreign processor.
    """
    elf = parse(data)
    kept = bytearray(data[: elf.loaded_size])
    wide = elf.bits == 64
    _put(kept, 40 if wide else 32, bytes(8 if wide else 4))  # e_shoff
    _put(kept, 60 if wide else 48, bytes(4))  # e_shnum, e_shstrndx
    return bytes(kept)


def _put(target: bytearray, offset: int, value: bytes) -> None:
    target[offset : offset + len(value)] = value


@dataclass(frozen=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


class _Reader:
    def __init__(self, data: Buffer) -> None:
        if not is_elf(data):
            raise ElfError("the file does not begin as an ELF file does")
        self.data = data
        self.wide = {1: False, 2: True}.get(data[4])
        self.order = {1: "<", 2: ">"}.get(data[5])
        if self.wide is None or self.order is None:
            raise ElfError("the file's class or byte order is unknown")

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from(f"{self.order}{layout}", self.data, offset)

    def read(self) -> Elf:
        machine = self.unpack("H", 18)[0]
        header_size, entry_size, count = self.unpack("HHH", 52 if self.wide else 40)
        table = self.unpack("Q" if self.wide else "I", 32 if self.wide else 28)[0]
        if count == _EXTENDED_COUNT:
            raise ElfError("the file has more program headers than this reader takes")
        segments = [self.segment(table + index * entry_size) for index in range(count)]
        loaded_size = max([header_size, table + count * entry_size, *(s.offset + s.size for s in segments)])
        if loaded_size > len(self.data):
            raise ElfError(f"the file is truncated: {loaded_size} bytes are described, {len(self.data)} are there")
        dynamic = self.dynamic(segments)
        string = _Strings(self.data, segments, dynamic)
        return Elf(
            bits=64 if self.wide else 32,
            machine=machine,
            interpreter=self.interpreter(segments),
            soname=next(string.all(_DT_SONAME), None),
            needed=tuple(string.all(_DT_NEEDED)),
            rpath=_paths(string.all(_DT_RPATH)),
            runpath=_paths(string.all(_DT_RUNPATH)),
            versions=self.versions(segments, dynamic, string),
            defined=tuple(self.defined(segments, dynamic, string)),
            loaded_size=loaded_size,
        )

    def segment(self, offset: int) -> _Segment:
        if self.wide:
            kind, _, start, address, _, size = self.unpack("IIQQQQ", offset)
        else:
            kind, start, address, _, size = self.unpack("IIIII", offset)
        return _Segment(kind, start, address, size)

    def interpreter(self, segments: list[_Segment]) -> str | None:
        for segment in segments:
            if segment.kind == _PT_INTERP:
                return self.data[segment.offset : segment.offset + segment.size].rstrip(b"\0").decode()
        return None

    def dynamic(self, segments: list[_Segment]) -> list[tuple[int, int]]:
        """(tag, value) pairs up to DT_NULL."""
        entries: list[tuple[int, int]] = []
        found = next((segment for segment in segments if segment.kind == _PT_DYNAMIC), None)
        if found is None:
            return entries
        step = 16 if self.wide else 8
        for offset in range(found.offset, found.offset + found.size, step):
            tag, value = self.unpack("QQ" if self.wide else "II", offset)
            if tag == 0:
                break
            entries.append((tag, value))
        return entries

    def versions(
        self, segments: list[_Segment], dynamic: list[tuple[int, int]], string: _Strings
    ) -> Mapping[str, tuple[str, ...]]:
        tags = dict(dynamic)
        if _DT_VERNEED not in tags:
            return {}
        budget = self.entries()
        offset = _file_offset(segments, tags[_DT_VERNEED])
        found: dict[str, tuple[str, ...]] = {}
        for _ in range(tags.get(_DT_VERNEEDNUM, 0)):
            _, count, library, first, step = self.unpack("HHIII", offset)
            budget -= count + 1
            if budget < 0:
                raise ElfError("the table of needed versions overlaps itself")
            names = tuple(string.at(name) for name in self.version_names(offset + first, count))
            key = string.at(library)
            found[key] = found.get(key, ()) + names
            if step == 0:
                break
            offset += step
        return found

    def defined(self, segments: list[_Segment], dynamic: list[tuple[int, int]], string: _Strings) -> Iterator[str]:
        tags = dict(dynamic)
        if _DT_VERDEF not in tags:
            return
        offset = _file_offset(segments, tags[_DT_VERDEF])
        if tags.get(_DT_VERDEFNUM, 0) > self.entries():
            raise ElfError("the table of offered versions overlaps itself")
        for _ in range(tags.get(_DT_VERDEFNUM, 0)):
            _, flags, _, _, _, first, step = self.unpack("HHHHIII", offset)
            if not flags & _NAMES_THE_FILE:
                yield string.at(self.unpack("II", offset + first)[0])
            if step == 0:
                return
            offset += step

    def entries(self) -> int:
        """An entry of a version table takes 16 bytes or more: a longer table overlaps itself."""
        return len(self.data) // 16

    def version_names(self, offset: int, count: int) -> Iterator[int]:
        for _ in range(count):
            _, _, _, name, step = self.unpack("IHHII", offset)
            yield name
            if step == 0:
                return
            offset += step


class _Strings:
    """The dynamic string table and what the dynamic section points at in it."""

    def __init__(self, data: Buffer, segments: list[_Segment], dynamic: list[tuple[int, int]]) -> None:
        self.dynamic = dynamic
        tags = dict(dynamic)
        start = _file_offset(segments, tags[_DT_STRTAB]) if _DT_STRTAB in tags else 0
        self.table = data[start : start + tags.get(_DT_STRSZ, 0)]

    def all(self, tag: int) -> Iterator[str]:
        return (self.at(value) for key, value in self.dynamic if key == tag)

    def at(self, offset: int) -> str:
        end = self.table.find(b"\0", offset, offset + _LONGEST_STRING)
        if offset >= len(self.table) or end < 0:
            raise ElfError(f"the string at {offset} is too long or lies outside its table")
        return self.table[offset:end].decode()


def _file_offset(segments: list[_Segment], address: int) -> int:
    for segment in segments:
        if segment.kind == _PT_LOAD and segment.address <= address < segment.address + segment.size:
            return address - segment.address + segment.offset
    raise ElfError(f"address {address:#x} lies in no segment")


def _paths(values: Iterator[str]) -> tuple[str, ...]:
    return tuple(path for value in values for path in value.split(":") if path)
