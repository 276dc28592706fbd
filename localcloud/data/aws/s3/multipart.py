"""Uploads in parts to S3: CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload, ListParts.

Source: the pages of these operations in the Amazon S3 API Reference.
"""

from __future__ import annotations

from multidict import CIMultiDict

from localcloud.data import xml
from localcloud.data.messages import Response
from localcloud.data.object_requests import PartOrderError, UnknownPartError, chosen_parts
from localcloud.objects import Part, Upload
from localcloud.store import Store

from .access import Access
from .errors import S3Error, malformed_xml, not_implemented
from .operation import Operation, checked_content, kept_headers, quoted_etag, xml_response

_MAX_PARTS = 10_000
_MIN_PART_BYTES = 5 << 20


class Multipart:
    """The operations on uploads in parts."""

    def __init__(self, store: Store, access: Access) -> None:
        self._store = store
        self._access = access

    def handle(self, operation: Operation) -> Response:
        """The operation that method and parameters (`uploads`, `uploadId`) name."""
        method = operation.request.method
        if method == "POST" and "uploads" in operation.query:
            return self._create(operation)
        serve = {
            "PUT": self._upload_part,
            "POST": self._complete,
            "DELETE": self._abort,
            "GET": self._list_parts,
        }.get(method)
        if serve is None or "uploads" in operation.query or "x-amz-copy-source" in operation.request.headers:
            raise not_implemented(f"this {method} of an upload in parts")
        return serve(operation)

    def _create(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "s3:PutObject", operation.bucket, operation.key)
        upload = self._store.s3.begin_upload(operation.name, operation.key, kept_headers(operation.request))
        fields = [("Bucket", operation.name), ("Key", operation.key), ("UploadId", upload.id)]
        return xml_response("InitiateMultipartUploadResult", fields)

    def _upload_part(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "s3:PutObject", operation.bucket, operation.key)
        upload = self._find(operation)
        number = operation.number("partNumber", 0)
        if not 1 <= number <= _MAX_PARTS:
            told = f"Part number must be an integer between 1 and {_MAX_PARTS}, inclusive"
            raise S3Error(400, "InvalidArgument", told, ArgumentName="partNumber", ArgumentValue=str(number))
        part = self._store.s3.put_part(upload, number, checked_content(operation.request))
        return Response(200, CIMultiDict({"ETag": quoted_etag(part.etag)}))

    def _complete(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "s3:PutObject", operation.bucket, operation.key)
        upload = self._find(operation)
        parts = _named(operation.request.body, self._store.s3.parts(upload))
        if any(part.size < _MIN_PART_BYTES for part in parts[:-1]):
            told = "Your proposed upload is smaller than the minimum allowed size"
            raise S3Error(400, "EntityTooSmall", told, MinSizeAllowed=str(_MIN_PART_BYTES))
        stored = self._store.s3.complete_upload(upload, parts)
        location = f"https://{operation.request.headers.get('Host', operation.request.host)}/{operation.key}"
        fields = [("Location", location), ("Bucket", operation.name), ("Key", operation.key)]
        return xml_response("CompleteMultipartUploadResult", [*fields, ("ETag", quoted_etag(stored.etag))])

    def _abort(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "s3:AbortMultipartUpload", operation.bucket, operation.key)
        self._store.s3.end_upload(self._find(operation))
        return Response(204)

    def _list_parts(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "s3:ListMultipartUploadParts", operation.bucket, operation.key)
        upload = self._find(operation)
        limit, marker = operation.number("max-parts", 1000), operation.number("part-number-marker", 0)
        parts = [part for part in self._store.s3.parts(upload) if part.number > marker]
        fields: list[xml.Field] = [
            ("Bucket", operation.name),
            ("Key", operation.key),
            ("UploadId", upload.id),
            ("PartNumberMarker", marker),
            ("NextPartNumberMarker", parts[:limit][-1].number if parts[:limit] else marker),
            ("MaxParts", limit),
            ("IsTruncated", str(len(parts) > limit).lower()),
        ]
        fields += [
            (
                "Part",
                [
                    ("PartNumber", part.number),
                    ("LastModified", xml.iso_time(part.modified)),
                    ("ETag", quoted_etag(part.etag)),
                    ("Size", part.size),
                ],
            )
            for part in parts[:limit]
        ]
        return xml_response("ListPartsResult", fields)

    def _find(self, operation: Operation) -> Upload:
        upload = self._store.s3.upload(operation.name, operation.key, operation.query.get("uploadId", ""))
        if upload is None:
            told = (
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
                "aborted or completed."
            )
            raise S3Error(404, "NoSuchUpload", told)
        return upload


def _named(body: bytes, arrived: list[Part]) -> list[Part]:
    """The parts that a CompleteMultipartUpload names; raises S3Error."""
    try:
        return chosen_parts(body, arrived)
    except xml.MalformedXmlError as error:
        raise malformed_xml() from error
    except PartOrderError as error:
        told = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise S3Error(400, "InvalidPartOrder", told) from error
    except UnknownPartError as error:
        told = (
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the "
            "specified entity tag may not match the part's entity tag."
        )
        raise S3Error(400, "InvalidPart", told, PartNumber=str(error.number)) from error
