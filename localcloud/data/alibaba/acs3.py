"""Alibaba Cloud request signature ACS3-HMAC-SHA256.

Source: Alibaba Cloud SDK documentation, "V3 request structure and signature".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import parse_qsl, quote

from localcloud.data.keyring import AccessKey, Keyring, Principal
from localcloud.data.messages import Request

_AUTHORIZATION = re.compile(r"ACS3-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]*),\s*Signature=([0-9a-f]{64})")


class SignatureError(Exception):
    """The request is not signed, or not rightly, as FC words it."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        self.status = status
        self.kind = kind
        super().__init__(message)


def sign(request: Request, key: AccessKey) -> None:
    """Add date, content hash and authorization."""
    request.headers["Date"] = formatdate(usegmt=True)
    request.headers["x-acs-date"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    request.headers["x-acs-content-sha256"] = hashlib.sha256(request.body).hexdigest()
    if key.token:
        request.headers["x-acs-security-token"] = key.token
    names = sorted({"host", *(name.lower() for name in request.headers if name.lower().startswith("x-acs-"))})
    signature = _signature(request, key, names, request.headers.get("Host", request.host))
    request.headers["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={key.id},SignedHeaders={';'.join(names)},Signature={signature}"
    )


def verify(request: Request, keyring: Keyring, *, dated: bool = True) -> Principal:
    """Who signed the request; raises SignatureError. FC wants the header `Date`, gateways of other services do not."""
    if dated and "Date" not in request.headers:
        raise SignatureError(400, "MissingRequiredHeader", "required HTTP header Date was not specified")
    given = request.headers.get("Authorization", "")
    match = _AUTHORIZATION.fullmatch(given)
    if match is None:
        raise SignatureError(400, "InvalidArgument", f"invalid authorization '{given}'")
    found = keyring.find(match[1])
    if found is None:
        raise SignatureError(403, "InvalidAccessKeyID", f"access key id '{match[1]}' does not exist")
    key, principal = found
    names = match[2].split(";")
    # A client that was given a local address has signed that, with port; others sign the real name.
    hosts = {request.headers.get("Host", ""), request.sent_host}
    fits = any(hmac.compare_digest(_signature(request, key, names, host), match[3]) for host in hosts)
    hashed = request.headers.get("x-acs-content-sha256", hashlib.sha256(request.body).hexdigest())
    if not fits or hashed != hashlib.sha256(request.body).hexdigest():
        raise SignatureError(403, "SignatureNotMatch", "The request signature we calculated does not match.")
    if not hmac.compare_digest(request.headers.get("x-acs-security-token", "").encode(), key.token.encode()):
        raise SignatureError(403, "InvalidSecurityToken", "The security token does not belong to the access key.")
    if key.expired:
        raise SignatureError(403, "SecurityTokenExpired", "The security token has expired.")
    return principal


def _signature(request: Request, key: AccessKey, names: list[str], host: str) -> str:
    pairs = sorted(parse_qsl(request.query, keep_blank_values=True))
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    values = {name: host if name == "host" else request.headers.get(name, "") for name in names}
    headers = "".join(f"{name}:{value.strip()}\n" for name, value in values.items())
    hashed = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join([request.method, request.path, query, headers, ";".join(names), hashed])
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(key.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
