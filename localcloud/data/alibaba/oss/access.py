"""Who may do what with an OSS bucket: policies of the caller's role, access control lists, the CDN's role.

Source: OSS user guide, "Access control overview" and "How does OSS determine whether a request is allowed";
EC error codes 0003-00000001 and 0003-00000201. Bucket policies are not evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcloud import ram
from localcloud.data.keyring import ALIBABA_ACCOUNT, ALIBABA_ROOT, Principal
from localcloud.data.messages import Request
from localcloud.store import Resource, Store

from .errors import OssError

BUCKET_ACL = "alicloud:oss/bucketAcl:BucketAcl"
OBJECT = "alicloud:oss/bucketObject:BucketObject"

_NOT_ALLOWED = ("You have no right to access this object because of bucket acl.", "0003-00000001", "ImplicitDeny")
_DENIED = ("Access denied by bucket policy.", "0003-00000201", "ExplicitDeny")
"""Sentence, EC and kind; OSS says this of policies of a role, too."""
_READS = frozenset({"oss:GetObject", "oss:ListObjects"})
_WRITES = frozenset({"oss:PutObject", "oss:DeleteObject", "oss:AbortMultipartUpload", "oss:ListParts"})


@dataclass(frozen=True)
class Caller:
    """Who asks; without a principal and a service role it is the public."""

    principal: Principal | None
    service_role: str = ""
    """Name of the role that the CDN acts with."""
    ip: str = "127.0.0.1"

    @property
    def anonymous(self) -> bool:
        return self.principal is None and not self.service_role


def bucket_name(bucket: Resource) -> str:
    return str(bucket.properties.get("bucket") or bucket.id)


def bucket_region(bucket: Resource) -> str:
    """Such as `cn-hongkong`."""
    told = str(bucket.properties.get("location") or bucket.properties.get("extranetEndpoint") or "oss-cn-hongkong")
    return told.partition(".")[0].removeprefix("oss-")


def caller(request: Request, principal: Principal | None) -> Caller:
    return Caller(principal, "" if principal else request.role, request.client_ip)


class Access:
    """Decides on calls of one store's buckets."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def require(self, who: Caller, action: str, bucket: Resource, key: str | None = None, **conditions: str) -> None:
        """Raise OssError (AccessDenied) unless the caller may do this; `conditions` such as `Prefix`."""
        if who.principal is not None and who.principal.arn == ALIBABA_ROOT:
            return
        if who.service_role:
            self._require_service(who, action)
            return
        verdict = ram.Verdict(allowed=False)
        if who.principal is not None:
            verdict = ram.judge(self._store, who.principal.arn, _call(who, action, bucket, key, conditions))
        if verdict.denied:
            raise _denied(who, action, bucket, _DENIED)
        if verdict.allowed or self._open(bucket, key, action):
            return
        if who.anonymous and action not in _READS:
            raise OssError(403, "AccessDenied", "Anonymous access is forbidden for this operation.")
        raise _denied(who, action, bucket, _NOT_ALLOWED)

    def _require_service(self, who: Caller, action: str) -> None:
        if action not in _READS or not self._store.find(ram.ROLE, roleName=who.service_role):
            raise OssError(403, "AccessDenied", _NOT_ALLOWED[0], _NOT_ALLOWED[1])

    def _open(self, bucket: Resource, key: str | None, action: str) -> bool:
        """Whether the access control list lets everybody do this."""
        acl = self._acl(bucket, key)
        return (action in _READS and acl in {"public-read", "public-read-write"}) or (
            action in _WRITES and acl == "public-read-write"
        )

    def _acl(self, bucket: Resource, key: str | None) -> str:
        name = bucket_name(bucket)
        if key is not None:
            own = self._store.find(OBJECT, bucket=name, key=key)
            stored = self._store.oss.get(name, key)
            told = str(own[0].properties.get("acl") or "") if own else ""
            told = (stored.headers.get("x-oss-object-acl") if stored else "") or told
            if told not in {"", "default"}:
                return told
        separate = self._store.find(BUCKET_ACL, bucket=name)
        return str((separate[0] if separate else bucket).properties.get("acl") or "private")


def _call(who: Caller, action: str, bucket: Resource, key: str | None, conditions: dict[str, str]) -> ram.Call:
    path = bucket_name(bucket) if key is None else f"{bucket_name(bucket)}/{key}"
    given = {f"oss:{name}": value for name, value in conditions.items()}
    given["acs:SourceIp"] = who.ip
    given["acs:SecureTransport"] = "true"
    given["acs:CurrentTime"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ram.Call(action, f"acs:oss:{bucket_region(bucket)}:{ALIBABA_ACCOUNT}:{path}", given)


def _denied(who: Caller, action: str, bucket: Resource, why: tuple[str, str, str]) -> OssError:
    message, ec, kind = why
    fields: dict[str, Any] = {}
    if who.principal is not None:
        fields["AccessDeniedDetail"] = [
            ("PolicyType", "AccountLevelIdentityBasedPolicy"),
            ("AuthPrincipalOwnerId", ALIBABA_ACCOUNT),
            ("AuthPrincipalType", "AssumedRoleUser"),
            ("AuthPrincipalDisplayName", who.principal.arn.rpartition("/")[2]),
            ("NoPermissionType", kind),
            ("AuthAction", action),
        ]
    return OssError(403, "AccessDenied", message, ec, Bucket=bucket_name(bucket), **fields)
