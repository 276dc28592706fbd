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

from .keyring import AccessKey, Keyring, Principal
from .messages import Request

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
    names = sorted({"host", *(name.lower() for name in request.headers if name.lower().startswith("x-acs-"))})
    signature = _signature(request, key, names)
    request.headers["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={key.id},SignedHeaders={';'.join(names)},Signature={signature}"
    )


def verify(request: Request, keyring: Keyring) -> Principal:
    """Who signed the request; raises SignatureError."""
    if "Date" not in request.headers:
        raise SignatureError(400, "MissingRequiredHeader", "required HTTP header Date was not specified")
    given = request.headers.get("Authorization", "")
    match = _AUTHORIZATION.fullmatch(given)
    if match is None:
        raise SignatureError(400, "InvalidArgument", f"invalid authorization '{given}'")
    found = keyring.find(match[1])
    if found is None:
        raise SignatureError(403, "InvalidAccessKeyID", f"access key id '{match[1]}' does not exist")
    key, principal = found
    expected = _signature(request, key, match[2].split(";"))
    hashed = request.headers.get("x-acs-content-sha256", hashlib.sha256(request.body).hexdigest())
    if not hmac.compare_digest(expected, match[3]) or hashed != hashlib.sha256(request.body).hexdigest():
        raise SignatureError(403, "SignatureNotMatch", "The request signature we calculated does not match.")
    return principal


def _signature(request: Request, key: AccessKey, names: list[str]) -> str:
    pairs = sorted(parse_qsl(request.query, keep_blank_values=True))
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in names)
    hashed = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join([request.method, request.path, query, headers, ";".join(names), hashed])
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(key.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
