"""The state of the local clouds: what exists, the bytes behind it, and what was logged.

Both planes work on the same folder. The control plane (short-lived provider processes) writes resources,
blobs and objects; the data plane (one long-lived process) reads them and writes logs. SQLite in WAL mode
keeps that safe across processes and across a kill at any point: a blob is complete before a row names it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.objects import SCHEMA, Objects, migrate

LOCAL_DIR_VARIABLE = "ISTHMUS_LOCAL_DIR"
"""Environment variable that names the folder of the local clouds' state."""

_BUSY_SECONDS = 30.0
_KEPT_LOG_LINES = 20_000
_TRIM_EVERY = 500
_BUCKET_TYPES = {"oss": "alicloud:oss/bucket:Bucket", "s3": "aws:s3/bucket:Bucket"}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    type TEXT NOT NULL, id TEXT NOT NULL, urn TEXT NOT NULL,
    properties TEXT NOT NULL, private TEXT NOT NULL, PRIMARY KEY (type, id));
CREATE TABLE IF NOT EXISTS invocations (
    id TEXT PRIMARY KEY, function TEXT NOT NULL, payload BLOB NOT NULL, submitted REAL NOT NULL,
    attempts INTEGER NOT NULL, due REAL NOT NULL, cause TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS logs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, log_group TEXT NOT NULL, stream TEXT NOT NULL,
    time REAL NOT NULL, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS logs_by_group ON logs (log_group, number);
"""


@dataclass(frozen=True)
class Resource:
    """One thing that exists in a local cloud.

    `properties` is its Pulumi state (camelCase, the values that the engine saw, no secrets wrapped);
    `private` is what only the cloud knows: digests of code blobs, published versions, keys.
    """

    type: str
    """Pulumi type token, such as `aws:lambda/function:Function`."""
    id: str
    urn: str
    properties: dict[str, Any]
    private: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class QueuedInvocation:
    """One asynchronous invocation that is not yet done."""

    id: str
    """The request id."""
    function: str
    payload: bytes
    submitted: float
    """Seconds since the epoch, like `due`."""
    attempts: int
    """How often it was tried."""
    due: float
    cause: str
    """What asked for it, for the log."""


@dataclass(frozen=True)
class LogLine:
    """One line of a function's log."""

    number: int
    log_group: str
    stream: str
    time: float
    message: str


class Store:
    """The state in one folder. Safe to open from several processes; one instance is for one thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(root / "cloud.db", timeout=_BUSY_SECONDS, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA + SCHEMA)
        migrate(self._db, _BUCKET_TYPES, root)
        self.oss = Objects(self._db, root, "oss")
        self.s3 = Objects(self._db, root, "s3")

    @classmethod
    def from_environment(cls) -> Store:
        """Open the folder named by `ISTHMUS_LOCAL_DIR`; raises RuntimeError when it is not set."""
        root = os.environ.get(LOCAL_DIR_VARIABLE)
        if not root:
            raise RuntimeError(f"{LOCAL_DIR_VARIABLE} is not set: it names the folder of the local clouds' state.")
        return cls(Path(root))

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the writes inside happen together or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Resources

    def put(self, resource: Resource) -> None:
        """Create the resource or replace it as a whole."""
        self._db.execute(
            "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?)",
            (
                resource.type,
                resource.id,
                resource.urn,
                json.dumps(resource.properties),
                json.dumps(resource.private),
            ),
        )

    def get(self, type_: str, id_: str) -> Resource | None:
        row = self._db.execute("SELECT * FROM resources WHERE type = ? AND id = ?", (type_, id_)).fetchone()
        return _resource(row) if row else None

    def list(self, type_: str) -> list[Resource]:
        """Every resource of a type, ordered by id."""
        rows = self._db.execute("SELECT * FROM resources WHERE type = ? ORDER BY id", (type_,))
        return [_resource(row) for row in rows]

    def find(self, type_: str, **properties: Any) -> list[Resource]:
        """The resources of a type whose properties have all the given values."""
        wanted = properties.items()
        return [
            resource
            for resource in self.list(type_)
            if all(resource.properties.get(key) == value for key, value in wanted)
        ]

    def delete(self, type_: str, id_: str) -> None:
        self._db.execute("DELETE FROM resources WHERE type = ? AND id = ?", (type_, id_))

    def revision(self) -> int:
        """A number that differs whenever another connection has written since: what a cache is checked against."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    # Blobs

    def put_blob(self, data: bytes | Path) -> str:
        """Keep bytes or a file's content and return its SHA-256 in hex."""
        digest = _digest(data)
        target = self.blob_path(digest)
        if not target.exists():
            with tempfile.NamedTemporaryFile(dir=self._blobs, delete=False) as temporary:
                if isinstance(data, bytes):
                    temporary.write(data)
                else:
                    with data.open("rb") as source:
                        shutil.copyfileobj(source, temporary)
            Path(temporary.name).rename(target)
        return digest

    def blob_path(self, digest: str) -> Path:
        return self._blobs / digest

    # Asynchronous invocations

    def enqueue(self, invocation: QueuedInvocation) -> None:
        """Add an invocation or replace it as a whole."""
        values = (
            invocation.id,
            invocation.function,
            invocation.payload,
            invocation.submitted,
            invocation.attempts,
            invocation.due,
            invocation.cause,
        )
        self._db.execute("INSERT OR REPLACE INTO invocations VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def queued(self) -> list[QueuedInvocation]:
        """Every invocation that is not yet done, the next one first."""
        return [QueuedInvocation(*row) for row in self._db.execute("SELECT * FROM invocations ORDER BY due, submitted")]

    def dequeue(self, id_: str) -> None:
        self._db.execute("DELETE FROM invocations WHERE id = ?", (id_,))

    # Logs

    def append_log(self, log_group: str, stream: str, message: str) -> None:
        """Add one line; the oldest lines go when a great many have gathered."""
        number = self._db.execute(
            "INSERT INTO logs (log_group, stream, time, message) VALUES (?, ?, ?, ?)",
            (log_group, stream, time.time(), message),
        ).lastrowid
        if number and number % _TRIM_EVERY == 0:
            self._db.execute("DELETE FROM logs WHERE number <= ?", (number - _KEPT_LOG_LINES,))

    def read_logs(self, log_group: str, after: int = 0) -> list[LogLine]:
        """The lines of a group with a number above `after`, oldest first."""
        rows = self._db.execute(
            "SELECT * FROM logs WHERE log_group = ? AND number > ? ORDER BY number", (log_group, after)
        )
        return [LogLine(*row) for row in rows]


def _resource(row: tuple[str, str, str, str, str]) -> Resource:
    return Resource(row[0], row[1], row[2], json.loads(row[3]), json.loads(row[4]))


def _digest(data: bytes | Path) -> str:
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    with data.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
