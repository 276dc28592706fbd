"""S3: which operation a request asks for, who signed it, and the answer or the error document.

What publishing a site needs: objects, deletion of many, ListObjectsV2, uploads in parts (`multipart`).
Source: Amazon S3 API Reference; Amazon CloudFront Developer Guide, "Restrict access to an Amazon S3 origin".
"""

from __future__ import annotations

import secrets
from email.utils import formatdate
from urllib.parse import unquote

from multidict import CIMultiDict

from localcloud.data import xml
from localcloud.data.aws.sigv4 import CONTENT_HASH, SignatureError, verify
from localcloud.data.keyring import Keyring
from localcloud.data.messages import Request, Response
from localcloud.data.object_http import byte_range, mark_partial, names_etag, precondition, send_file
from localcloud.data.object_pages import page, start_of, url_encoded
from localcloud.data.object_requests import keys_to_delete
from localcloud.objects import StoredObject
from localcloud.store import Resource, Store

from .access import Access, bucket_region
from .errors import S3Error, answer, malformed_xml, no_such_key, not_implemented, of_signature
from .multipart import Multipart
from .operation import Operation, checked_content, kept_headers, quoted_etag, xml_response

BUCKET = "aws:s3/bucket:Bucket"

_MAX_KEYS = 1000
_UNMET = "At least one of the pre-conditions you specified did not hold"
_SUBRESOURCES = frozenset({"acl", "tagging", "policy", "versions", "location", "website", "cors", "torrent"})


