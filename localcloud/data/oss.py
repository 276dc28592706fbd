"""OSS buckets: GET and HEAD of objects, for the public and for the CDN that pulls from a private bucket.

Requests signed with an access key are not served: functions reach the real OSS with real credentials, and the
local RAM roles have none. Source: OSS documentation, "Error responses", "Access control".
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from email.utils import formatdate
from urllib.parse import unquote
from xml.sax.saxutils import escape

from multidict import CIMultiDict

from localcloud.store import Resource, Store, StoredObject

from .messages import Request, Response

BUCKET = "alicloud:oss/bucket:Bucket"
BUCKET_ACL = "alicloud:oss/bucketAcl:BucketAcl"
OBJECT = "alicloud:oss/bucketObject:BucketObject"
ROLE = "alicloud:ram/role:Role"

_PUBLIC = frozenset({"public-read", "public-read-write"})


class Oss:
    """Every OSS bucket of the state."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle(self, request: Request, bucket: Resource) -> Response:
        """Answer a request to `<bucket>.oss-<region>.aliyuncs.com`."""
        response = self._answer(request, bucket)
        if request.method == "HEAD":
            response.headers["Content-Length"] = str(len(response.body))
            response.body = b""
        return response

    def _answer(self, request: Request, bucket: Resource) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return error(request, 403, "AccessDenied", "Anonymous access is forbidden for this operation.")
        if "Authorization" in request.headers or "OSSAccessKeyId=" in request.query:
            told = "The OSS Access Key Id you provided does not exist in our records."
            return error(request, 403, "InvalidAccessKeyId", told)
        name = str(bucket.properties.get("bucket") or bucket.id)
        key = unquote(request.path[1:])
        by_role = bool(request.role) and bool(self._store.find(ROLE, roleName=request.role))
        if not by_role and not self._public(bucket, name, key):
            told = "You have no right to access this object because of bucket acl."
            return error(request, 403, "AccessDenied", told, EC="0003-00000001")
        if not key:
            return error(request, 403, "AccessDenied", "Listing the bucket is not served here.")
        found = self._store.get_object(name, key)
        if found is None:
            return error(request, 404, "NoSuchKey", "The specified key does not exist.", Key=key, EC="0026-00000001")
        return self._object(request, found, download=not by_role)

    def _public(self, bucket: Resource, name: str, key: str) -> bool:
        own = self._store.find(OBJECT, bucket=name, key=key)
        object_acl = str(own[0].properties.get("acl") or "default") if own else "default"
        if object_acl not in {"", "default"}:
            return object_acl in _PUBLIC
        separate = self._store.find(BUCKET_ACL, bucket=name)
        acl = separate[0].properties.get("acl") if separate else bucket.properties.get("acl")
        return acl in _PUBLIC

    def _object(self, request: Request, found: StoredObject, *, download: bool) -> Response:
        data = self._store.blob_path(found.blob).read_bytes()
        # ETag and Content-MD5 are MD5 by OSS's definition, no security hangs on them.
        digest = hashlib.md5(data, usedforsecurity=False)
        headers = CIMultiDict(found.headers)
        headers.setdefault("Content-Type", "application/octet-stream")
        headers["ETag"] = f'"{digest.hexdigest().upper()}"'
        headers["Content-MD5"] = base64.b64encode(digest.digest()).decode()
        headers["Last-Modified"] = formatdate(found.modified, usegmt=True)
        headers["Accept-Ranges"] = "bytes"
        headers["x-oss-object-type"] = "Normal"
        headers["x-oss-storage-class"] = "Standard"
        headers["x-oss-request-id"] = secrets.token_hex(12).upper()
        headers["Server"] = "AliyunOSS"
        if download:
            headers["x-oss-force-download"] = "true"
            headers["Content-Disposition"] = "attachment"
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return Response(304, headers)
        return Response(200, headers, data)


def error(request: Request, status: int, code: str, message: str, **more: str) -> Response:
    """An error document of OSS."""
    request_id = secrets.token_hex(12).upper()
    fields = {"Code": code, "Message": message, "RequestId": request_id, "HostId": request.host, **more}
    lines = "".join(f"  <{name}>{escape(value)}</{name}>\n" for name, value in fields.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n{lines}</Error>\n'
    headers = CIMultiDict({"Content-Type": "application/xml", "Server": "AliyunOSS", "x-oss-request-id": request_id})
    return Response(status, headers, body.encode())


def no_such_bucket(request: Request) -> Response:
    bucket = request.host.partition(".")[0]
    return error(request, 404, "NoSuchBucket", "The specified bucket does not exist.", BucketName=bucket)
