"""Unpacks a zip or tar.gz that anybody may have made: plain files and folders only, within limits.

The limits hold for what really comes out of the decompressor; what headers claim is never believed. Nothing is ever
written through a link, since none is made, and nothing over a file, since a name may come once.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from handlers.site_build.problem import SiteBuildError, of_disk

FILES = 20_000
"""Entries of an archive, folders included."""
FILE_BYTES = 512 * 1024 * 1024
TOTAL_BYTES = 2 * 1024 * 1024 * 1024
RATIO = 100
"""Bytes out of the decompressor for one byte of the archive, once `RATIO_FROM` bytes are out."""
RATIO_FROM = 64 * 1024 * 1024
NAME_BYTES, PATH_BYTES, DEPTH = 255, 1024, 40
_METADATA = 16 * 1024 * 1024
"""Bytes of a zip's directory, which is read at once."""
_TAR_HEADER = 1024 * 1024
_CHUNK = 256 * 1024
_ZIP, _GZIP = b"PK", b"\x1f\x8b"


@dataclass(frozen=True)
class Unpacked:
    """What came out."""

    files: int
    size: int
    names: frozenset[str]
    """The files' own names, without folders."""
    skipped: int
    """Entries below node_modules and what systems leave in archives."""


@dataclass
class _Target:
    folder: Path
    archive_size: int
    owner: int | None
    entries: int = 0
    size: int = 0
    skipped: int = 0
    kinds: dict[str, bool] = field(default_factory=dict)
    """Every path made so far → whether it is a file."""

    def count(self) -> None:
        self.entries += 1
        if self.entries > FILES:
            raise _refused("number of entries", f"more than {FILES:,}", f"at most {FILES:,}")

    def grow(self, size: int) -> None:
        self.size += size
        if self.size > TOTAL_BYTES:
            raise _refused("unpacked size", f"more than {TOTAL_BYTES:,} bytes", f"at most {TOTAL_BYTES:,} bytes")
        require_ratio(self.size, self.archive_size)

    def add_folder(self, parts: list[str]) -> None:
        for end in range(1, len(parts) + 1):
            name = "/".join(parts[:end])
            if self.kinds.setdefault(name, False):
                raise _refused("entry", repr(name), "either a file or a folder")
            path = self.folder / name
            if not path.is_dir():
                path.mkdir(mode=0o755)
                self._own(path)

    def add_file(self, parts: list[str], source: IO[bytes], *, executable: bool) -> None:
        name = "/".join(parts)
        if name in self.kinds:
            raise _refused("entry", repr(name), "there once only")
        self.add_folder(parts[:-1])
        self.kinds[name] = True
        path = self.folder / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        written = 0
        with os.fdopen(os.open(path, flags, 0o755 if executable else 0o644), "wb") as file:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > FILE_BYTES:
                    raise _refused("size of " + repr(name), f"more than {FILE_BYTES:,} bytes", "less")
                self.grow(len(chunk))
                file.write(chunk)
        self._own(path)

    def _own(self, path: Path) -> None:
        if self.owner is not None:
            os.chown(path, self.owner, self.owner, follow_symlinks=False)


def unpack(archive: Path, folder: Path, owner: int | None = None) -> Unpacked:
    """Unpack into the empty `folder`, owned by the uid `owner`; raises SiteBuildError."""
    target = _Target(folder, archive.stat().st_size, owner)
    with archive.open("rb") as file:
        start = file.read(2)
        file.seek(0)
        try:
            if start == _ZIP:
                _zip(file, target)
            elif start == _GZIP:
                _tar(file, target)
            else:
                raise _refused("kind of archive", f"a file that begins with {start!r}", "a .zip or a .tar.gz")
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise _refused("content", f"damaged ({error})", "a whole .zip or .tar.gz") from error
        except (NotImplementedError, RuntimeError, UnicodeError, ValueError) as error:
            raise _refused("content", f"not readable ({error})", "without encryption, stored or deflated") from error
        except OSError as error:
            raise of_disk(error) from error
    files = [name for name, is_file in target.kinds.items() if is_file]
    return Unpacked(len(files), target.size, frozenset(name.rpartition("/")[2] for name in files), target.skipped)


def require_ratio(size: int, compressed: int) -> None:
    """Raise SiteBuildError when so many bytes from so few are no project but a bomb."""
    if size > RATIO_FROM and size > RATIO * compressed:
        raise _refused("ratio of unpacked to packed bytes", f"above {RATIO}", f"at most {RATIO}")


