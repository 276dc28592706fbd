"""Who may do what with an S3 bucket: the policies of the caller's role and of the bucket.

Source: IAM User Guide, "Policy evaluation logic"; Amazon S3 User Guide, "Policies and permissions in Amazon S3".
"""

from __future__ import annotations

from typing import Any

from localcloud import iam
from localcloud.data.keyring import AWS_ACCOUNT, AWS_ROOT, Principal
from localcloud.policies import Call, Verdict, judge, principals, statements
from localcloud.store import Resource, Store

from .errors import S3Error

BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"


def bucket_name(bucket: Resource) -> str:
    return str(bucket.properties.get("bucket") or bucket.id)


def bucket_region(bucket: Resource) -> str:
    """Where a request must be signed for."""
    return str(bucket.properties.get("region") or "us-east-1")


class Access:
    """Decides on calls of one store's buckets."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def require(
        self, who: Principal | None, action: str, bucket: Resource, key: str | None = None, **conditions: str
    ) -> None:
        """Raise S3Error (AccessDenied) unless the caller may do this; `conditions` such as `prefix`."""
        if not self.allows(who, action, bucket, key, **conditions):
            raise S3Error(403, "AccessDenied", "Access Denied")

    def allows(
        self, who: Principal | None, action: str, bucket: Resource, key: str | None = None, **conditions: str
    ) -> bool:
        if who is not None and who.arn == AWS_ROOT:
            return True
        name = bucket_name(bucket)
        given = {f"s3:{name}": value for name, value in conditions.items()}
        given |= {"aws:SourceArn": who.source_arn} if who is not None and who.source_arn else {}
        given |= {"aws:SourceAccount": AWS_ACCOUNT} if who is not None and who.service else {}
        resource = f"arn:aws:s3:::{name}" if key is None else f"arn:aws:s3:::{name}/{key}"
        call = Call(action, resource, given)
        own = Verdict(allowed=False)
        if who is not None and not who.service:
            own = iam.judge(self._store, who.arn, call)
        theirs = judge(self._bucket_statements(name, who), call)
        return not (own.denied or theirs.denied) and (own.allowed or theirs.allowed)

    def _bucket_statements(self, bucket: str, who: Principal | None) -> list[dict[str, Any]]:
        """The statements of the bucket policy that are about this caller."""
        found: list[dict[str, Any]] = []
        for policy in self._store.find(BUCKET_POLICY, bucket=bucket):
            found += [statement for statement in statements(policy.properties["policy"]) if _is_about(statement, who)]
        return found


def _is_about(statement: dict[str, Any], who: Principal | None) -> bool:
    if statement.get("Principal") in ("*", {"AWS": "*"}):
        return True
    if who is None:
        return False
    if who.service:
        return who.service in principals(statement, "Service")
    names = {who.arn, f"arn:aws:iam::{AWS_ACCOUNT}:role/{iam.role_name(who.arn)}", AWS_ACCOUNT, AWS_ROOT}
    return bool(names & set(principals(statement, "AWS")))
