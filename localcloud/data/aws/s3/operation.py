"""One call of S3, and what most answers have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from localcloud.data import xml
from localcloud.data.keyring import Principal
from localcloud.data.messages import Request, Response
from localcloud.data.object_http import is_digest
from localcloud.objects import Content
from localcloud.store import Resource

from .access import bucket_name
from .errors import S3Error, not_implemented

_NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_KEPT = frozenset(
    {"cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"}
)


@dataclass(frozen=True)
class Operation:
    """A request whose signature, if it has one, is right."""

    request: Request
    bucket: Resource
    key: str
    query: dict[str, str]
    caller: Principal | None

    @property
    def name(self) -> str:
        """The bucket's."""
        return bucket_name(self.bucket)

    def number(self, name: str, default: int) -> int:
        """A parameter that is a whole number; raises S3Error (InvalidArgument)."""
        text = self.query.get(name) or str(default)
        if not text.isdigit():
            told = f"Provided {name} not an integer or within integer range"
            raise S3Error(400, "InvalidArgument", told, ArgumentName=name, ArgumentValue=text)
        return int(text)


def xml_response(name: str, fields: Iterable[xml.Field]) -> Response:
    return xml.response(name, fields, _NAMESPACE)


def quoted_etag(etag: str) -> str:
    return f'"{etag}"'


def checked_content(request: Request) -> Content:
    """The body of an upload; raises S3Error when it is not what its headers say."""
    content = request.upload
    if content is None:
        raise not_implemented("an upload in this place")
    md5 = request.headers.get("Content-MD5")
    if md5 is not None and not is_digest(md5, content.md5):
        raise S3Error(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
    sha256 = request.headers.get("x-amz-checksum-sha256")
    if sha256 is not None and not is_digest(sha256, content.sha256):
        raise S3Error(400, "BadDigest", "The SHA256 you specified did not match the calculated checksum.")
    return content


def kept_headers(request: Request) -> dict[str, str]:
    """What of an upload's headers becomes part of the object."""
    return {
        name.lower(): value
        for name, value in request.headers.items()
        if name.lower() in _KEPT or name.lower().startswith("x-amz-meta-")
    }
