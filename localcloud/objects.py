"""Objects in buckets, one namespace a cloud: an S3 and an OSS bucket may have the same name."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud.crc64 import crc64

_PIECE = 1 << 18
_LAST = "\U0010ffff"
"""Sorts behind everything that may follow a prefix."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS bucket_objects (
    cloud TEXT NOT NULL, bucket TEXT NOT NULL, key TEXT NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, crc64 TEXT NOT NULL, headers TEXT NOT NULL, modified REAL NOT NULL,
    PRIMARY KEY (cloud, bucket, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, cloud TEXT NOT NULL, bucket TEXT NOT NULL, key TEXT NOT NULL,
    headers TEXT NOT NULL, initiated REAL NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    crc64 TEXT NOT NULL, modified REAL NOT NULL, PRIMARY KEY (upload, number));
"""

_COLUMNS = "bucket, key, blob, size, etag, crc64, headers, modified"


@dataclass(frozen=True)
class Content:
    """Bytes that lie complete in a file, with their digests."""

    file: Path
    size: int
    md5: str
    """Hex, lower-case."""
    sha256: str
    crc64: str
    """Decimal, as OSS writes it."""


@dataclass(frozen=True)
class StoredObject:
    """One object of a bucket."""

    bucket: str
    key: str
    blob: str
    """SHA-256 of the bytes, in hex: the name of the blob."""
    size: int
    etag: str
    """MD5 in lower-case hex; after an upload in parts that of the parts' digests, with `-` and their number."""
    crc64: str
    headers: dict[str, str]
    """Lower-case response headers that were given at the upload, such as `content-type`."""
    modified: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Part:
    """One part of a multipart upload that is not yet complete."""

    number: int
    file: Path
    size: int
    etag: str
    crc64: str
    modified: float


@dataclass(frozen=True)
class Upload:
    """A multipart upload that was begun."""

    id: str
    bucket: str
    key: str
    headers: dict[str, str]
    initiated: float


