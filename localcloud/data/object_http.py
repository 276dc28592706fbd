"""What OSS and S3 share over HTTP: conditions, ranges, digests, and bytes that are read while they are sent.

Source: RFC 9110, sections 13 (conditional requests) and 14 (range requests).
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

from localcloud.objects import read_pieces

from .messages import Response

_AT_ONCE = 1 << 20
"""Bytes up to which a body is read in one go."""
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def precondition(headers: Mapping[str, str], etag: str, modified: float, prefix: str = "") -> int:
    """304 or 412 when a condition of the request is not met, else 0.

    `etag` is without quotes; `prefix` is put before the names of the headers, such as `x-oss-copy-source-`.
    """
    matches, matches_not = headers.get(f"{prefix}If-Match"), headers.get(f"{prefix}If-None-Match")
    since, not_since = headers.get(f"{prefix}If-Modified-Since"), headers.get(f"{prefix}If-Unmodified-Since")
    if matches is not None:
        if not names_etag(matches, etag):
            return 412
    elif not_since is not None and _seconds(not_since, modified) < int(modified):
        return 412
    if matches_not is not None:
        return 304 if names_etag(matches_not, etag) else 0
    return 304 if since is not None and _seconds(since, 0) >= int(modified) else 0


def names_etag(header: str, etag: str) -> bool:
    """Whether a list of entity tags has this one; case does not count, since OSS writes upper and S3 lower case."""
    tags = {tag.strip().removeprefix("W/").strip('"').lower() for tag in header.split(",")}
    return "*" in tags or etag.lower() in tags


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last of a single range; None when there is none that can be served."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start, end = int(match[1]), min(size, int(match[2]) + 1 if match[2] else size)
    return (start, end) if start < end <= size else None


def mark_partial(response: Response, start: int, end: int, size: int) -> None:
    """Make a response one with the bytes from `start` up to before `end` of so many."""
    response.status = 206
    response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"


def is_digest(header: str, digest: str) -> bool:
    """Whether a header with a digest in base64, such as Content-MD5, has the one that is given in hex."""
    try:
        return base64.b64decode(header, validate=True) == bytes.fromhex(digest)
    except ValueError:
        return False


def send_file(response: Response, file: Path, start: int, end: int) -> None:
    """Make a part of a file the body: small ones are read now, others while they are sent."""
    response.headers["Content-Length"] = str(end - start)
    if end - start <= _AT_ONCE:
        response.body = b"".join(read_pieces(file, start, end))
    else:
        response.stream = _streamed(file, start, end)


async def _streamed(file: Path, start: int, end: int) -> AsyncIterator[bytes]:
    for piece in read_pieces(file, start, end):
        yield piece


def _seconds(date: str, otherwise: float) -> float:
    """A date of HTTP in seconds since the epoch; one that cannot be read does not count."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return otherwise
