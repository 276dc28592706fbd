"""A code blob becomes a folder, once per digest: what the clouds do when they lay a zip under /var/task or /code."""

from __future__ import annotations

import asyncio
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MAX_UNPACKED_BYTES = 1 << 30
"""Bound against zip bombs. The clouds' own, smaller limits are judged by the control plane at the deployment."""

_UNIX = 3
_WRITE_BITS = 0o222
_PIECE = 1 << 16


class PackageError(Exception):
    """The bytes are no zip that can be laid out safely; the message says why in one sentence."""


class Packages:
    """The unpacked folders below one root, named by the digest of their zip."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._locks: dict[str, asyncio.Lock] = {}

    async def folder(self, digest: str, blob: Path) -> Path:
        """The read-only folder with the content of the zip `blob`; raises PackageError."""
        target = self._root / digest
        async with self._locks.setdefault(digest, asyncio.Lock()):
            if not target.exists():
                await asyncio.to_thread(unpack, blob, target)
        return target


def unpack(blob: Path, target: Path) -> None:
    """Lay out a zip as `target`, complete or not at all; modes are kept, write permission is taken away.

    Raises PackageError for an entry that would leave the folder, is a link or device, comes twice, or when
    the whole is larger than MAX_UNPACKED_BYTES.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    working = Path(tempfile.mkdtemp(dir=target.parent, prefix="unpacking-"))
    try:
        with zipfile.ZipFile(blob) as archive:
            _extract(archive, working)
        _make_read_only(working)
        working.rename(target)
    except (zipfile.BadZipFile, FileNotFoundError, RuntimeError, EOFError) as error:
        raise PackageError(f"The deployed package is not a readable zip: {error}.") from error
    finally:
        if working.exists():
            remove(working)


def remove(folder: Path) -> None:
    """Delete an unpacked folder although its directories are read-only."""
    for directory in _directories(folder):
        directory.chmod(0o700)
    shutil.rmtree(folder)


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    left = MAX_UNPACKED_BYTES
    for entry in archive.infolist():
        path = folder / _safe_name(entry)
        if entry.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        left -= _write(archive, entry, path, left)
        path.chmod(_mode(entry) & ~_WRITE_BITS)


def _safe_name(entry: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(entry.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in entry.filename:
        raise PackageError(f"The deployed package has the entry {entry.filename!r}, which leads out of its folder.")
    kind = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == _UNIX else 0
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise PackageError(f"The deployed package has the entry {entry.filename!r}, which is a link or device.")
    return name


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int) -> int:
    written = 0
    try:
        with archive.open(entry) as source, path.open("xb") as sink:
            while piece := source.read(_PIECE):
                written += len(piece)
                if written > left:
                    raise PackageError(f"The deployed package unpacks to more than {MAX_UNPACKED_BYTES} bytes.")
                sink.write(piece)
    except FileExistsError as error:
        raise PackageError(f"The deployed package has the entry {entry.filename!r} twice.") from error
    return written


def _mode(entry: zipfile.ZipInfo) -> int:
    mode = stat.S_IMODE(entry.external_attr >> 16) & 0o777 if entry.create_system == _UNIX else 0
    return mode or 0o644


def _make_read_only(folder: Path) -> None:
    for directory in _directories(folder):
        directory.chmod(0o555)


def _directories(folder: Path) -> Iterator[Path]:
    yield folder
    yield from [path for path in folder.rglob("*") if path.is_dir()]