class S3:
    """Every S3 bucket of the state."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring
        self._access = Access(store)
        self._multipart = Multipart(store, self._access)

    async def handle(self, request: Request, bucket: Resource) -> Response:
        """Answer a request to `<bucket>.s3.<region>.amazonaws.com`."""
        try:
            response = self._answer(request, bucket)
        except S3Error as error:
            return answer(request, error)
        response.headers["Server"] = "AmazonS3"
        response.headers["x-amz-request-id"] = secrets.token_hex(8).upper()
        return response

    def _answer(self, request: Request, bucket: Resource) -> Response:
        caller = None
        if "Authorization" in request.headers:
            if request.headers.get(CONTENT_HASH, "").startswith("STREAMING-"):
                raise not_implemented("bodies in signed chunks")
            try:
                caller = verify(request, self._keyring, "s3", bucket_region(bucket), unsigned=True)
            except SignatureError as error:
                raise of_signature(error) from error
        operation = Operation(request, bucket, unquote(request.path[1:]), _parameters(request.query), caller)
        unknown = _SUBRESOURCES & operation.query.keys()
        if unknown:
            raise not_implemented(f"?{min(unknown)}")
        return self._of_object(operation) if operation.key else self._of_bucket(operation)

    def _of_object(self, operation: Operation) -> Response:
        if "uploads" in operation.query or "uploadId" in operation.query:
            return self._multipart.handle(operation)
        serve = {"GET": self._get, "HEAD": self._get, "PUT": self._put, "DELETE": self._delete}.get(
            operation.request.method
        )
        if serve is None:
            raise not_implemented(f"{operation.request.method} of an object")
        return serve(operation)

    def _of_bucket(self, operation: Operation) -> Response:
        method, query = operation.request.method, operation.query
        if method == "POST" and "delete" in query:
            return self._delete_many(operation)
        if method == "HEAD":
            self._access.require(operation.caller, "s3:ListBucket", operation.bucket)
            return Response(200, CIMultiDict({"x-amz-bucket-region": bucket_region(operation.bucket)}))
        if method == "GET" and query.get("list-type") == "2":
            return self._list(operation)
        self._access.require(operation.caller, "s3:ListBucket", operation.bucket)
        raise not_implemented(f"{method} of a bucket")

    def _get(self, operation: Operation) -> Response:
        request = operation.request
        self._access.require(operation.caller, "s3:GetObject", operation.bucket, operation.key)
        stored = self._store.s3.get(operation.name, operation.key)
        if stored is None:
            # Who may not list is not told whether a key is missing or forbidden.
            self._access.require(operation.caller, "s3:ListBucket", operation.bucket)
            raise no_such_key(operation.key)
        status = precondition(request.headers, stored.etag, stored.modified)
        if status:
            raise S3Error(status, "PreconditionFailed" if status == 412 else "NotModified", _UNMET)
        response = Response(200, _headers(stored))
        start, end = 0, stored.size
        given = request.headers.get("Range")
        if given is not None:
            span = byte_range(given, stored.size)
            if span is None:
                raise S3Error(416, "InvalidRange", "The requested range is not satisfiable", RangeRequested=given)
            start, end = span
            mark_partial(response, start, end, stored.size)
        if request.method == "HEAD":
            response.headers["Content-Length"] = str(end - start)
        else:
            send_file(response, self._store.blob_path(stored.blob), start, end)
        return response

    def _put(self, operation: Operation) -> Response:
        request = operation.request
        if "x-amz-copy-source" in request.headers:
            raise not_implemented("CopyObject")
        self._access.require(operation.caller, "s3:PutObject", operation.bucket, operation.key)
        content = checked_content(request)
        self._check_write(request, self._store.s3.get(operation.name, operation.key))
        stored = self._store.s3.take(operation.name, operation.key, content, kept_headers(request))
        return Response(200, CIMultiDict({"ETag": quoted_etag(stored.etag)}))

    def _check_write(self, request: Request, before: StoredObject | None) -> None:
        """Conditional writes (Amazon S3 User Guide, "Add preconditions to S3 operations")."""
        if request.headers.get("If-None-Match") == "*" and before is not None:
            raise S3Error(412, "PreconditionFailed", _UNMET, Condition="If-None-Match")
        wanted = request.headers.get("If-Match")
        if wanted is not None and before is None:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.")
        if wanted is not None and before is not None and not names_etag(wanted, before.etag):
            raise S3Error(412, "PreconditionFailed", _UNMET, Condition="If-Match")

    def _delete(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "s3:DeleteObject", operation.bucket, operation.key)
        self._store.s3.delete(operation.name, operation.key)
        return Response(204)

    def _delete_many(self, operation: Operation) -> Response:
        try:
            keys, quiet = keys_to_delete(operation.request.body)
        except xml.MalformedXmlError as error:
            raise malformed_xml() from error
        fields: list[xml.Field] = []
        for key in keys:
            if not self._access.allows(operation.caller, "s3:DeleteObject", operation.bucket, key):
                fields.append(("Error", [("Key", key), ("Code", "AccessDenied"), ("Message", "Access Denied")]))
                continue
            self._store.s3.delete(operation.name, key)
            if not quiet:
                fields.append(("Deleted", [("Key", key)]))
        return xml_response("DeleteResult", fields)

    def _list(self, operation: Operation) -> Response:
        query = operation.query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        given = {name: value for name, value in (("prefix", prefix), ("delimiter", delimiter)) if name in query}
        self._access.require(operation.caller, "s3:ListBucket", operation.bucket, **given)
        limit = operation.number("max-keys", _MAX_KEYS)
        after = _after(query)
        found = page(
            self._store.s3, operation.name, prefix=prefix, delimiter=delimiter, after=after, limit=min(limit, _MAX_KEYS)
        )
        encoded = query.get("encoding-type") == "url"
        shown = url_encoded if encoded else str
        fields: list[xml.Field] = [
            ("Name", operation.name),
            ("Prefix", shown(prefix)),
            ("Delimiter", shown(delimiter) or None),
            ("MaxKeys", limit),
            ("EncodingType", "url" if encoded else None),
            ("KeyCount", found.count),
            ("StartAfter", shown(query["start-after"]) if query.get("start-after") else None),
            ("ContinuationToken", query.get("continuation-token")),
            ("NextContinuationToken", found.token),
            ("IsTruncated", str(found.truncated).lower()),
        ]
        fields += [("Contents", _listed(item, shown(item.key))) for item in found.objects]
        fields += [("CommonPrefixes", [("Prefix", shown(group))]) for group in found.prefixes]
        return xml_response("ListBucketResult", fields)


def _headers(stored: StoredObject) -> CIMultiDict[str]:
    headers = CIMultiDict(stored.headers)
    headers.setdefault("Content-Type", "binary/octet-stream")
    headers["ETag"] = quoted_etag(stored.etag)
    headers["Last-Modified"] = formatdate(stored.modified, usegmt=True)
    headers["Accept-Ranges"] = "bytes"
    return headers


def _listed(item: StoredObject, key: str) -> list[xml.Field]:
    return [
        ("Key", key),
        ("LastModified", xml.iso_time(item.modified)),
        ("ETag", quoted_etag(item.etag)),
        ("Size", item.size),
        ("StorageClass", "STANDARD"),
    ]


def _after(query: dict[str, str]) -> str:
    try:
        return start_of(query)
    except ValueError as error:
        raise S3Error(400, "InvalidArgument", "The continuation token provided is incorrect") from error


def _parameters(query: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {unquote(name): unquote(value.replace("+", " ")) for name, _, value in pairs}
