"""OSS objects: GetObject, HeadObject, PutObject, CopyObject, DeleteObject, DeleteMultipleObjects.

Source: the pages of these operations in the OSS developer reference.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from urllib.parse import unquote

from multidict import CIMultiDict

from localcloud import events
from localcloud.data import xml
from localcloud.data.messages import Request, Response
from localcloud.data.object_http import byte_range, is_digest, mark_partial, precondition, send_file
from localcloud.data.object_requests import keys_to_delete
from localcloud.objects import Content, StoredObject
from localcloud.store import Store

from .access import Access
from .errors import OssError, invalid_argument, malformed_xml, no_such_key, not_implemented
from .operation import Operation, kept_headers, object_headers, quoted_etag

_MAX_OBJECT_BYTES = 5 << 30
_UNMET = "At least one of the pre-conditions you specified did not hold."


class Objects:
    """The operations on single objects."""

    def __init__(self, store: Store, access: Access, changed: Callable[[events.Change], None]) -> None:
        self._store = store
        self._access = access
        self._changed = changed

    def get(self, operation: Operation) -> Response:
        """GetObject, HeadObject, and GetObjectMeta (`?objectMeta`)."""
        self._access.require(operation.caller, "oss:GetObject", operation.bucket, operation.key)
        stored = self._store.oss.get(operation.name, operation.key)
        if stored is None:
            raise no_such_key(operation.key)
        request = operation.request
        _check_conditions(request, stored)
        response = Response(200, object_headers(stored))
        for name, value in operation.query.items():
            if name.startswith("response-") and not operation.caller.anonymous:
                response.headers[name.removeprefix("response-")] = value
        if operation.caller.anonymous or "x-oss-signature" in operation.query:
            # Pages are downloads on OSS's own domain names (OSS user guide, "Access OSS via bucket domain name").
            response.headers["x-oss-force-download"] = "true"
            response.headers["Content-Disposition"] = "attachment"
        start, end = _range(request, stored, response)
        if request.method == "HEAD":
            response.headers["Content-Length"] = str(end - start)
        else:
            if stored.size == end - start and "-" not in stored.etag:
                response.headers["Content-MD5"] = base64.b64encode(bytes.fromhex(stored.etag)).decode()
            send_file(response, self._store.blob_path(stored.blob), start, end)
        return response

    def put(self, operation: Operation) -> Response:
        """PutObject, or CopyObject when the request names a source."""
        if "x-oss-copy-source" in operation.request.headers:
            return self._copy(operation)
        self._access.require(operation.caller, "oss:PutObject", operation.bucket, operation.key)
        content = checked_content(operation.request)
        before = self._store.oss.get(operation.name, operation.key)
        refuse_overwrite(operation, before)
        stored = self._store.oss.take(operation.name, operation.key, content, kept_headers(operation.request.headers))
        self._tell(operation, events.PUT, operation.key, stored, before)
        headers = {"ETag": quoted_etag(stored.etag), "x-oss-hash-crc64ecma": stored.crc64}
        headers["Content-MD5"] = base64.b64encode(bytes.fromhex(stored.etag)).decode()
        return Response(200, CIMultiDict(headers))

    def delete(self, operation: Operation) -> Response:
        """DeleteObject: 204 whether or not there was one."""
        self._access.require(operation.caller, "oss:DeleteObject", operation.bucket, operation.key)
        self._remove(operation, operation.key, events.DELETE)
        return Response(204)

    def delete_many(self, operation: Operation) -> Response:
        """DeleteMultipleObjects."""
        body = operation.request.body
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        given = operation.request.headers.get("Content-MD5")
        if given is None:
            raise OssError(400, "MissingArgument", "Missing Some Required Arguments.", ArgumentName="Content-MD5")
        if given != digest:
            raise OssError(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
        try:
            keys, quiet = keys_to_delete(body)
        except xml.MalformedXmlError as error:
            raise malformed_xml() from error
        for key in keys:
            self._access.require(operation.caller, "oss:DeleteObject", operation.bucket, key)
        for key in keys:
            self._remove(operation, key, events.DELETE_MANY)
        fields: list[xml.Field] = [("EncodingType", operation.encoding)]
        if not quiet:
            fields += [("Deleted", [("Key", operation.shown(key))]) for key in keys]
        return xml.response("DeleteResult", fields)

    def _copy(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "oss:PutObject", operation.bucket, operation.key)
        source = copy_source(self._store, self._access, operation)
        _check_conditions(operation.request, source, "x-oss-copy-source-")
        before = self._store.oss.get(operation.name, operation.key)
        refuse_overwrite(operation, before)
        headers = operation.request.headers
        directive = headers.get("x-oss-metadata-directive", "COPY").upper()
        if directive not in {"COPY", "REPLACE"}:
            told = "The metadata directive must be COPY or REPLACE."
            raise invalid_argument(told, "x-oss-metadata-directive", directive)
        kept = kept_headers(headers) if directive == "REPLACE" else source.headers
        content = self._store.oss.content(self._store.blob_path(source.blob))
        stored = self._store.oss.take(operation.name, operation.key, content, kept)
        self._tell(operation, events.COPY, operation.key, stored, before)
        fields = [("ETag", quoted_etag(stored.etag)), ("LastModified", xml.iso_time(stored.modified))]
        response = xml.response("CopyObjectResult", fields)
        response.headers["ETag"] = quoted_etag(stored.etag)
        response.headers["x-oss-hash-crc64ecma"] = stored.crc64
        return response

    def _remove(self, operation: Operation, key: str, event: str) -> None:
        before = self._store.oss.get(operation.name, key)
        if before is not None:
            self._store.oss.delete(operation.name, key)
            self._tell(operation, event, key, None, before)

    def _tell(
        self, operation: Operation, name: str, key: str, after: StoredObject | None, before: StoredObject | None
    ) -> None:
        ip = operation.request.client_ip
        self._changed(events.Change(name, operation.name, key, after, before, operation.request_id, ip))


def checked_content(request: Request) -> Content:
    """The body of an upload; raises OssError when it is not what its headers say."""
    content = request.upload
    if content is None:
        raise not_implemented("an upload in this place")
    if content.size > _MAX_OBJECT_BYTES:
        told = "Your proposed upload exceeds the maximum allowed size."
        raise OssError(400, "EntityTooLarge", told, MaxSizeAllowed=str(_MAX_OBJECT_BYTES))
    md5 = request.headers.get("Content-MD5")
    if md5 is not None and not is_digest(md5, content.md5):
        raise OssError(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
    return content


def refuse_overwrite(operation: Operation, before: StoredObject | None, ec: str = "") -> None:
    """Raise FileAlreadyExists when the request forbids to overwrite and there is an object."""
    forbidden = operation.request.headers.get("x-oss-forbid-overwrite", "false").lower() == "true"
    if forbidden and before is not None:
        told = "The object you specified already exists and can not be overwritten."
        raise OssError(409, "FileAlreadyExists", told, ec, ObjectName=operation.key)


def copy_source(store: Store, access: Access, operation: Operation) -> StoredObject:
    """The object that `x-oss-copy-source` names, when the caller may read it."""
    given = operation.request.headers["x-oss-copy-source"]
    name, _, key = unquote(given.removeprefix("/").partition("?")[0]).partition("/")
    bucket = store.get(events.BUCKET, name) or next(iter(store.find(events.BUCKET, bucket=name)), None)
    if bucket is None or not key:
        raise OssError(404, "NoSuchBucket", "The specified bucket does not exist.", "0015-00000101", BucketName=name)
    access.require(operation.caller, "oss:GetObject", bucket, key)
    source = store.oss.get(name, key)
    if source is None:
        raise no_such_key(key)
    return source


def _check_conditions(request: Request, stored: StoredObject, prefix: str = "") -> None:
    status = precondition(request.headers, stored.etag, stored.modified, prefix)
    if status == 304:
        raise OssError(304, "NotModified", "")
    if status:
        raise OssError(412, "PreconditionFailed", _UNMET)


def _range(request: Request, stored: StoredObject, response: Response) -> tuple[int, int]:
    """The bytes to send; a range that cannot be served is not looked at, unless the standard is asked for.

    Source: OSS developer reference, "GetObject", `x-oss-range-behavior`.
    """
    given = request.headers.get("Range")
    if given is None:
        return 0, stored.size
    span = byte_range(given, stored.size)
    if span is None:
        if request.headers.get("x-oss-range-behavior") == "standard":
            told = "The requested range cannot be satisfied."
            raise OssError(416, "InvalidRange", told, ActualObjectSize=str(stored.size), RangeRequested=given)
        return 0, stored.size
    mark_partial(response, *span, stored.size)
    return span
