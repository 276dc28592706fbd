"""OSS: buckets, their settings and objects.

Sources: Object Storage Service API reference (PutBucket, DeleteBucket, PutObject and their errors); OSS user guide,
"Bucket naming conventions" and "Block public access"; Alibaba provider `resource_alicloud_oss_bucket_object.go`.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localcloud.control.alibaba.base import BUCKET, AlibabaKind
from localcloud.control.kind import Cloud, CloudError, Given, Values, known, now, random_text
from localcloud.control.validate import Failure
from localcloud.events import DELETE, PUT, Change, fire
from localcloud.store import Resource

PUBLIC_ACCESS = "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock"
VERSIONING = "alicloud:oss/bucketVersioning:BucketVersioning"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_HEADERS = {
    "contentType": "content-type",
    "cacheControl": "cache-control",
    "contentDisposition": "content-disposition",
    "contentEncoding": "content-encoding",
    "expires": "expires",
}


class Bucket(AlibabaKind):
    identity = ("bucket",)
    operations = ("PutBucket", "PutBucket", "DeleteBucket")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        name = inputs.get("bucket")
        if known(name) and not _NAME.fullmatch(name):
            accepted = "3 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit"
            yield Failure(("bucket",), f"invalid bucket name {name!r}: {accepted}")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        return inputs.get("bucket") or f"tf-oss-bucket-{random_text(26, '0123456789')}"

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        return {
            "bucket": id_,
            "acl": inputs.get("acl", "private"),
            "creationDate": now(),
            "location": f"oss-{cloud.region}",
            "extranetEndpoint": f"oss-{cloud.region}.aliyuncs.com",
            "intranetEndpoint": f"oss-{cloud.region}-internal.aliyuncs.com",
            "owner": cloud.account,
        }

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del id_, inputs
        sentence = (
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
            "Please select a different name and try again."
        )
        return CloudError("BucketAlreadyExists", sentence, 409)

    def release(self, cloud: Cloud, row: Resource) -> None:
        objects, uploads = cloud.store.oss.list(row.id), cloud.store.oss.list_uploads(row.id)
        if (objects or uploads) and not row.properties.get("forceDestroy"):
            raise CloudError("BucketNotEmpty", "The bucket has objects. Please delete them first.", 409)
        for upload in uploads:
            cloud.store.oss.end_upload(upload)
        for stored in objects:
            cloud.store.oss.delete(row.id, stored.key)


class Setting(AlibabaKind):
    """A setting of one bucket, which it has or has not: the cloud's call is a put."""

    identity = ("bucket",)
    puts = True

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        require_bucket(cloud, inputs["bucket"])


class BucketAcl(Setting):
    operations = ("PutBucketAcl", "PutBucketAcl", "PutBucketAcl")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        acl, accepted = inputs.get("acl"), ("private", "public-read", "public-read-write")
        if known(acl) and acl not in accepted:
            yield Failure(("acl",), f"expected acl to be one of {list(accepted)}, got {acl!r}")

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        super().admit(cloud, inputs, old)
        block = cloud.store.get(PUBLIC_ACCESS, inputs["bucket"])
        # New buckets block public access until a setting says otherwise.
        if inputs["acl"] != "private" and (block is None or block.properties["blockPublicAccess"]):
            raise CloudError("AccessDenied", "Put public bucket acl is not allowed", 403)


class BucketPublicAccessBlock(Setting):
    operations = ("PutBucketPublicAccessBlock", "PutBucketPublicAccessBlock", "DeleteBucketPublicAccessBlock")


class BucketVersioning(Setting):
    operations = ("PutBucketVersioning", "PutBucketVersioning", "")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        status = inputs.get("status")
        if known(status) and status not in ("Enabled", "Suspended"):
            yield Failure(("status",), f"expected status to be one of ['Enabled', 'Suspended'], got {status!r}")


class BucketObject(AlibabaKind):
    """The Pulumi id is the key alone, as in the real provider; the store tells buckets apart."""

    identity = ("bucket", "key")
    puts = True
    operations = ("PutObject", "PutObject", "DeleteObject")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        if "source" not in inputs and "content" not in inputs:
            yield Failure((), "one of `source,content` must be specified: an object without either has no bytes")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        return inputs["key"]

    def key(self, id_: str, properties: Given) -> str:
        return f"{properties['bucket']}/{id_}"

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        require_bucket(cloud, inputs["bucket"])

    def private(self, cloud: Cloud, properties: Values, old: Resource | None) -> dict[str, Any]:
        data = _object_bytes(properties)
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        if properties.get("contentMd5") not in (None, base64.b64encode(md5).decode()):
            raise CloudError("InvalidDigest", "The Content-MD5 you specified was invalid.")
        guessed = mimetypes.guess_type(properties["key"])[0] or "application/octet-stream"
        properties["contentType"] = properties.get("contentType") or guessed
        headers = {header: properties[name] for name, header in _HEADERS.items() if properties.get(name)}
        bucket, key = properties["bucket"], properties["key"]
        before = cloud.store.oss.get(bucket, key)
        stored = cloud.store.oss.put(bucket, key, data, headers)
        fire(cloud.store, Change(PUT, bucket, key, stored, before))
        versioning = cloud.store.get(VERSIONING, properties["bucket"])
        enabled = bool(versioning) and versioning.properties["status"] == "Enabled"
        properties["etag"] = md5.hex().upper()
        properties["contentLength"] = str(len(data))
        properties["versionId"] = random_text(64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh0123456789") if enabled else ""
        return super().private(cloud, properties, old)

    def remove(self, cloud: Cloud, row: Resource) -> None:
        bucket, key = row.properties["bucket"], row.properties["key"]
        before = cloud.store.oss.get(bucket, key)
        cloud.store.oss.delete(bucket, key)
        if before is not None:
            fire(cloud.store, Change(DELETE, bucket, key, None, before))
        super().remove(cloud, row)


def require_bucket(cloud: Cloud, name: str) -> Resource:
    """The bucket; raises CloudError when there is none."""
    row = cloud.store.get(BUCKET, name)
    if row is None:
        raise CloudError("NoSuchBucket", f"The specified bucket does not exist: {name}.", 404)
    return row


def _object_bytes(properties: Given) -> bytes:
    """The bytes of an object; a source is a path relative to the engine's working directory."""
    if "source" not in properties:
        return properties["content"].encode()
    try:
        return Path(properties["source"]).expanduser().read_bytes()
    except OSError as error:
        sentence = f"open {properties['source']}: {error.strerror or error}"
        raise CloudError("FileNotFound", sentence) from error


KINDS = {
    BUCKET: Bucket,
    PUBLIC_ACCESS: BucketPublicAccessBlock,
    VERSIONING: BucketVersioning,
    "alicloud:oss/bucketAcl:BucketAcl": BucketAcl,
    "alicloud:oss/bucketObject:BucketObject": BucketObject,
    **dict.fromkeys(
        (
            "alicloud:oss/bucketCors:BucketCors",
            "alicloud:oss/bucketHttpsConfig:BucketHttpsConfig",
            "alicloud:oss/bucketLogging:BucketLogging",
            "alicloud:oss/bucketPolicy:BucketPolicy",
            "alicloud:oss/bucketReferer:BucketReferer",
            "alicloud:oss/bucketServerSideEncryption:BucketServerSideEncryption",
            "alicloud:oss/bucketWebsite:BucketWebsite",
        ),
        Setting,
    ),
}
