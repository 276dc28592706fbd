"""Signature version 4 of OSS, in the Authorization header or in the query of a presigned URL.

Source: OSS developer reference, "Include a V4 signature in the Authorization header" and "Add signatures to URLs (V4)".
Version 1 is refused: new accounts and new buckets cannot use it any more.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from localcloud.data import xml
from localcloud.data.keyring import AccessKey, Keyring, Principal
from localcloud.data.messages import Request

from .errors import OssError, invalid_argument

ALGORITHM = "OSS4-HMAC-SHA256"

_TIME = "%Y%m%dT%H%M%SZ"
_TOLERANCE = timedelta(minutes=15)
_MAX_EXPIRES = 604_800
_AUTHORIZATION = re.compile(
    r"OSS4-HMAC-SHA256 Credential=([^,\s]+)(?:,\s*AdditionalHeaders=([^,\s]*))?,\s*Signature=([0-9a-f]{64})"
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


@dataclass(frozen=True)
class _Claim:
    """What a request says of its signature."""

    credential: str
    additional: str
    signature: str
    time: str
    token: str
    payload: str
    expires: int | None
    """Seconds, for a presigned URL."""

    @property
    def key_id(self) -> str:
        return self.credential.partition("/")[0]

    @property
    def scope(self) -> str:
        return self.credential.partition("/")[2]


def parameters(query: str) -> dict[str, str]:
    """The parameters of a query; `+` is a plus, as OSS has it."""
    return dict(_pairs(query))


def sign(request: Request, access_key: AccessKey, bucket: str, key: str, region: str) -> None:
    """Add the headers of a signature that leaves the body out."""
    moment = datetime.now(UTC).strftime(_TIME)
    scope = f"{moment[:8]}/{region}/oss/aliyun_v4_request"
    claim = _Claim(f"{access_key.id}/{scope}", "", "", moment, access_key.token, "UNSIGNED-PAYLOAD", None)
    request.headers.update({"x-oss-date": moment, "x-oss-content-sha256": claim.payload})
    to_sign = "\n".join([ALGORITHM, moment, scope, _sha256(_canonical(request, claim, bucket, key))])
    signature = _signature(access_key.secret, scope, to_sign)
    request.headers["Authorization"] = f"{ALGORITHM} Credential={claim.credential},Signature={signature}"


def verify(request: Request, keyring: Keyring, bucket: str, key: str, region: str) -> Principal | None:
    """Who signed the request, None for an anonymous one; raises OssError."""
    claim = _claim(request)
    if claim is None:
        return None
    found = keyring.find(claim.key_id)
    if found is None or (found[0].token and not claim.token):
        told = "The OSS Access Key Id you provided does not exist in our records."
        raise OssError(403, "InvalidAccessKeyId", told, "0002-00000902", OSSAccessKeyId=claim.key_id)
    access_key, principal = found
    _check_scope(claim, region)
    canonical = _canonical(request, claim, bucket, key)
    to_sign = "\n".join([ALGORITHM, claim.time, claim.scope, _sha256(canonical)])
    if not hmac.compare_digest(_signature(access_key.secret, claim.scope, to_sign), claim.signature):
        fields = {"OSSAccessKeyId": claim.key_id, "SignatureProvided": claim.signature, "StringToSign": to_sign}
        raise OssError(403, "SignatureDoesNotMatch", _MISMATCH, CanonicalRequest=canonical, **fields)
    _check_token(claim, access_key)
    _check_time(claim)
    return principal


def _claim(request: Request) -> _Claim | None:
    given = request.headers.get("Authorization")
    if given is not None:
        match = _AUTHORIZATION.fullmatch(given)
        if match is None:
            told = "Unsupported Authorization Type"
            raise invalid_argument(told, "Authorization", given.partition(" ")[0], "0002-00000002")
        headers = request.headers
        time = headers.get("x-oss-date", "")
        payload = headers.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD")
        return _Claim(match[1], match[2] or "", match[3], time, headers.get("x-oss-security-token", ""), payload, None)
    query = parameters(request.query)
    if "OSSAccessKeyId" in query:
        raise invalid_argument("Unsupported Authorization Type", "OSSAccessKeyId", query["OSSAccessKeyId"])
    if "x-oss-signature" not in query:
        return None
    if query.get("x-oss-signature-version") != ALGORITHM:
        version = query.get("x-oss-signature-version", "")
        raise invalid_argument("Invalid signature version.", "x-oss-signature-version", version)
    return _Claim(
        query.get("x-oss-credential", ""),
        query.get("x-oss-additional-headers", ""),
        query["x-oss-signature"],
        query.get("x-oss-date", ""),
        query.get("x-oss-security-token", ""),
        "UNSIGNED-PAYLOAD",
        _expires(query.get("x-oss-expires", "")),
    )


def _expires(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _MAX_EXPIRES:
        raise invalid_argument(f"x-oss-expires should be from 1 to {_MAX_EXPIRES}.", "x-oss-expires", text)
    return int(text)


def _check_scope(claim: _Claim, region: str) -> None:
    parts = claim.scope.split("/")
    if len(parts) != 4 or parts[2:] != ["oss", "aliyun_v4_request"]:
        raise invalid_argument("Invalid credential in Authorization header.", "Credential", claim.credential)
    if parts[1] != region:
        told = "Invalid signing region in Authorization header."
        raise OssError(400, "InvalidArgument", told, "0002-00000226", Region=region)
    if not claim.time.startswith(parts[0]):
        raise invalid_argument("Invalid signing date in Authorization header.", "Credential", claim.credential)


def _check_token(claim: _Claim, key: AccessKey) -> None:
    if not hmac.compare_digest(claim.token.encode(), key.token.encode()):
        told = "The security token included in the request is invalid."
        raise OssError(403, "InvalidSecurityToken", told, "0002-00000006")
    if key.expired:
        told = "The security token you provided has expired."
        raise OssError(403, "SecurityTokenExpired", told, "0002-00000007")


def _check_time(claim: _Claim) -> None:
    now = datetime.now(UTC)
    try:
        signed = datetime.strptime(claim.time, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise OssError(403, "AccessDenied", "OSS authentication requires a valid Date.") from error
    if claim.expires is not None:
        if now > signed + timedelta(seconds=claim.expires):
            expires = xml.iso_time(signed.timestamp() + claim.expires)
            raise OssError(403, "AccessDenied", "Request has expired.", Expires=expires)
    elif abs(now - signed) > _TOLERANCE:
        told = "The difference between the request time and the current time is too large."
        fields = {"MaxAllowedSkewMilliseconds": "900000", "RequestTime": xml.iso_time(signed.timestamp())}
        server = xml.iso_time(now.timestamp())
        raise OssError(403, "RequestTimeTooSkewed", told, "0002-00000504", **fields, ServerTime=server)


def _canonical(request: Request, claim: _Claim, bucket: str, key: str) -> str:
    path = quote(f"/{bucket}/{key}" if bucket else f"/{key}", safe="/-_.~")
    pairs = sorted(
        (_quoted(name), _quoted(value)) for name, value in _pairs(request.query) if name != "x-oss-signature"
    )
    query = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    additional = [name for name in claim.additional.lower().split(";") if name]
    headers = "".join(
        f"{name}:{value}\n" for name, value in sorted(_signed_headers(request, additional), key=lambda pair: pair[0])
    )
    return "\n".join([request.method, path, query, headers, ";".join(additional), claim.payload])


def _signed_headers(request: Request, additional: list[str]) -> Iterator[tuple[str, str]]:
    for name, value in request.headers.items():
        lower = name.lower()
        if lower.startswith("x-oss-") or lower in {"content-type", "content-md5"} or lower in additional:
            yield lower, request.sent_host if lower == "host" and request.sent_host else value


def _signature(secret: str, scope: str, to_sign: str) -> str:
    key = f"aliyun_v4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        yield unquote(name), unquote(value)


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
