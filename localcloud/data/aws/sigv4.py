"""AWS Signature Version 4, made and checked with botocore.

Source: IAM User Guide, "AWS Signature Version 4 for API requests".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localcloud.data.keyring import AccessKey, Keyring, Principal
from localcloud.data.messages import Request

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
CONTENT_HASH = "x-amz-content-sha256"

_TIME = "%Y%m%dT%H%M%SZ"
_TOLERANCE = timedelta(minutes=15)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request,\s*"
    r"SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})"
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
    "Key and signing method. Consult the service documentation for details."
)


class SignatureError(Exception):
    """The request is not signed, or not rightly; `kind` is the error type of the service.

    `cause` is `missing`, `key`, `token`, `expired`, `time`, `signature` or `payload`.
    """

    def __init__(self, kind: str, message: str, cause: str) -> None:
        self.kind = kind
        self.cause = cause
        super().__init__(message)


def sign(request: Request, key: AccessKey, service: str, region: str) -> None:
    """Add date, token, content hash and authorization; a content hash that is there already is signed as it is."""
    stamp = datetime.now(UTC).strftime(_TIME)
    request.headers["X-Amz-Date"] = stamp
    request.headers.setdefault(CONTENT_HASH, hashlib.sha256(request.body).hexdigest())
    if key.token:
        request.headers["X-Amz-Security-Token"] = key.token
    names = [
        name.lower()
        for name in ("Host", "X-Amz-Content-Sha256", "X-Amz-Date", "X-Amz-Security-Token")
        if name in request.headers
    ]
    host = request.headers.get("Host", request.host)
    signature = _signature(request, key, names, stamp, (service, region, host))
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key.id}/{stamp[:8]}/{region}/{service}/aws4_request, "
        f"SignedHeaders={';'.join(sorted(names))}, Signature={signature}"
    )


def verify(request: Request, keyring: Keyring, service: str, region: str, *, unsigned: bool = False) -> Principal:
    """Who signed the request; raises SignatureError as AWS would refuse it.

    A content hash header must be that of the body; `UNSIGNED-PAYLOAD` is accepted for an empty body only
    (Amazon CloudFront Developer Guide, "Restrict access to an AWS Lambda function URL origin"), or with `unsigned`,
    as S3 does, for any.
    """
    match = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    if match is None:
        raise SignatureError("MissingAuthenticationTokenException", "Missing Authentication Token", "missing")
    key_id, day, signed_region, signed_service, signed_headers, signature = match.groups()
    found = keyring.find(key_id)
    told = "The security token included in the request is invalid."
    if found is None:
        raise SignatureError("UnrecognizedClientException", told, "key")
    key, principal = found
    if key.token != request.headers.get("X-Amz-Security-Token", ""):
        raise SignatureError("UnrecognizedClientException", told, "token")
    if key.expired:
        told = "The security token included in the request is expired"
        raise SignatureError("ExpiredTokenException", told, "expired")
    stamp = _checked_time(request, day)
    names = signed_headers.split(";")
    # A client that was given a local address has signed that, with port; others sign the real name.
    hosts = {request.headers.get("Host", request.host), request.sent_host or request.host}
    fits = any(
        hmac.compare_digest(_signature(request, key, names, stamp, (service, region, host)), signature)
        for host in hosts
    )
    if not fits or (signed_service, signed_region) != (service, region) or "host" not in names:
        raise SignatureError("InvalidSignatureException", _MISMATCH, "signature")
    if not _content_matches(request, unsigned=unsigned):
        raise SignatureError("InvalidSignatureException", _MISMATCH, "payload")
    return principal


def _checked_time(request: Request, day: str) -> str:
    stamp = request.headers.get("X-Amz-Date", "")
    try:
        signed_at = datetime.strptime(stamp, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureError(
            "IncompleteSignatureException", "Authorization header requires 'X-Amz-Date'.", "time"
        ) from error
    if abs(datetime.now(UTC) - signed_at) > _TOLERANCE or not stamp.startswith(day):
        raise SignatureError(
            "InvalidSignatureException", f"Signature expired: {stamp} is not within 15 minutes.", "time"
        )
    return stamp


def _content_matches(request: Request, *, unsigned: bool) -> bool:
    given = request.headers.get(CONTENT_HASH)
    if given is None:
        return True
    if given == UNSIGNED_PAYLOAD:
        return unsigned or not request.body
    content = request.upload
    return given == (content.sha256 if content else hashlib.sha256(request.body).hexdigest())


def _signature(request: Request, key: AccessKey, names: list[str], stamp: str, scope: tuple[str, str, str]) -> str:
    """`scope` is service, region and the host name that was signed."""
    service, region, host = scope
    auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(key.id, key.secret), service, region)
    prepared = AWSRequest(
        method=request.method,
        url=f"https://{host}{request.target}",
        headers={name: host if name == "host" else request.headers[name] for name in names if name in request.headers},
        data=request.body,
    )
    prepared.context["timestamp"] = stamp
    return str(auth.signature(auth.string_to_sign(prepared, auth.canonical_request(prepared)), prepared))
