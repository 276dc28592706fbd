"""ListObjects and ListObjectsV2.

Source: OSS developer reference, "ListObjects (GetBucket)" and "ListObjectsV2 (GetBucketV2)".
"""

from __future__ import annotations

from localcloud.data import xml
from localcloud.data.keyring import ALIBABA_ACCOUNT
from localcloud.data.messages import Response
from localcloud.data.object_pages import Page, page, start_of
from localcloud.objects import StoredObject
from localcloud.store import Store

from .access import Access
from .errors import invalid_argument
from .operation import Operation, quoted_etag

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
        shown = operation.shown
        fields: list[xml.Field] = [("Name", operation.name), ("Prefix", shown(prefix))]
        fields += _second(operation, found) if second else _first(operation, found)
        fields += [("MaxKeys", limit), ("Delimiter", shown(delimiter)), ("EncodingType", encoding or None)]
        fields.append(("IsTruncated", str(found.truncated).lower()))
        with_owner = not second or query.get("fetch-owner") == "true"
        fields += [("Contents", _content(item, shown(item.key), with_owner=with_owner)) for item in found.objects]
        fields += [("CommonPrefixes", [("Prefix", shown(group))]) for group in found.prefixes]
        return xml.response("ListBucketResult", fields)


def _first(operation: Operation, found: Page) -> list[xml.Field]:
    following = operation.shown(found.last) if found.truncated else None
    return [("Marker", operation.shown(operation.query.get("marker", ""))), ("NextMarker", following)]


def _second(operation: Operation, found: Page) -> list[xml.Field]:
    after = operation.query.get("start-after")
    return [
        ("StartAfter", operation.shown(after) if after else None),
        ("ContinuationToken", operation.query.get("continuation-token") or None),
        ("NextContinuationToken", found.token),
        ("KeyCount", found.count),
    ]


def _after(operation: Operation) -> str:
    try:
        return start_of(operation.query)
    except ValueError as error:
        told = "The specified continuation-token is invalid."
        raise invalid_argument(told, "continuation-token", operation.query["continuation-token"]) from error


def _content(item: StoredObject, key: str, *, with_owner: bool) -> list[xml.Field]:
    owner = [("ID", ALIBABA_ACCOUNT), ("DisplayName", ALIBABA_ACCOUNT)] if with_owner else None
    return [
        ("Key", key),
        ("LastModified", xml.iso_time(item.modified)),
        ("ETag", quoted_etag(item.etag)),
        ("Type", "Multipart" if "-" in item.etag else "Normal"),
        ("Size", item.size),
        ("StorageClass", item.headers.get("x-oss-storage-class", "Standard")),
        ("Owner", owner),
    ]
