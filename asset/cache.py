"""Keeps built zips beside a record of what they were built from; safe against a kill and against two builds at once."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kept:
    """A whole zip, and what is known of it."""

    path: Path
    sha256: str
    """Of the zip, hex."""
    size: int
    """Bytes of the zip."""
    unpacked_size: int
    """Bytes of all files in it."""


class Cache:
    """The folder `dist/` of one project: zips that others read, and `cache/` with what only the builder reads.

    Nothing is taken from it that has not the SHA-256 of its record, so a file that was cut off or edited is built anew.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder / "cache"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold off other builds of this project; the lock falls with the process, however that ends."""
        import fcntl  # not on Windows, where the build says what to do instead

        self.records.mkdir(parents=True, exist_ok=True)
        with (self.records / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for leftover in self.records.glob("*.new"):
                leftover.unlink()
            yield

    def find(self, path: Path, key: str) -> Kept | None:
        """The zip `path`, when it was built from `key` and is still whole."""
        try:
            record = json.loads(self._record(path).read_bytes())
            if record["key"] == key and record["sha256"] == _sha256(path):
                return Kept(path, record["sha256"], path.stat().st_size, record["unpacked_size"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return None

    def tree(self, name: str, fill: Callable[[Path], None]) -> Path:
        """A folder of that name, which `fill` fills once; one that was cut off is filled again."""
        folder = self.records / "trees" / name
        if not folder.is_dir():
            new = folder.with_name(f"{name}.new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            fill(new)
            new.rename(folder)
        return folder

    def new(self, path: Path) -> Path:
        """Where to write what shall become `path`; only `keep` puts it there."""
        return self.records / f"{path.name}.new"

    def keep(self, path: Path, key: str, unpacked_size: int) -> Kept:
        """Put the new zip in its place, then the record; between the two the old record does not match it."""
        new = self.new(path)
        kept = Kept(path, _sha256(new), new.stat().st_size, unpacked_size)
        new.replace(path)
        record = {"key": key, "sha256": kept.sha256, "unpacked_size": unpacked_size}
        written = self.new(self._record(path))
        written.write_text(json.dumps(record, sort_keys=True), encoding="utf-8")
        written.replace(self._record(path))
        return kept

    def _record(self, path: Path) -> Path:
        return self.records / f"{path.name}.json"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(paths: Mapping[str, Path]) -> str:
    """SHA-256 (hex) over names, places, sizes and times of files: quick, and new whenever one of them may differ."""
    total = hashlib.sha256()
    for name in sorted(paths):
        status = paths[name].stat()
        total.update(f"{name}\0{paths[name]}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\n".encode())
    return total.hexdigest()
