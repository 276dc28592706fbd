"""S3: real shapes, what goes into the store, refusals in AWS's words. Does not prove that AWS itself says the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from localcloud.store import Store
from tests.localcloud.control.aws.resources import BUCKET, OBJECT
from tests.localcloud.control.client import UNKNOWN, Client, refused, text_asset


class TestS3:
    def test_a_bucket_has_the_real_shapes_and_one_name(self, aws: Client) -> None:
        made = aws.create(BUCKET, "b", {"bucket": "site-bucket"})
        assert made.outputs["arn"] == "arn:aws:s3:::site-bucket"
        assert made.outputs["bucketRegionalDomainName"] == "site-bucket.s3.ap-northeast-1.amazonaws.com"
        with refused("BucketAlreadyOwnedByYou"):
            aws.create(BUCKET, "c", {"bucket": "site-bucket", "region": "us-east-1"})

    @pytest.mark.parametrize("name", ["ab", "Upper", "a..b", "-ab", "1.2.3.4", "a" * 64])
    def test_a_wrong_bucket_name_is_refused(self, aws: Client, name: str) -> None:
        assert "bucket: " in aws.reasons(BUCKET, {"bucket": name})

    def test_objects_hold_their_bucket_unless_it_is_forced(self, aws: Client, store: Store) -> None:
        for name, forced in (("kept-bucket", False), ("forced-bucket", True)):
            made = aws.create(BUCKET, name, {"bucket": name, "forceDestroy": forced})
            page = aws.create(OBJECT, name, {"bucket": name, "key": "/a//index.html", "source": text_asset("<p>")})
            assert page.id == f"{name}/a/index.html"
            assert page.outputs["etag"] == hashlib.md5(b"<p>").hexdigest()
            stored = store.s3.get(name, "a/index.html")
            assert stored
            assert stored.headers["content-type"] == "text/html"
            if not forced:
                with refused("BucketNotEmpty: The bucket you tried to delete is not empty"):
                    aws.delete(made)
                aws.delete(page)
            aws.delete(made)
            assert store.s3.list(name) == []

    def test_an_object_needs_its_bucket_and_takes_its_name_as_key(self, aws: Client) -> None:
        with refused("NoSuchBucket: The specified bucket does not exist"):
            aws.create(OBJECT, "o", {"bucket": "none", "content": "x"})
        assert aws.check(OBJECT, "page.html", {"bucket": "b", "content": "x"})["key"] == "page.html"
        assert "Offending key" in aws.reasons(OBJECT, {"bucket": "b", "content": "x", "metadata": {"Upper": "x"}})

    def test_public_policies_are_blocked_until_a_setting_lets_them(self, aws: Client) -> None:
        aws.create(BUCKET, "b", {"bucket": "site-bucket"})
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::site-bucket/*",
        }
        policy = {"bucket": "site-bucket", "policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
        type_ = "aws:s3/bucketPolicy:BucketPolicy"
        with refused("blocked by the BlockPublicPolicy block public access setting"):
            aws.create(type_, "p", policy)
        aws.create("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "a", {"bucket": "site-bucket"})
        assert aws.create(type_, "p", policy).id == "site-bucket"
        with refused("MalformedPolicy: Policy has invalid resource"):
            aws.create(type_, "q", {**policy, "policy": policy["policy"].replace("site-bucket", "other")})

    def test_versioning_is_never_taken_back(self, aws: Client) -> None:
        aws.create(BUCKET, "b", {"bucket": "site-bucket"})
        type_ = "aws:s3/bucketVersioning:BucketVersioning"

        def status(value: str) -> dict[str, Any]:
            return {"bucket": "site-bucket", "versioningConfiguration": {"status": value}}

        made = aws.create(type_, "v", status("Enabled"))
        page = aws.create(OBJECT, "o", {"bucket": "site-bucket", "content": "x"})
        assert len(page.outputs["versionId"]) == 32
        assert aws.update(page, {"bucket": "site-bucket", "content": "y"}, preview=True).outputs["versionId"] == UNKNOWN
        with refused("cannot be updated from 'Enabled' to 'Disabled'"):
            aws.update(made, status("Disabled"))
