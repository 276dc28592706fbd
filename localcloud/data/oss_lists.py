"""ListObjects and ListObjectsV2.

Source: OSS developer reference, "ListObjects (GetBucket)" and "ListObjectsV2 (GetBucketV2)".
"""

from __future__ import annotations

import base64
import binascii

from localcloud.objects import StoredObject
from localcloud.store import Store

from . import xml
from .keyring import ALIBABA_ACCOUNT
from .messages import Response
from .object_pages import Page, page
from .oss_access import Access
from .oss_errors import invalid_argument
from .oss_operation import Operation, iso_time, quoted_etag, url_encoded

_DEFAULT_KEYS = 100
_MAX_KEYS = 1000


class Lists:
    """The lists of one store's buckets."""

    def __init__(self, store: Store, access: Access) -> None:
        self._store = store
        self._access = access

    def objects(self, operation: Operation) -> Response:
        """ListObjects, or ListObjectsV2 with `list-type=2`."""
        query = operation.query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        conditions = {
            name: value for name, value in (("Prefix", prefix), ("Delimiter", delimiter)) if name.lower() in query
        }
        self._access.require(operation.caller, "oss:ListObjects", operation.bucket, **conditions)
        encoding = query.get("encoding-type")
        if encoding not in {None, "", "url"}:
            raise invalid_argument("Encoding type must be url.", "encoding-type", str(encoding))
        second = query.get("list-type") == "2"
        limit = operation.number("max-keys", _DEFAULT_KEYS, 0 if second else 1, _MAX_KEYS)
        after = _after(operation) if second else query.get("marker", "")
        found = page(self._store.oss, operation.name, prefix=prefix, delimiter=delimiter, after=after, limit=limit)
        shown = url_encoded if encoding == "url" else str
        fields: list[xml.Field] = [("Name", operation.name), ("Prefix", shown(prefix))]
        fields += _second(operation, found, limit) if second else _first(operation, found)
        fields += [("MaxKeys", limit), ("Delimiter", shown(delimiter)), ("EncodingType", encoding or None)]
        fields.append(("IsTruncated", str(found.truncated).lower()))
        with_owner = not second or query.get("fetch-owner") == "true"
        fields += [("Contents", _content(item, shown(item.key), with_owner=with_owner)) for item in found.objects]
        fields += [("CommonPrefixes", [("Prefix", shown(group))]) for group in found.prefixes]
        return operation.xml(xml.document("ListBucketResult", fields))


def _first(operation: Operation, found: Page) -> list[xml.Field]:
    shown = url_encoded if operation.query.get("encoding-type") == "url" else str
    following = shown(found.last) if found.truncated else None
    return [("Marker", shown(operation.query.get("marker", ""))), ("NextMarker", following)]


def _second(operation: Operation, found: Page, limit: int) -> list[xml.Field]:
    shown = url_encoded if operation.query.get("encoding-type") == "url" else str
    after = operation.query.get("start-after")
    following = base64.b64encode(found.last.encode()).decode() if found.truncated and limit else None
    return [
        ("StartAfter", shown(after) if after else None),
        ("ContinuationToken", operation.query.get("continuation-token") or None),
        ("NextContinuationToken", following),
        ("KeyCount", found.count),
    ]


def _after(operation: Operation) -> str:
    token = operation.query.get("continuation-token")
    if not token:
        return operation.query.get("start-after", "")
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        told = "The specified continuation-token is invalid."
        raise invalid_argument(told, "continuation-token", token) from error


def _content(item: StoredObject, key: str, *, with_owner: bool) -> list[xml.Field]:
    owner = [("ID", ALIBABA_ACCOUNT), ("DisplayName", ALIBABA_ACCOUNT)] if with_owner else None
    return [
        ("Key", key),
        ("LastModified", iso_time(item.modified)),
        ("ETag", quoted_etag(item.etag)),
        ("Type", "Multipart" if "-" in item.etag else "Normal"),
        ("Size", item.size),
        ("StorageClass", item.headers.get("x-oss-storage-class", "Standard")),
        ("Owner", owner),
    ]
