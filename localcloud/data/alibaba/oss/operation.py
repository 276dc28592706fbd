"""One call of OSS, and what most answers have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate

from multidict import CIMultiDict

from localcloud.data.messages import Request
from localcloud.data.object_pages import url_encoded
from localcloud.objects import StoredObject
from localcloud.store import Resource

from .access import Caller, bucket_name
from .errors import invalid_argument

KEPT_HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type",
                "expires", "x-oss-storage-class", "x-oss-object-acl")  # fmt: skip
"""Headers of an upload that stay with the object, besides `x-oss-meta-*`."""

_DEFAULT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Operation:
    """A request whose signature is right."""

    request: Request
    bucket: Resource
    key: str
    query: Mapping[str, str]
    caller: Caller
    request_id: str

    @property
    def name(self) -> str:
        """The bucket's."""
        return bucket_name(self.bucket)

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """An integer parameter; raises OssError (InvalidArgument)."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not text.isdigit() or not low <= int(text) <= high:
            raise invalid_argument(f"Argument {name} must be an integer between {low} and {high}.", name, text)
        return int(text)

    @property
    def encoding(self) -> str | None:
        """The encoding of the keys in the answer, `url` or none."""
        return "url" if self.query.get("encoding-type") == "url" else None

    def shown(self, key: str) -> str:
        """A key or prefix in the encoding of the answer."""
        return url_encoded(key) if self.encoding else key


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What of an upload's headers becomes part of the object."""
    kept = {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() in KEPT_HEADERS or name.lower().startswith("x-oss-meta-")
    }
    kept.setdefault("content-type", _DEFAULT_TYPE)
    return kept


def object_headers(stored: StoredObject) -> CIMultiDict[str]:
    """The headers of an answer about an object."""
    headers = CIMultiDict(stored.headers)
    headers.popall("x-oss-object-acl", None)
    headers.setdefault("Content-Type", _DEFAULT_TYPE)
    headers.setdefault("x-oss-storage-class", "Standard")
    headers["ETag"] = quoted_etag(stored.etag)
    headers["Last-Modified"] = formatdate(stored.modified, usegmt=True)
    headers["Accept-Ranges"] = "bytes"
    headers["x-oss-object-type"] = "Multipart" if "-" in stored.etag else "Normal"
    headers["x-oss-hash-crc64ecma"] = stored.crc64
    return headers


def quoted_etag(etag: str) -> str:
    return f'"{etag.upper()}"'
