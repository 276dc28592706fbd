"""Three request signatures: OSS V4, AWS Signature Version 4, and Alibaba Cloud's ACS3-HMAC-SHA256.

Sources: OSS, "Include a V4 signature in a header"; AWS IAM User Guide, "Create a signed AWS API request"; Alibaba
Cloud SDK, "V3 request structure and signature".
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from time import gmtime, strftime
from urllib.parse import quote

Query = Iterable[tuple[str, str]]
UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, repr=False)
class Keys:
    """Temporary keys of the function's role; an empty token for lasting ones."""

    id: str
    secret: str
    token: str = ""


@dataclass(frozen=True)
class Seal:
    """Who signs, where and when: `region` such as `cn-hongkong`, `now` in seconds since the epoch."""

    keys: Keys
    region: str
    now: float


@dataclass(frozen=True)
class Target:
    """What a signature covers besides headers: `path` is percent-encoded, `query` is not."""

    method: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...] = ()


def encoded(query: Query, *, empty: str) -> str:
    """Percent-encoded pairs in the order that signatures want; `empty` follows a name without a value."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query)
    return "&".join(f"{name}={value}" if value else f"{name}{empty}" for name, value in pairs)


def oss(target: Target, bucket: str, headers: Mapping[str, str], seal: Seal) -> dict[str, str]:
    """`headers` with those of an OSS V4 signature."""
    keys, region, now = seal.keys, seal.region, seal.now
    moment = strftime("%Y%m%dT%H%M%SZ", gmtime(now))
    signed = {**headers, "x-oss-date": moment, "x-oss-content-sha256": UNSIGNED}
    if keys.token:
        signed["x-oss-security-token"] = keys.token
    covered = sorted(
        (name.lower(), value)
        for name, value in signed.items()
        if name.lower().startswith("x-oss-") or name.lower() in {"content-type", "content-md5"}
    )
    lines = "".join(f"{name}:{value}\n" for name, value in covered)
    path = f"/{quote(bucket)}{target.path}" if bucket else target.path
    canonical = f"{target.method}\n{path}\n{encoded(target.query, empty='')}\n{lines}\n\n{UNSIGNED}"
    scope = f"{moment[:8]}/{region}/oss/aliyun_v4_request"
    to_sign = f"OSS4-HMAC-SHA256\n{moment}\n{scope}\n{_sha256(canonical)}"
    signature = _hmac(_key("aliyun_v4" + keys.secret, scope), to_sign).hex()
    signed["Authorization"] = f"OSS4-HMAC-SHA256 Credential={keys.id}/{scope},Signature={signature}"
    return signed


def aws(target: Target, service: str, headers: Mapping[str, str], seal: Seal, payload: str) -> dict[str, str]:
    """`headers` with those of a Signature Version 4; `payload` is the SHA-256 (hex) of the body."""
    keys, region, now = seal.keys, seal.region, seal.now
    moment = strftime("%Y%m%dT%H%M%SZ", gmtime(now))
    signed = {**headers, "x-amz-date": moment}
    if service == "s3":
        signed["x-amz-content-sha256"] = payload
    if keys.token:
        signed["x-amz-security-token"] = keys.token
    covered = sorted({**{name.lower(): value for name, value in signed.items()}, "host": target.host}.items())
    lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in covered)
    names = ";".join(name for name, _ in covered)
    query = encoded(target.query, empty="=")
    canonical = f"{target.method}\n{target.path}\n{query}\n{lines}\n{names}\n{payload}"
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{_sha256(canonical)}"
    signature = _hmac(_key("AWS4" + keys.secret, scope), to_sign).hex()
    signed["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


def acs3(
    target: Target, action: tuple[str, str], headers: Mapping[str, str], seal: Seal, body: bytes
) -> dict[str, str]:
    """`headers` with those of an RPC call; `action` is its name and the API's version."""
    keys, now = seal.keys, seal.now
    payload = hashlib.sha256(body).hexdigest()
    signed = {
        **headers,
        "x-acs-action": action[0],
        "x-acs-version": action[1],
        "x-acs-date": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now)),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-content-sha256": payload,
    }
    if keys.token:
        signed["x-acs-security-token"] = keys.token
    lower = {name.lower(): value for name, value in signed.items()} | {"host": target.host}
    covered = sorted((name, value) for name, value in lower.items() if _in_acs3(name))
    lines = "".join(f"{name}:{value.strip()}\n" for name, value in covered)
    names = ";".join(name for name, _ in covered)
    query = encoded(target.query, empty="=")
    canonical = f"{target.method}\n{target.path}\n{query}\n{lines}\n{names}\n{payload}"
    signature = _hmac(keys.secret.encode(), f"ACS3-HMAC-SHA256\n{_sha256(canonical)}").hex()
    signed["Date"] = strftime("%a, %d %b %Y %H:%M:%S GMT", gmtime(now))
    signed["Authorization"] = f"ACS3-HMAC-SHA256 Credential={keys.id},SignedHeaders={names},Signature={signature}"
    return signed


def _in_acs3(name: str) -> bool:
    return name.startswith("x-acs-") or name in {"host", "content-type"}


@lru_cache(maxsize=8)
def _key(start: str, scope: str) -> bytes:
    key = start.encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
