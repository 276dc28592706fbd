"""S3: buckets, their settings and objects.

Sources: Amazon S3 API Reference, "Error responses"; Amazon S3 User Guide, "Bucket naming rules" and "Blocking public
access"; AWS provider `internal/service/s3/`.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from collections.abc import Iterator
from typing import Any

from localcloud.control import policy
from localcloud.control.autoname import Autoname
from localcloud.control.aws.base import BUCKET, AwsKind
from localcloud.control.content import asset_bytes
from localcloud.control.diff import Change
from localcloud.control.kind import Cloud, CloudError, Given, Values, known, random_text
from localcloud.control.validate import Failure
from localcloud.policies import listed, statements
from localcloud.store import Resource

VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
PUBLIC_ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"

_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9](?:[a-z0-9-]|\.(?!\.))*[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_ZONES = {
    "us-east-1": "Z3AQBSTGFYJSTF", "us-west-2": "Z3BJ6K6RIION7M", "eu-west-1": "Z1BKCTXD74EZPE",
    "ap-northeast-1": "Z2M4EHUR26P7ZW",
}  # fmt: skip
_HEADERS = {
    "contentType": "content-type",
    "cacheControl": "cache-control",
    "contentDisposition": "content-disposition",
    "contentEncoding": "content-encoding",
    "contentLanguage": "content-language",
}
_UPLOADS = frozenset(
    {*_HEADERS, "content", "contentBase64", "source", "sourceHash", "etag", "metadata", "storageClass"}
)


class Bucket(AwsKind):
    service = "S3"
    label = "S3 Bucket"
    identity = ("bucket",)
    autoname = Autoname("bucket", 63, lower_case=True)
    operations = ("CreateBucket", "", "DeleteBucket")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        name = inputs.get("bucket")
        if known(name) and (not _NAME.fullmatch(name) or _ADDRESS.fullmatch(name)):
            accepted = (
                "3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit"
            )
            yield Failure(("bucket",), f"invalid bucket name {name!r}: {accepted}, not an IP address")

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        region = cloud.region_of(inputs)
        return {
            "bucket": id_,
            "arn": f"arn:aws:s3:::{id_}",
            "bucketDomainName": f"{id_}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{id_}.s3.{region}.amazonaws.com",
            "bucketRegion": region,
            "hostedZoneId": _ZONES.get(region, ""),
            "requestPayer": inputs.get("requestPayer", "BucketOwner"),
            "websiteDomain": "",
            "websiteEndpoint": "",
        }

    def find(self, cloud: Cloud, id_: str, properties: Given) -> Resource | None:
        # A bucket name is one for all regions.
        del properties
        return cloud.store.get(self.token, id_)

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del id_, inputs
        sentence = "Your previous request to create the named bucket succeeded and you already own it."
        return CloudError("BucketAlreadyOwnedByYou", sentence, 409)

    def release(self, cloud: Cloud, row: Resource) -> None:
        objects = cloud.store.s3.list(row.id)
        if objects and not row.properties.get("forceDestroy"):
            raise CloudError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
        for stored in objects:
            cloud.store.s3.delete(row.id, stored.key)
        for upload in cloud.store.s3.list_uploads(row.id):
            cloud.store.s3.end_upload(upload)


class _Setting(AwsKind):
    """A setting of one bucket, which it has or has not: the cloud's call is a put."""

    service = "S3"
    identity = ("bucket",)
    puts = True

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        require_bucket(cloud, inputs["bucket"])


class Versioning(_Setting):
    label = "S3 Bucket Versioning"
    operations = ("PutBucketVersioning", "PutBucketVersioning", "")

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        super().admit(cloud, inputs, old)
        wanted = inputs["versioningConfiguration"]["status"]
        before = old.properties["versioningConfiguration"]["status"] if old else "Disabled"
        if wanted == "Disabled" and before != "Disabled":
            sentence = f"versioning_configuration.status cannot be updated from '{before}' to 'Disabled'"
            raise CloudError("InvalidArgument", sentence)


class PublicAccessBlock(_Setting):
    label = "S3 Bucket Public Access Block"
    operations = ("PutPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock")


class OwnershipControls(_Setting):
    label = "S3 Bucket Ownership Controls"
    operations = ("PutBucketOwnershipControls", "PutBucketOwnershipControls", "")


