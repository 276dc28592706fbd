"""S3 buckets as CloudFront origins: GET and HEAD of objects, allowed by signature and bucket policy.

Source: Amazon CloudFront Developer Guide, "Restrict access to an Amazon S3 origin"; Amazon S3 User Guide,
"Error responses".
"""

from __future__ import annotations

import hashlib
import json
import secrets
from email.utils import formatdate
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from multidict import CIMultiDict

from localcloud.objects import StoredObject
from localcloud.store import Resource, Store

from .keyring import AWS_ACCOUNT, Keyring, Principal
from .messages import Request, Response
from .sigv4 import SignatureError, verify

BUCKET = "aws:s3/bucket:Bucket"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"


class S3:
    """Every S3 bucket of the state."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    async def handle(self, request: Request, bucket: Resource) -> Response:
        """Answer a request to `<bucket>.s3.<region>.amazonaws.com`."""
        response = self._answer(request, bucket)
        if request.method == "HEAD":
            response.headers["Content-Length"] = str(len(response.body))
            response.body = b""
        return response

    def _answer(self, request: Request, bucket: Resource) -> Response:
        name, key = str(bucket.properties.get("bucket") or bucket.id), unquote(request.path[1:])
        region = str(bucket.properties.get("region") or "us-east-1")
        caller = None
        if "Authorization" in request.headers:
            try:
                caller = verify(request, self._keyring, "s3", region)
            except SignatureError as error:
                return _error(403, "SignatureDoesNotMatch", str(error))
        if request.method not in {"GET", "HEAD"} or not self._allowed(name, key, caller):
            return _error(403, "AccessDenied", "Access Denied")
        found = self._store.s3.get(name, key)
        # Without s3:ListBucket a missing key is not told apart from a forbidden one.
        return _object(found, self._store) if found else _error(403, "AccessDenied", "Access Denied")

    def _allowed(self, bucket: str, key: str, caller: Principal | None) -> bool:
        if caller is not None and caller.arn == f"arn:aws:iam::{AWS_ACCOUNT}:root":
            return True
        resource = f"arn:aws:s3:::{bucket}/{key}"
        for policy in self._store.find(BUCKET_POLICY, bucket=bucket):
            document = policy.properties["policy"]
            parsed = json.loads(document) if isinstance(document, str) else document
            statements = [
                statement for statement in _listed(parsed["Statement"]) if _covers(statement, resource, caller)
            ]
            if any(statement["Effect"] == "Deny" for statement in statements):
                return False
            if statements:
                return True
        return False


def _covers(statement: dict[str, Any], resource: str, caller: Principal | None) -> bool:
    principal = statement.get("Principal")
    services = _listed(principal.get("Service", [])) if isinstance(principal, dict) else []
    by_name = principal in ("*", {"AWS": "*"}) or (caller is not None and caller.service in services)
    equals = {**statement.get("Condition", {}).get("StringEquals", {})}
    source = next((value for name, value in equals.items() if name.lower() == "aws:sourcearn"), None)
    return (
        by_name
        and any(fnmatchcase("s3:GetObject", action) for action in _listed(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in _listed(statement["Resource"]))
        and (source is None or (caller is not None and caller.source_arn in _listed(source)))
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _object(found: StoredObject, store: Store) -> Response:
    data = store.blob_path(found.blob).read_bytes()
    headers = CIMultiDict(found.headers)
    headers.setdefault("Content-Type", "binary/octet-stream")
    headers["ETag"] = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
    headers["Last-Modified"] = formatdate(found.modified, usegmt=True)
    headers["Accept-Ranges"] = "bytes"
    headers["Server"] = "AmazonS3"
    headers["x-amz-request-id"] = secrets.token_hex(8).upper()
    return Response(200, headers, data)


def _error(status: int, code: str, message: str) -> Response:
    request_id = secrets.token_hex(8).upper()
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message><RequestId>{request_id}</RequestId>"
        f"<HostId>{secrets.token_urlsafe(56)}</HostId></Error>"
    )
    headers = CIMultiDict({"Content-Type": "application/xml", "Server": "AmazonS3", "x-amz-request-id": request_id})
    return Response(status, headers, body.encode())
