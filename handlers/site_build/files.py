"""How each file is stored: its type, how long it may be cached, whether compressed, and when it goes up.

Stored compressed are only the types that pages load by themselves (scripts, styles, vector images, WebAssembly, bare
fonts): OSS serves the stored encoding to everybody, and every browser takes gzip. Pages, JSON, XML and text stay as
they are, since tools without gzip read them, and both clouds compress them on the way.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from handlers.site_build.output import Written
from handlers.site_build.problem import of_disk

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"
SHORT = "public, max-age=300"
_COMPRESSED = {".js", ".mjs", ".css", ".svg", ".wasm", ".map", ".ttf", ".otf", ".eot"}
_LEAST, _MOST = 1024, 64 * 1024 * 1024
_WORTH = 0.9
"""A compressed file is stored when it has at most this part of the bytes."""
_TEXT = "; charset=utf-8"
_TYPES = {
    **dict.fromkeys((".html", ".htm"), "text/html" + _TEXT),
    **dict.fromkeys((".js", ".mjs", ".cjs"), "text/javascript" + _TEXT),
    ".css": "text/css" + _TEXT,
    ".txt": "text/plain" + _TEXT,
    ".md": "text/markdown" + _TEXT,
    ".csv": "text/csv" + _TEXT,
    ".xml": "application/xml",
    ".rss": "application/rss+xml",
    ".atom": "application/atom+xml",
    ".xhtml": "application/xhtml+xml",
    **dict.fromkeys((".json", ".map"), "application/json"),
    ".jsonld": "application/ld+json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
    ".gz": "application/gzip",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    **dict.fromkeys((".jpg", ".jpeg"), "image/jpeg"),
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".apng": "image/apng",
    ".bmp": "image/bmp",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".eot": "application/vnd.ms-fontobject",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".ogv": "video/ogg",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    **dict.fromkeys((".ogg", ".oga"), "audio/ogg"),
    ".vtt": "text/vtt" + _TEXT,
    ".glb": "model/gltf-binary",
}
_UNKNOWN = "application/octet-stream"
_PAGES = {".html", ".htm", ".xhtml"}
_LIVE = {".webmanifest"}
_WORKERS = {"sw.js", "service-worker.js", "serviceworker.js", "service_worker.js", "firebase-messaging-sw.js"}
_MARK = re.compile(
    r"[-._]([A-Za-z0-9_-]{8}|[0-9a-f]{9,64}|[A-Za-z0-9]{9,32})(?:\.(?:chunk|min|module))?\.[^./]+(?:\.map)?$"
)
_MEASURES = re.compile(r"\d+x\d+")


@dataclass(frozen=True)
class SiteFile:
    """One object of the site as it is to be stored."""

    name: str
    """Relative to the site's prefix."""
    path: Path
    """The bytes to store."""
    size: int
    """Bytes to store."""
    sha256: str
    """Of the stored bytes, hex."""
    headers: Mapping[str, str]

    @property
    def is_page(self) -> bool:
        return is_page(self.name)

    @property
    def is_immutable(self) -> bool:
        return self.headers["Cache-Control"] == IMMUTABLE

    def digest(self) -> str:
        """SHA-256 over bytes and headers: equal means nothing to send."""
        return hashlib.sha256(f"{self.sha256}\n{json.dumps(sorted(self.headers.items()))}".encode()).hexdigest()


def is_page(name: str) -> bool:
    """Whether a browser opens it as a document."""
    return os.path.splitext(name.lower())[1] in _PAGES  # noqa: PTH122 - no path of this machine


def content_type(name: str) -> str:
    """By the name's ending."""
    return _TYPES.get(os.path.splitext(name.lower())[1], _UNKNOWN)  # noqa: PTH122


def cache_control(name: str, sources: frozenset[str]) -> str:
    """How long a browser and the CDN keep it; `sources` are the names of the project's own files.

    A name that holds a hash of the content never changes its content. One that looks so but stands in the project
    itself was not made by the build, so its content may change.
    """
    base = name.rpartition("/")[2]
    ending = os.path.splitext(base.lower())[1]  # noqa: PTH122
    if ending in _PAGES or ending in _LIVE or base.lower() in _WORKERS:
        return REVALIDATED
    return IMMUTABLE if base not in sources and _has_hash(base) else SHORT


def _has_hash(base: str) -> bool:
    found = _MARK.search(base)
    if found is None:
        return False
    mark = found[1]
    if mark.isdigit() or _MEASURES.fullmatch(mark):
        return False
    inner = mark[1:]
    return any(letter.isdigit() for letter in mark) or (inner != inner.lower() and inner != inner.upper())


def prepare(written: Iterable[Written], sources: frozenset[str], folder: Path) -> list[SiteFile]:
    """Hash all files and compress some, into the new folder `folder`; raises SiteBuildError for a full disk."""
    folder.mkdir(mode=0o700)
    numbered = enumerate(written)

    def one(item: tuple[int, Written]) -> SiteFile:
        number, file = item
        return _prepared(file, sources, folder / str(number))

    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return list(pool.map(one, numbered))
    except OSError as error:
        raise of_disk(error) from error


def _prepared(file: Written, sources: frozenset[str], place: Path) -> SiteFile:
    headers = {"Content-Type": content_type(file.name), "Cache-Control": cache_control(file.name, sources)}
    path, size = file.path, file.size
    ending = path.suffix.lower()
    if ending in _COMPRESSED and _LEAST <= size <= _MOST:
        # Without a time in it, so that the same file gives the same bytes.
        smaller = gzip.compress(path.read_bytes(), 6, mtime=0)
        if len(smaller) <= _WORTH * size:
            place.write_bytes(smaller)
            path, size = place, len(smaller)
            headers["Content-Encoding"] = "gzip"
    with path.open("rb") as stored:
        digest = hashlib.file_digest(stored, "sha256").hexdigest()
    return SiteFile(file.name, path, size, digest, headers)
