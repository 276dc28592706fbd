"""botocore against the local S3 and CloudFront: objects, lists, uploads in parts, roles, invalidations.

Does not prove the real evaluation of policies, nor what S3 says in cases that its reference leaves open.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from localcloud.data.keyring import AccessKey, account_keys
from localcloud.store import Resource
from tests.localcloud.data.alibaba.resources import allow
from tests.localcloud.data.aws.client import REGION, connect
from tests.localcloud.data.conftest import DISTRIBUTION_HOST, function_zip, put_distribution, put_lambda, put_url
from tests.localcloud.data.names import resolved_here

BUCKET = "isthmus-pages"


@pytest.fixture(scope="module", autouse=True)
def _bucket(running):
    host = f"{BUCKET}.s3.{REGION}.amazonaws.com"
    properties = {"bucket": BUCKET, "region": REGION, "bucketRegionalDomainName": host}
    running[2].put(Resource("aws:s3/bucket:Bucket", BUCKET, "urn:pages", properties))
    with resolved_here():
        yield


@pytest.fixture
def client(running):
    return connect("s3", running[1], account_keys(running[0])["aws"])


def refusal(call, **options) -> tuple[int, str]:
    with pytest.raises(ClientError) as told:
        call(Bucket=BUCKET, **options)
    found = told.value.response
    return found["ResponseMetadata"]["HTTPStatusCode"], found["Error"]["Code"]


def key_of(running, name: str, *statements: dict) -> AccessKey:
    """The credentials of a Lambda function whose role has these statements."""
    import urllib.request

    _, port, store = running
    arn = f"arn:aws:iam::123456789012:role/{name}"
    store.put(Resource("aws:iam/role:Role", name, f"urn:{name}", {"name": name, "arn": arn}))
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    store.put(Resource("aws:iam/rolePolicy:RolePolicy", name, f"urn:p{name}", {"role": name, "policy": document}))
    put_lambda(store, name, store.put_blob(function_zip()), role=arn)
    host = f"{name * 8}.lambda-url.{REGION}.on.aws"
    put_url(store, host, "NONE", name)
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        permission = {"action": action, "function": name, "principal": "*"}
        store.put(Resource("aws:lambda/permission:Permission", f"{name}{action}", "urn", permission))
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", b'{"do":"environment"}', {"Host": host})
    with urllib.request.urlopen(request) as answer:
        found = json.load(answer)["environment"]
    assert found["AWS_ENDPOINT_URL_S3"] == f"http://s3.{REGION}.amazonaws.com.localhost:{port}"
    return AccessKey(found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], found["AWS_SESSION_TOKEN"])


@pytest.mark.parametrize("size", [0, 5, 3 << 20])
def test_an_object_comes_back_with_what_was_told_of_it(client, size):
    body, key = os.urandom(size), "sch\u00f6ne/+ &?#\u4e2d"
    told = client.put_object(
        Bucket=BUCKET, Key=key, Body=body, ContentType="text/html", CacheControl="no-cache", Metadata={"hash": "abc"}
    )

    found = client.get_object(Bucket=BUCKET, Key=key)

    assert found["Body"].read() == body
    assert (found["ETag"], found["ContentType"], found["CacheControl"]) == (told["ETag"], "text/html", "no-cache")
    assert found["Metadata"] == {"hash": "abc"}
    assert client.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == size


def test_ranges_and_conditions(client):
    etag = client.put_object(Bucket=BUCKET, Key="r", Body=b"0123456789")["ETag"]

    assert client.get_object(Bucket=BUCKET, Key="r", Range="bytes=2-4")["Body"].read() == b"234"
    assert refusal(client.get_object, Key="r", Range="bytes=10-") == (416, "InvalidRange")
    assert refusal(client.get_object, Key="r", IfNoneMatch=etag)[0] == 304
    assert refusal(client.get_object, Key="r", IfMatch='"x"') == (412, "PreconditionFailed")
    assert refusal(client.put_object, Key="r", Body=b"", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refusal(client.put_object, Key="r", Body=b"", IfMatch='"x"') == (412, "PreconditionFailed")
    client.put_object(Bucket=BUCKET, Key="r", Body=b"", IfMatch=etag)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_lists_in_pages_of_any_size(client, size):
    keys = sorted([f"list/{folder}/{number}" for folder in ("a", "b+ \u00fc") for number in range(4)] + ["list/top"])
    for key in keys:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"")
    asked = {"Bucket": BUCKET, "Prefix": "list/", "PaginationConfig": {"PageSize": size}}

    pages = list(client.get_paginator("list_objects_v2").paginate(**asked))
    assert [item["Key"] for page in pages for item in page.get("Contents", [])] == keys
    pages = list(client.get_paginator("list_objects_v2").paginate(**asked, Delimiter="/"))
    assert [group["Prefix"] for page in pages for group in page.get("CommonPrefixes", [])] == [
        "list/a/",
        "list/b+ \u00fc/",
    ]
    gone = client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys]})
    assert [item["Key"] for item in gone["Deleted"]] == keys
    assert "Contents" not in client.list_objects_v2(Bucket=BUCKET, Prefix="list/")


def test_an_upload_in_parts(client):
    parts = [os.urandom(5 << 20), b"end"]
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="big", ContentType="text/css")["UploadId"]
    named = {"Bucket": BUCKET, "Key": "big", "UploadId": upload}
    tags = [
        client.upload_part(**named, PartNumber=number, Body=body)["ETag"] for number, body in enumerate(parts, start=1)
    ]
    assert [part["Size"] for part in client.list_parts(**named)["Parts"]] == [5 << 20, 3]
    wrong = {"Parts": [{"PartNumber": 1, "ETag": '"x"'}]}
    options = {"Key": "big", "UploadId": upload}
    assert refusal(client.complete_multipart_upload, **options, MultipartUpload=wrong) == (400, "InvalidPart")

    listed = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, start=1)]
    done = client.complete_multipart_upload(**named, MultipartUpload={"Parts": listed})

    assert done["ETag"].endswith('-2"')
    found = client.get_object(Bucket=BUCKET, Key="big")
    assert (found["Body"].read(), found["ContentType"]) == (b"".join(parts), "text/css")
    assert refusal(client.list_parts, **options) == (404, "NoSuchUpload")


def test_a_role_may_do_what_its_policy_says(running):
    here = f"arn:aws:s3:::{BUCKET}"
    key = key_of(
        running,
        "pub1",
        allow(["s3:PutObject", "s3:GetObject"], f"{here}/site/*"),
        allow("s3:ListBucket", here, StringLike={"s3:prefix": "site/*"}),
    )
    client = connect("s3", running[1], key)

    client.put_object(Bucket=BUCKET, Key="site/a", Body=b"x")
    assert [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET, Prefix="site/")["Contents"]] == ["site/a"]
    for call, options in (
        (client.put_object, {"Key": "other", "Body": b"x"}),
        (client.delete_object, {"Key": "site/a"}),
        (client.list_objects_v2, {}),
        # Who may not list the whole bucket is not told what is missing.
        (client.get_object, {"Key": "site/missing"}),
    ):
        assert refusal(call, **options) == (403, "AccessDenied")
    gone = client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "site/a"}]})
    assert [error["Code"] for error in gone["Errors"]] == ["AccessDenied"]


def test_keys_and_tokens_that_are_not_right(running):
    account, role = account_keys(running[0])["aws"], key_of(running, "pub2", allow("s3:*", "*"))

    for wrong, told in (
        (replace(account, id="AKIAUNKNOWN"), (403, "InvalidAccessKeyId")),
        (replace(account, secret="wrong"), (403, "SignatureDoesNotMatch")),
        (replace(role, token="other"), (400, "InvalidToken")),
    ):
        assert refusal(connect("s3", running[1], wrong).get_object, Key="x") == told


async def test_an_invalidation_makes_cloudfront_ask_again(plane, running):
    policy = {"minTtl": 60, "defaultTtl": 60, "maxTtl": 60}
    behaviour = {"cachePolicyId": "", "lambdaFunctionAssociations": [], "originRequestPolicyId": ""}
    put_distribution(plane.store, **behaviour, **policy)
    arn = "arn:aws:cloudfront::123456789012:distribution/E111111ABCDEF"
    allowed = connect("cloudfront", running[1], key_of(running, "pub3", allow("cloudfront:CreateInvalidation", arn)))
    other = connect("cloudfront", running[1], key_of(running, "pub4"))

    async def kept(path: str) -> bool:
        async with plane.request("GET", DISTRIBUTION_HOST, path) as response:
            return response.headers["X-Cache"].startswith(("Hit", "RefreshHit"))

    def invalidate(client, *paths: str, reference: str):
        batch = {"Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": reference}
        return client.create_invalidation(DistributionId="E111111ABCDEF", InvalidationBatch=batch)

    for path in ("/a/1", "/a/2", "/b"):
        await kept(path)
    put_distribution(plane.store, **behaviour, **policy)
    assert [await kept(path) for path in ("/a/1", "/a/2", "/b")] == [True, True, True]

    made = invalidate(allowed, "/b", reference="1")["Invalidation"]
    assert made["Status"] == "Completed"
    assert invalidate(allowed, "/b", reference="1")["Invalidation"]["Id"] == made["Id"]
    assert [await kept(path) for path in ("/a/1", "/a/2", "/b")] == [True, True, False]
    invalidate(allowed, "/a/*", reference="2")
    assert [await kept(path) for path in ("/a/1", "/a/2", "/b")] == [False, False, True]
    for client, paths, told in (
        (other, ["/b"], "AccessDenied"),
        (allowed, ["b"], "InvalidArgument"),
        (allowed, ["/a*b"], "InvalidArgument"),
    ):
        with pytest.raises(ClientError) as refused:
            invalidate(client, *paths, reference="3")
        assert refused.value.response["Error"]["Code"] == told
