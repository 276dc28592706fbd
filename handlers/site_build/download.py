"""Fetches the source: resumed where it broke off, of a bounded size, and compared with what the store says of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from handlers.site_build import crc64
from handlers.site_build.problem import SiteBuildError, of_disk
from handlers.site_build.store import Store

LIMIT = 500 * 1024 * 1024
"""Bytes of an archive."""
_MD5 = re.compile(r"[0-9a-f]{32}")


class _File:
    """Where the bytes go; knows how far it has come."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.restart()

    def restart(self) -> None:
        self.size = 0
        self.crc = 0
        self.md5 = hashlib.md5(usedforsecurity=False)
        self._file.seek(0)
        self._file.truncate()

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        if status != 206:  # a store that ignores the range sends everything again
            self.restart()
        if int(headers.get("content-length") or 0) + self.size > LIMIT:
            raise _too_big(self.size + int(headers["content-length"]))

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > LIMIT:
            raise _too_big(self.size)
        self.crc = crc64.update(self.crc, chunk)
        self.md5.update(chunk)
        try:
            self._file.write(chunk)
        except OSError as error:
            raise of_disk(error) from error


def fetch(store: Store, key: str, etag: str, path: Path) -> int:
    """Write the object to `path`; its size in bytes.

    `etag` as the store tells it, with its quotes. Raises SiteBuildError, also when the object has another one by now.
    """
    with path.open("wb") as file:
        target = _File(file)

        def more() -> Mapping[str, str]:
            resumed = {"Range": f"bytes={target.size}-"} if target.size else {}
            return {"If-Match": etag, **resumed}

        try:
            answer = store.get_to(key, target, more)
        except SiteBuildError as error:
            if " with 412" in str(error):
                raise SiteBuildError(
                    f"{key} was replaced while it was being read; the event of the new upload builds it."
                ) from error
            raise
    _compare(key, target, answer.headers, etag.strip('"').lower())
    return target.size


def _compare(key: str, target: _File, headers: Mapping[str, str], etag: str) -> None:
    crc = headers.get("x-oss-hash-crc64ecma")
    single = headers.get("x-oss-object-type", "Normal") == "Normal" and _MD5.fullmatch(etag) is not None
    encrypted = headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
    if crc is not None and crc != str(target.crc):
        raise _damaged(key, "CRC-64", crc, str(target.crc))
    if crc is None and single and not encrypted and target.md5.hexdigest() != etag:
        raise _damaged(key, "MD5", etag, target.md5.hexdigest())


def _damaged(key: str, kind: str, wanted: str, found: str) -> SiteBuildError:
    return SiteBuildError(
        f"{key} came damaged: its {kind} is {found}, but must be {wanted}; send the event again.", worth_retry=True
    )


def _too_big(size: int) -> SiteBuildError:
    return SiteBuildError(
        f"The archive has {size:,} bytes or more, but must have at most {LIMIT:,}; leave node_modules and build "
        "results out of it."
    )
