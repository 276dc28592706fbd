"""Writes zips whose bytes depend only on their members: fixed order, time, modes, host system and compression."""

from __future__ import annotations

import hashlib
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rules.finding import Finding

PLAIN = 0o644
PROGRAM = 0o755

SMALLER = "take large data files out of handlers/ and read them from a bucket at run time"
"""What to do about a zip above a limit."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


@dataclass(frozen=True)
class Member:
    """One file of a zip."""

    data: bytes
    mode: int = PLAIN


def write(path: Path, members: Mapping[str, Member], base: Path | None = None) -> None:
    """Write `members`, sorted by name, to the zip `path`, after the members of the zip `base`.

    The members of `base` are taken over compressed as they are.
    """
    if base is not None:
        shutil.copyfile(base, path)
    with zipfile.ZipFile(path, "w" if base is None else "a") as archive:
        for name in sorted(members):
            archive.writestr(_info(name, members[name].mode), members[name].data, compresslevel=9)


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = _UNIX
    info.external_attr = (stat.S_IFREG | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def digest(members: Mapping[str, Member]) -> str:
    """SHA-256 (hex) over names, modes and contents."""
    total = hashlib.sha256()
    for name in sorted(members):
        content = hashlib.sha256(members[name].data).hexdigest()
        total.update(f"{name}\0{members[name].mode:o}\0{content}\n".encode())
    return total.hexdigest()


def unpacked_size(members: Mapping[str, Member]) -> int:
    """Bytes that the members take once unpacked."""
    return sum(len(member.data) for member in members.values())


def limit_findings(name: str, field: str, size: int, limit: int | None, source: str = "") -> Iterator[Finding]:
    """What a cloud says when `field` of the zip `name`, in bytes, is above its limit; None for no limit."""
    if limit is not None and size > limit:
        yield Finding("ASSET-SIZE", name, f"{field} in bytes", size, f"at most {limit}", SMALLER, source)
