"""OSS: which operation a request asks for, who signed it, and the answer or the error document.

Objects, uploads in parts and lists are in `objects`, `multipart` and `lists`.
Source: OSS developer reference, "List of operations by function".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote

from localcloud.data import xml
from localcloud.data.keyring import ALIBABA_ACCOUNT, Keyring
from localcloud.data.messages import Request, Response
from localcloud.events import BUCKET, Change
from localcloud.store import Resource, Store

from .access import Access, bucket_name, bucket_region, caller
from .errors import OssError, answer, invalid_argument, not_implemented, request_id
from .lists import Lists
from .multipart import Multipart
from .objects import Objects
from .operation import Operation
from .signature import parameters, verify

_MAX_KEY_BYTES = 1023
_OVERRIDES = frozenset(
    {
        "response-content-type",
        "response-content-language",
        "response-expires",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
    }
)
_KNOWN_PARAMETERS = _OVERRIDES | {
    *("uploads", "uploadId", "partNumber", "delete", "location", "bucketInfo", "objectMeta", "acl", "stat"),
    *("list-type", "prefix", "delimiter", "marker", "max-keys", "encoding-type", "start-after", "continuation-token"),
    *("fetch-owner", "key-marker", "upload-id-marker", "max-uploads", "max-parts", "part-number-marker"),
    *("sequential",),
}


class Oss:
    """Every OSS bucket of the state; `changed` is told of each change of an object."""

    def __init__(self, store: Store, keyring: Keyring, changed: Callable[[Change], None]) -> None:
        self._store = store
        self._keyring = keyring
        self._access = Access(store)
        self._objects = Objects(store, self._access, changed)
        self._multipart = Multipart(store, self._access, changed)
        self._lists = Lists(store, self._access)

    async def handle(self, request: Request, bucket: Resource | None) -> Response:
        """Answer a request to `<bucket>.oss-<region>[-internal].aliyuncs.com`, or to the region itself."""
        id_ = request_id()
        try:
            response = self._answer(request, bucket, id_)
        except OssError as error:
            return answer(request, error, id_)
        response.headers["Server"] = "AliyunOSS"
        response.headers["x-oss-request-id"] = id_
        return response

    def _answer(self, request: Request, bucket: Resource | None, id_: str) -> Response:
        if bucket is None:
            return self._list_buckets(request)
        key = _key(request)
        principal = verify(request, self._keyring, bucket_name(bucket), key, bucket_region(bucket))
        query = parameters(request.query)
        unknown = [name for name in query if name not in _KNOWN_PARAMETERS and not name.startswith("x-oss-")]
        if unknown and principal is not None:
            raise not_implemented(f"the parameter {unknown[0]}")
        if "x-oss-process" in query:
            raise not_implemented("x-oss-process")
        operation = Operation(request, bucket, key, query, caller(request, principal), id_)
        return self._of_object(operation) if key else self._of_bucket(operation)

    def _of_object(self, operation: Operation) -> Response:
        _check_key(operation.key)
        query, method = operation.query, operation.request.method
        if "uploads" in query or "uploadId" in query:
            return self._multipart.handle(operation)
        if "acl" in query:
            raise not_implemented("access control lists of objects")
        serve = {
            "GET": self._objects.get,
            "HEAD": self._objects.get,
            "PUT": self._objects.put,
            "DELETE": self._objects.delete,
        }.get(method)
        if serve is None:
            raise not_implemented(f"{method} of an object")
        return serve(operation)

    def _of_bucket(self, operation: Operation) -> Response:
        query, method = operation.query, operation.request.method
        if method == "POST" and "delete" in query:
            return self._objects.delete_many(operation)
        if method not in {"GET", "HEAD"}:
            if operation.caller.anonymous:
                self._access.require(operation.caller, "oss:PutObject", operation.bucket)
            raise not_implemented(f"{method} of a bucket: buckets come and go by deployments")
        if "uploads" in query:
            return self._multipart.list_uploads(operation)
        if "location" in query:
            return self._location(operation)
        if "bucketInfo" in query or method == "HEAD":
            return self._info(operation)
        if "acl" in query or "stat" in query:
            raise not_implemented("GetBucketAcl and GetBucketStat")
        return self._lists.objects(operation)

    def _location(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "oss:GetBucketLocation", operation.bucket)
        return xml.response("LocationConstraint", f"oss-{bucket_region(operation.bucket)}")

    def _info(self, operation: Operation) -> Response:
        self._access.require(operation.caller, "oss:GetBucketInfo", operation.bucket)
        region = f"oss-{bucket_region(operation.bucket)}"
        described: list[xml.Field] = [
            *_described(operation.bucket),
            ("Owner", [("ID", ALIBABA_ACCOUNT), ("DisplayName", ALIBABA_ACCOUNT)]),
            ("AccessControlList", [("Grant", str(operation.bucket.properties.get("acl") or "private"))]),
            ("DataRedundancyType", "LRS"),
            ("IntranetEndpoint", f"{region}-internal.aliyuncs.com"),
            ("ExtranetEndpoint", f"{region}.aliyuncs.com"),
        ]
        return xml.response("BucketInfo", [("Bucket", described)])

    def _list_buckets(self, request: Request) -> Response:
        """ListBuckets of the account; roles are not asked, since none of ours needs it."""
        region = request.host.removeprefix("oss-").partition(".")[0].removesuffix("-internal")
        principal = verify(request, self._keyring, "", "", region)
        if request.method != "GET" or request.path != "/":
            raise not_implemented(f"{request.method} without a bucket in the host name")
        if principal is None or not principal.arn.endswith(":root"):
            raise OssError(403, "AccessDenied", "You are forbidden to list buckets.")
        buckets = [("Bucket", _described(bucket)) for bucket in self._store.list(BUCKET)]
        owner = [("ID", ALIBABA_ACCOUNT), ("DisplayName", ALIBABA_ACCOUNT)]
        return xml.response("ListAllMyBucketsResult", [("Owner", owner), ("Buckets", buckets)])


def _described(bucket: Resource) -> list[xml.Field]:
    region = f"oss-{bucket_region(bucket)}"
    created = str(bucket.properties.get("creationDate") or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return [
        ("Name", bucket_name(bucket)),
        ("CreationDate", created.replace("Z", ".000Z")),
        ("Location", region),
        ("StorageClass", "Standard"),
    ]


def _key(request: Request) -> str:
    try:
        return unquote(request.path[1:], errors="strict")
    except UnicodeDecodeError as error:
        raise invalid_argument("The object key is not UTF-8.", "key", request.path) from error


def _check_key(key: str) -> None:
    if len(key.encode()) > _MAX_KEY_BYTES or key.startswith(("/", "\\")):
        raise OssError(400, "InvalidObjectName", "The specified object is not valid.", ObjectName=key[:100])
