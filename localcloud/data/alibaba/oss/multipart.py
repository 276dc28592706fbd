"""Uploads in parts: InitiateMultipartUpload, UploadPart, UploadPartCopy, CompleteMultipartUpload,
AbortMultipartUpload, ListParts, ListMultipartUploads.

Source: the pages of these operations in the OSS developer reference.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from multidict import CIMultiDict

from localcloud import events
from localcloud.data import xml
from localcloud.data.messages import Response
from localcloud.data.object_http import byte_range
from localcloud.data.object_pages import url_encoded
from localcloud.data.object_requests import PartOrderError, UnknownPartError, chosen_parts
from localcloud.objects import Part, StoredObject, Upload, read_pieces, spooled
from localcloud.store import Store

from .access import Access
from .errors import OssError, invalid_argument, malformed_xml, no_such_upload, not_implemented
from .objects import checked_content, copy_source, refuse_overwrite
from .operation import Operation, kept_headers, quoted_etag

_MAX_PARTS = 10_000
_MIN_PART_BYTES = 100 << 10
_LISTED = 1000
_MALFORMED = "0042-00000205"
"""EC of a CompleteMultipartUpload that cannot be read."""


class Multipart:
    """The operations on uploads in parts."""

    def __init__(self, store: Store, access: Access, changed: Callable[[events.Change], None]) -> None:
        self._store = store
        self._access = access
        self._changed = changed

    def handle(self, operation: Operation) -> Response:
        """The operation that method and parameters (`uploads`, `uploadId`) name."""
        method = operation.request.method
        if method == "POST" and "uploads" in operation.query:
            return self._initiate(operation)
        serve = {
            "PUT": self._upload_part,
            "POST": self._complete,
            "DELETE": self._abort,
            "GET": self._list_parts,
        }.get(method)
        if serve is None or "uploads" in operation.query:
            raise not_implemented(f"{method} of an upload in parts")
        return serve(operation)

    def list_uploads(self, operation: Operation) -> Response:
        """ListMultipartUploads of a bucket; without delimiter."""
        self._access.require(operation.caller, "oss:ListMultipartUploads", operation.bucket)
        query = operation.query
        limit = operation.number("max-uploads", _LISTED, 1, _LISTED)
        shown = operation.shown
        marker = (query.get("key-marker", ""), query.get("upload-id-marker", ""))
        uploads = [
            upload
            for upload in self._store.oss.list_uploads(operation.name, query.get("prefix", ""))
            if _is_after(upload, marker)
        ]
        fields: list[xml.Field] = [
            ("Bucket", operation.name),
            ("EncodingType", query.get("encoding-type") or None),
            ("KeyMarker", shown(marker[0])),
            ("UploadIdMarker", marker[1]),
        ]
        if len(uploads) > limit:
            last = uploads[limit - 1]
            fields += [("NextKeyMarker", shown(last.key)), ("NextUploadIdMarker", last.id)]
        fields += [("Delimiter", ""), ("Prefix", shown(query.get("prefix", ""))), ("MaxUploads", limit)]
        fields.append(("IsTruncated", str(len(uploads) > limit).lower()))
        for upload in uploads[:limit]:
            described = [("Key", shown(upload.key)), ("UploadId", upload.id), ("StorageClass", "Standard")]
            fields.append(("Upload", [*described, ("Initiated", xml.iso_time(upload.initiated))]))
        return xml.response("ListMultipartUploadsResult", fields)

    def _initiate(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "oss:PutObject", operation.bucket, operation.key)
        refuse_overwrite(operation, self._store.oss.get(operation.name, operation.key))
        headers = kept_headers(operation.request.headers)
        upload = self._store.oss.begin_upload(operation.name, operation.key, headers)
        self._tell(operation, events.INITIATE)
        fields: list[xml.Field] = [
            ("EncodingType", operation.encoding),
            ("Bucket", operation.name),
            ("Key", operation.shown(operation.key)),
            ("UploadId", upload.id),
        ]
        return xml.response("InitiateMultipartUploadResult", fields)

    def _upload_part(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "oss:PutObject", operation.bucket, operation.key)
        upload = self._find(operation)
        number = operation.number("partNumber", 0, 1, _MAX_PARTS)
        if not number:
            told = f"Part number must be an integer between 1 and {_MAX_PARTS}, inclusive"
            raise invalid_argument(told, "partNumber", "")
        if "x-oss-copy-source" in operation.request.headers:
            return self._copy_part(operation, upload, number)
        part = self._store.oss.put_part(upload, number, checked_content(operation.request))
        self._tell(operation, events.UPLOAD_PART)
        headers = {"ETag": quoted_etag(part.etag), "x-oss-hash-crc64ecma": part.crc64}
        headers["Content-MD5"] = base64.b64encode(bytes.fromhex(part.etag)).decode()
        return Response(200, CIMultiDict(headers))

    def _copy_part(self, operation: Operation, upload: Upload, number: int) -> Response:
        source = copy_source(self._store, self._access, operation)
        given = operation.request.headers.get("x-oss-copy-source-range", f"bytes=0-{max(source.size - 1, 0)}")
        span = byte_range(given, source.size) or (0, source.size)
        pieces = read_pieces(self._store.blob_path(source.blob), *span)
        part = self._store.oss.put_part(upload, number, spooled(self._store.root / "uploads", pieces))
        fields = [("LastModified", xml.iso_time(part.modified)), ("ETag", quoted_etag(part.etag))]
        response = xml.response("CopyPartResult", fields)
        response.headers["x-oss-hash-crc64ecma"] = part.crc64
        return response

    def _complete(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "oss:PutObject", operation.bucket, operation.key)
        upload = self._find(operation)
        parts = self._chosen(operation, upload)
        before = self._store.oss.get(operation.name, operation.key)
        refuse_overwrite(operation, before, "0042-00000214")
        stored = self._store.oss.complete_upload(upload, parts)
        self._tell(operation, events.COMPLETE, stored, before)
        host = operation.request.headers.get("Host", operation.request.host)
        fields: list[xml.Field] = [
            ("EncodingType", operation.encoding),
            ("Location", f"http://{host}/{url_encoded(operation.key)}"),
            ("Bucket", operation.name),
            ("Key", operation.shown(operation.key)),
            ("ETag", quoted_etag(stored.etag)),
        ]
        response = xml.response("CompleteMultipartUploadResult", fields)
        response.headers["ETag"] = quoted_etag(stored.etag)
        response.headers["x-oss-hash-crc64ecma"] = stored.crc64
        return response

    def _abort(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "oss:AbortMultipartUpload", operation.bucket, operation.key)
        self._store.oss.end_upload(self._find(operation))
        self._tell(operation, events.ABORT)
        return Response(204)

    def _list_parts(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "oss:ListParts", operation.bucket, operation.key)
        upload = self._find(operation)
        limit = operation.number("max-parts", _LISTED, 1, _LISTED)
        marker = operation.number("part-number-marker", 0, 0, _MAX_PARTS)
        parts = [part for part in self._store.oss.parts(upload) if part.number > marker]
        fields: list[xml.Field] = [
            ("EncodingType", operation.encoding),
            ("Bucket", operation.name),
            ("Key", operation.shown(operation.key)),
            ("UploadId", upload.id),
            ("StorageClass", "Standard"),
            ("PartNumberMarker", marker),
            ("NextPartNumberMarker", parts[:limit][-1].number if parts else marker),
            ("MaxParts", limit),
            ("IsTruncated", str(len(parts) > limit).lower()),
        ]
        fields += [("Part", _described(part)) for part in parts[:limit]]
        return xml.response("ListPartsResult", fields)

    def _chosen(self, operation: Operation, upload: Upload) -> list[Part]:
        """The parts that the request names, or all with `x-oss-complete-all: yes`; raises OssError."""
        arrived = self._store.oss.parts(upload)
        complete_all = operation.request.headers.get("x-oss-complete-all", "").lower() == "yes"
        chosen = arrived if complete_all else _named(operation.request.body, arrived)
        if not chosen:
            raise malformed_xml(_MALFORMED)
        if any(part.size < _MIN_PART_BYTES for part in chosen[:-1]):
            told = "Your proposed upload smaller than the minimum allowed size."
            raise OssError(400, "EntityTooSmall", told, MinSizeAllowed=str(_MIN_PART_BYTES))
        return chosen

    def _find(self, operation: Operation) -> Upload:
        id_ = operation.query.get("uploadId", "")
        upload = self._store.oss.upload(operation.name, operation.key, id_)
        if upload is None:
            raise no_such_upload(id_)
        return upload

    def _tell(
        self,
        operation: Operation,
        name: str,
        after: StoredObject | None = None,
        before: StoredObject | None = None,
    ) -> None:
        ip = operation.request.client_ip
        self._changed(events.Change(name, operation.name, operation.key, after, before, operation.request_id, ip))


def _named(body: bytes, arrived: list[Part]) -> list[Part]:
    """The parts that a CompleteMultipartUpload names; raises OssError."""
    try:
        return chosen_parts(body, arrived)
    except xml.MalformedXmlError as error:
        raise malformed_xml(_MALFORMED) from error
    except PartOrderError as error:
        told = "The list of parts was not in ascending order. Parts list must be specified in order by part number."
        raise OssError(400, "InvalidPartOrder", told) from error
    except UnknownPartError as error:
        told = (
            "One or more of the specified parts could not be found or the specified entity tag might not have matched "
            "the part's entity tag."
        )
        raise OssError(400, "InvalidPart", told, PartNumber=str(error.number)) from error


def _is_after(upload: Upload, marker: tuple[str, str]) -> bool:
    key, id_ = marker
    if not key:
        return True
    return upload.key > key or (bool(id_) and (upload.key, upload.id) > (key, id_))


def _described(part: Part) -> list[xml.Field]:
    return [
        ("PartNumber", part.number),
        ("LastModified", xml.iso_time(part.modified)),
        ("ETag", quoted_etag(part.etag)),
        ("HashCrc64ecma", part.crc64),
        ("Size", part.size),
    ]