def _zip(file: IO[bytes], target: _Target) -> None:
    with zipfile.ZipFile(_Bounded(file)) as archive:  # pyright: ignore[reportArgumentType]
        for info in archive.infolist():
            target.count()
            mode = info.external_attr >> 16
            kind = stat.S_IFMT(mode)
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise _refused("entry", repr(info.filename), "a plain file or a folder, no link and no device")
            parts = _parts(info.filename)
            if _is_skipped(parts):
                target.skipped += 1
            elif info.is_dir():
                target.add_folder(parts)
            else:
                with archive.open(info) as source:
                    target.add_file(parts, source, executable=bool(mode & stat.S_IXUSR))


class _Bounded:
    """A file whose single reads are bounded: zipfile reads a directory of whatever size at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size > _METADATA:
            raise _refused("directory of the zip", f"{size:,} bytes", f"at most {_METADATA:,} bytes")
        return self._file.read(size)


def _tar(file: IO[bytes], target: _Target) -> None:
    stream = _Stream(gzip.GzipFile(fileobj=file), target.archive_size)
    with tarfile.open(fileobj=stream, mode="r:") as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for member in archive:
            target.count()
            parts = _parts(member.name)
            if _is_skipped(parts):
                target.skipped += 1
            elif member.isdir():
                target.add_folder(parts)
            elif member.isreg() and not member.issparse():
                source = archive.extractfile(member)
                assert source is not None
                target.add_file(parts, source, executable=bool(member.mode & stat.S_IXUSR))
            else:
                raise _refused("entry", repr(member.name), "a plain file or a folder, no link and no device")
            archive.members = []  # pyright: ignore[reportAttributeAccessIssue] - what was read is not kept, however many there are


class _Stream(io.RawIOBase):
    """Counts what the decompressor gives, also between files, and bounds what tarfile reads at once as a header."""

    def __init__(self, source: gzip.GzipFile, archive_size: int) -> None:
        self._source = source
        self._archive_size = archive_size
        self._highest = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _TAR_HEADER:
            raise _refused("header of the tar", f"{size:,} bytes", f"at most {_TAR_HEADER:,} bytes")
        data = self._source.read(size)
        self._count()
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence or offset < self._source.tell() - 2 * _TAR_HEADER:
            raise tarfile.ReadError("entries out of order")
        while (left := offset - self._source.tell()) > 0:
            if not self._source.read(min(left, _CHUNK)):
                break
            self._count()
        return self._source.seek(offset)

    def tell(self) -> int:
        return self._source.tell()

    def seekable(self) -> bool:
        return True

    def _count(self) -> None:
        self._highest = max(self._highest, self._source.tell())
        if self._highest > 2 * TOTAL_BYTES:
            raise _refused("unpacked size", f"more than {2 * TOTAL_BYTES:,} bytes", f"at most {TOTAL_BYTES:,} bytes")
        require_ratio(self._highest, self._archive_size)


def _parts(name: str) -> list[str]:
    if not name or name.startswith("/") or "\\" in name or any(ord(letter) < 32 for letter in name):
        raise _refused("name", repr(name[:200]), "relative, with / between folders and without control characters")
    parts = [part for part in name.removesuffix("/").split("/") if part != "."]
    if any(part in {"", ".."} for part in parts) or (parts and parts[0][1:2] == ":"):
        raise _refused("name", repr(name[:200]), "inside the project, without .. and empty parts")
    if len(parts) > DEPTH or len(os.fsencode(name)) > PATH_BYTES or _longest(parts) > NAME_BYTES:
        accepts = f"at most {DEPTH} folders deep, {PATH_BYTES} bytes long and {NAME_BYTES} bytes a part"
        raise _refused("name", repr(name[:200]), accepts)
    return parts


def _longest(parts: list[str]) -> int:
    return max((len(os.fsencode(part)) for part in parts), default=0)


def _is_skipped(parts: list[str]) -> bool:
    return not parts or "node_modules" in parts or parts[0] == "__MACOSX" or parts[-1] == ".DS_Store"


def _refused(what: str, value: str, accepts: str) -> SiteBuildError:
    return SiteBuildError(
        f"The archive's {what} is {value}, but must be {accepts}; pack the project's sources without node_modules "
        "and build results, and upload it again."
    )