class BucketPolicy(_Setting):
    label = "S3 Bucket Policy"
    operations = ("PutBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        problem = policy.text_problem(inputs["policy"]) if known(inputs.get("policy")) else None
        if problem:
            yield Failure(("policy",), f'"policy" {problem}')

    def same(self, name: str, old: Any, new: Any) -> bool:
        return name == "policy" and isinstance(new, str) and policy.equivalent(old, new)

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        super().admit(cloud, inputs, old)
        arn = f"arn:aws:s3:::{inputs['bucket']}"
        for statement in statements(inputs["policy"]):
            if "Principal" not in statement and "NotPrincipal" not in statement:
                raise CloudError("MalformedPolicy", "Missing required field Principal")
            for resource in listed(statement.get("Resource")):
                if resource != arn and not resource.startswith(f"{arn}/"):
                    raise CloudError("MalformedPolicy", "Policy has invalid resource")
        if policy.is_public(inputs["policy"]) and _blocks_public_policy(cloud, inputs["bucket"]):
            sentence = (
                f"User: arn:aws:iam::{cloud.account}:root is not authorized to perform: s3:PutBucketPolicy on "
                f'resource: "{arn}" because public policies are blocked by the BlockPublicPolicy block public access '
                "setting."
            )
            raise CloudError("AccessDenied", sentence, 403)


class BucketObject(AwsKind):
    service = "S3"
    label = "S3 Object"
    identity = ("bucket", "key")
    puts = True
    autoname = Autoname("key", 1024, random=False)
    operations = ("PutObject", "PutObject", "DeleteObject")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        metadata = inputs.get("metadata")
        for key in metadata if isinstance(metadata, dict) else ():
            if key != key.lower():
                yield Failure(("metadata",), f'Metadata must be lowercase only. Offending key: "{key}"')

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        return f"{inputs['bucket']}/{_sent_key(inputs['key'])}"

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        require_bucket(cloud, inputs["bucket"])

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del cloud
        guessed = mimetypes.guess_type(inputs["key"])[0] or "application/octet-stream"
        return {
            "arn": f"arn:aws:s3:::{id_}",
            "contentType": inputs.get("contentType", guessed),
            "serverSideEncryption": inputs.get("serverSideEncryption", "AES256"),
            "storageClass": inputs.get("storageClass", "STANDARD"),
        }

    def private(self, cloud: Cloud, properties: Values, old: Resource | None) -> dict[str, Any]:
        data = _object_bytes(properties)
        headers = {header: properties[name] for name, header in _HEADERS.items() if properties.get(name)}
        cloud.store.s3.put(properties["bucket"], _sent_key(properties["key"]), data, headers)
        properties["etag"] = hashlib.md5(data, usedforsecurity=False).hexdigest()
        properties["versionId"] = (
            random_text(32, "abcdefghijklmnopqrstuvwxyz0123456789") if _versioned(cloud, properties) else ""
        )
        return super().private(cloud, properties, old)

    def unknown_after_update(self, changes: list[Change], inputs: Given) -> set[str]:
        del inputs
        return {"versionId"} if {change.top for change in changes} & _UPLOADS else set()

    def remove(self, cloud: Cloud, row: Resource) -> None:
        cloud.store.s3.delete(row.properties["bucket"], _sent_key(row.properties["key"]))
        super().remove(cloud, row)


def require_bucket(cloud: Cloud, name: str) -> Resource:
    """The bucket; raises CloudError when there is none."""
    row = cloud.store.get(BUCKET, name)
    if row is None:
        raise CloudError("NoSuchBucket", "The specified bucket does not exist", 404)
    return row


def _object_bytes(properties: Given) -> bytes:
    if "source" in properties:
        return asset_bytes(properties["source"])
    if "contentBase64" in properties:
        return base64.b64decode(properties["contentBase64"])
    return properties.get("content", "").encode()


def _sent_key(key: str) -> str:
    """The key as the provider sends it: without a leading `./` or `/`, and `//` as one slash."""
    return re.sub("/+", "/", key.removeprefix("./").lstrip("/"))


def _versioned(cloud: Cloud, properties: Given) -> bool:
    row = cloud.store.get(VERSIONING, properties["bucket"])
    return bool(row) and row.properties["versioningConfiguration"]["status"] == "Enabled"


def _blocks_public_policy(cloud: Cloud, bucket: str) -> bool:
    """New buckets block public policies until a setting says otherwise (S3, since April 2023)."""
    row = cloud.store.get(PUBLIC_ACCESS, bucket)
    return bool(row.properties.get("blockPublicPolicy")) if row else True


KINDS = {
    BUCKET: Bucket,
    VERSIONING: Versioning,
    PUBLIC_ACCESS: PublicAccessBlock,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": OwnershipControls,
    "aws:s3/bucketPolicy:BucketPolicy": BucketPolicy,
    "aws:s3/bucketObjectv2:BucketObjectv2": BucketObject,
}