class Spool:
    """A file that grows piece by piece, and the digests of what it holds; `finish` or `discard` ends it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.NamedTemporaryFile(dir=folder, prefix="incoming-", delete=False)  # noqa: SIM115
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._crc = 0
        self.size = 0

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._md5.update(piece)
        self._sha256.update(piece)
        self._crc = crc64(piece, self._crc)
        self.size += len(piece)

    def finish(self) -> Content:
        """The complete file; whoever takes it moves it or deletes it."""
        self._file.close()
        sha256 = self._sha256.hexdigest()
        return Content(Path(self._file.name), self.size, self._md5.hexdigest(), sha256, str(self._crc))

    def discard(self) -> None:
        self._file.close()
        Path(self._file.name).unlink(missing_ok=True)


def spooled(folder: Path, pieces: Iterable[bytes]) -> Content:
    """Pieces of bytes as one file."""
    spool = Spool(folder)
    try:
        for piece in pieces:
            spool.write(piece)
    except BaseException:
        spool.discard()
        raise
    return spool.finish()


def read_pieces(file: Path, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes of a file from `start` up to before `end`, a piece at a time."""
    with file.open("rb") as source:
        source.seek(start)
        left = (end if end is not None else file.stat().st_size) - start
        while left > 0 and (piece := source.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece


class Objects:
    """The objects of one cloud (`oss` or `s3`), and its uploads in parts. Made by `Store`."""

    def __init__(self, db: sqlite3.Connection, root: Path, cloud: str) -> None:
        self._db = db
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"
        self._cloud = cloud

    def put(self, bucket: str, key: str, data: bytes | Path, headers: Mapping[str, str]) -> StoredObject:
        """Keep bytes or a file's content as an object."""
        return self.take(bucket, key, self.content(data), headers)

    def content(self, data: bytes | Path) -> Content:
        """A copy of bytes or of a file, to be taken."""
        return spooled(self._uploads, [data] if isinstance(data, bytes) else read_pieces(data))

    def take(self, bucket: str, key: str, content: Content, headers: Mapping[str, str], etag: str = "") -> StoredObject:
        """Make a complete file an object; the file is moved away. The ETag is the MD5 unless given."""
        blob = self._blobs / content.sha256
        if blob.exists():
            # Replacing a file makes ext4 write it out at once, which takes longer than all the rest.
            content.file.unlink()
        else:
            content.file.rename(blob)
        stored = StoredObject(
            bucket, key, content.sha256, content.size, etag or content.md5, content.crc64, dict(headers), time.time()
        )
        self.insert(stored)
        return stored

    def insert(self, stored: StoredObject) -> None:
        """Keep an object whose blob is there already."""
        self._db.execute(
            f"INSERT OR REPLACE INTO bucket_objects (cloud, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                self._cloud,
                stored.bucket,
                stored.key,
                stored.blob,
                stored.size,
                stored.etag,
                stored.crc64,
                json.dumps(stored.headers),
                stored.modified,
            ),
        )

    def get(self, bucket: str, key: str) -> StoredObject | None:
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM bucket_objects WHERE cloud = ? AND bucket = ? AND key = ?",  # noqa: S608
            (self._cloud, bucket, key),
        ).fetchone()
        return _object(row) if row else None

    def list(self, bucket: str, prefix: str = "", after: str = "", limit: int = -1) -> list[StoredObject]:
        """The objects with a key that begins with `prefix` and comes after `after`, in order of the keys' UTF-8."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM bucket_objects WHERE cloud = ? AND bucket = ? AND key > ? AND key >= ?"  # noqa: S608
            " AND key < ? ORDER BY key LIMIT ?",
            (self._cloud, bucket, after, prefix, prefix + _LAST, limit),
        )
        return [_object(row) for row in rows]

    def delete(self, bucket: str, key: str) -> None:
        self._db.execute(
            "DELETE FROM bucket_objects WHERE cloud = ? AND bucket = ? AND key = ?", (self._cloud, bucket, key)
        )

    # Uploads in parts

    def begin_upload(self, bucket: str, key: str, headers: Mapping[str, str]) -> Upload:
        upload = Upload(secrets.token_hex(16).upper(), bucket, key, dict(headers), time.time())
        self._db.execute(
            "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)",
            (upload.id, self._cloud, bucket, key, json.dumps(upload.headers), upload.initiated),
        )
        return upload

    def upload(self, bucket: str, key: str, id_: str) -> Upload | None:
        row = self._db.execute(
            "SELECT id, bucket, key, headers, initiated FROM uploads"
            " WHERE id = ? AND cloud = ? AND bucket = ? AND key = ?",
            (id_, self._cloud, bucket, key),
        ).fetchone()
        return _upload(row) if row else None

    def list_uploads(self, bucket: str, prefix: str = "") -> list[Upload]:
        """The uploads that are neither complete nor aborted, by key and then by id."""
        rows = self._db.execute(
            "SELECT id, bucket, key, headers, initiated FROM uploads WHERE cloud = ? AND bucket = ? ORDER BY key, id",
            (self._cloud, bucket),
        )
        return [_upload(row) for row in rows if row[2].startswith(prefix)]

    def put_part(self, upload: Upload, number: int, content: Content) -> Part:
        """Keep a part; one with the same number is replaced."""
        folder = self._uploads / upload.id
        folder.mkdir(exist_ok=True)
        part = Part(number, folder / str(number), content.size, content.md5, content.crc64, time.time())
        content.file.rename(part.file)
        self._db.execute(
            "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)",
            (upload.id, number, str(number), part.size, part.etag, part.crc64, part.modified),
        )
        return part

    def parts(self, upload: Upload) -> list[Part]:
        """The parts that have arrived, by number."""
        rows = self._db.execute(
            "SELECT number, file, size, etag, crc64, modified FROM parts WHERE upload = ? ORDER BY number",
            (upload.id,),
        )
        return [Part(row[0], self._uploads / upload.id / row[1], *row[2:]) for row in rows]

    def complete_upload(self, upload: Upload, parts: Sequence[Part]) -> StoredObject:
        """Make an object of these parts, one behind the other, and forget the upload."""
        content = spooled(self._uploads, (piece for part in parts for piece in read_pieces(part.file)))
        digests = b"".join(bytes.fromhex(part.etag) for part in parts)
        etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
        stored = self.take(upload.bucket, upload.key, content, upload.headers, etag)
        self.end_upload(upload)
        return stored

    def end_upload(self, upload: Upload) -> None:
        """Forget an upload and its parts."""
        for part in self.parts(upload):
            part.file.unlink(missing_ok=True)
        if (self._uploads / upload.id).exists():
            (self._uploads / upload.id).rmdir()
        self._db.execute("DELETE FROM parts WHERE upload = ?", (upload.id,))
        self._db.execute("DELETE FROM uploads WHERE id = ?", (upload.id,))


def after_prefix(prefix: str) -> str:
    """A key behind every key that begins with a prefix."""
    return prefix + _LAST


def migrate(db: sqlite3.Connection, clouds: Mapping[str, str], root: Path) -> None:
    """Take over objects from a state that knew one namespace only; `clouds` names each cloud's bucket type."""
    if not _has_old(db):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it meanwhile.
        if _has_old(db):
            for cloud, type_ in clouds.items():
                _copy_old(Objects(db, root, cloud), db, type_)
            db.execute("DROP TABLE objects")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _has_old(db: sqlite3.Connection) -> bool:
    return bool(db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'objects'").fetchone())


def _copy_old(objects: Objects, db: sqlite3.Connection, type_: str) -> None:
    rows = db.execute(
        "SELECT bucket, key, blob, size, headers, modified FROM objects"
        " WHERE bucket IN (SELECT id FROM resources WHERE type = ?)",
        (type_,),
    ).fetchall()
    for bucket, key, blob, size, headers, modified in rows:
        md5, crc = _digests(objects, blob)
        objects.insert(StoredObject(bucket, key, blob, size, md5, crc, json.loads(headers), modified))


def _digests(objects: Objects, blob: str) -> tuple[str, str]:
    content = objects.content(objects._blobs / blob)  # noqa: SLF001 - the same module's class
    content.file.unlink()
    return content.md5, content.crc64


def _object(row: tuple[str, str, str, int, str, str, str, float]) -> StoredObject:
    return StoredObject(*row[:6], json.loads(row[6]), row[7])


def _upload(row: tuple[str, str, str, str, float]) -> Upload:
    return Upload(row[0], row[1], row[2], json.loads(row[3]), row[4])
