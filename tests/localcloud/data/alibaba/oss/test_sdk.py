"""The official client of OSS against the local OSS: what it sends is understood, what it gets it takes for OSS's.

Does not prove that the real OSS answers the same: the client checks signatures, checksums and shapes, no sentences.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import os
from contextlib import closing

import pytest

oss = pytest.importorskip("alibabacloud_oss_v2")

from localcloud.data.keyring import AccessKey, account_keys  # noqa: E402
from tests.localcloud.data.conftest import BUCKET_HOST  # noqa: E402
from tests.localcloud.data.names import resolved_here  # noqa: E402

from .client import connect, refusal  # noqa: E402

BUCKET = BUCKET_HOST.partition(".")[0]


@pytest.fixture
def local_names():
    with resolved_here():
        yield


def account(running, **options):
    root, port, _ = running
    return connect(port, account_keys(root)["alibaba"], **options)


@pytest.fixture
def client(running, local_names):
    return account(running)


def put(client, key, body=b"hello", **options):
    return client.put_object(oss.PutObjectRequest(bucket=BUCKET, key=key, body=body, **options))


def get(client, key, **options) -> bytes:
    result = client.get_object(oss.GetObjectRequest(bucket=BUCKET, key=key, **options))
    with result.body as stream:
        return stream.read()


@pytest.mark.parametrize("internal", [False, True])
def test_an_object_comes_back_with_what_was_told_of_it(running, local_names, internal):
    client = account(running, internal=internal)
    key = "schöne/ünïcode +&%?#=/\u4e2d\u6587 ~.html"
    told = put(
        client, key, "<p>\u00e9".encode(), content_type="text/html; charset=utf-8", cache_control="no-cache",
        content_encoding="identity", content_disposition="inline", metadata={"hash": "abc"},
    )  # fmt: skip
    assert told.etag == f'"{hashlib.md5("<p>é".encode()).hexdigest().upper()}"'

    result = client.get_object(oss.GetObjectRequest(bucket=BUCKET, key=key))

    assert result.body.read() == "<p>é".encode()
    assert (result.content_type, result.cache_control) == ("text/html; charset=utf-8", "no-cache")
    assert (result.content_encoding, result.content_disposition) == ("identity", "inline")
    assert (result.metadata["hash"], result.object_type, result.storage_class) == ("abc", "Normal", "Standard")
    head = client.head_object(oss.HeadObjectRequest(bucket=BUCKET, key=key))
    assert (head.etag, head.content_length, head.hash_crc64) == (told.etag, 5, told.hash_crc64)


@pytest.mark.parametrize("size", [0, 1, 70_000, 3 << 20])
def test_bodies_of_any_size_keep_their_checksum(client, size):
    body = os.urandom(size)

    put(client, "size", body)

    assert get(client, "size") == body


def test_ranges(client):
    body = os.urandom(3 << 20)
    put(client, "ranged", body)

    assert get(client, "ranged", range_header="bytes=10-19") == body[10:20]
    assert get(client, "ranged", range_header="bytes=-5") == body[-5:]
    assert get(client, "ranged", range_header=f"bytes={2 << 20}-") == body[2 << 20 :]
    # Out of range is as if nothing had been asked for, unless the standard is asked for.
    assert get(client, "ranged", range_header=f"bytes={4 << 20}-") == body
    asked = {"range_header": f"bytes={4 << 20}-", "range_behavior": "standard"}
    error = refusal(get, client, "ranged", **asked)
    assert (error.status_code, error.code) == (416, "InvalidRange")


def test_conditions(client):
    etag = put(client, "conditional").etag

    assert get(client, "conditional", if_match=etag) == b"hello"
    assert refusal(get, client, "conditional", if_none_match=etag).status_code == 304
    error = refusal(get, client, "conditional", if_match='"other"')
    assert (error.status_code, error.code) == (412, "PreconditionFailed")
    later = "Fri, 01 Jan 2100 00:00:00 GMT"
    assert refusal(get, client, "conditional", if_modified_since=later).status_code == 304
    earlier = "Sat, 01 Jan 2000 00:00:00 GMT"
    assert refusal(get, client, "conditional", if_unmodified_since=earlier).status_code == 412


def test_what_must_not_be_overwritten_is_not(client):
    put(client, "once", b"first", forbid_overwrite=True)

    error = refusal(put, client, "once", b"second", forbid_overwrite=True)

    assert (error.status_code, error.code) == (409, "FileAlreadyExists")
    assert get(client, "once") == b"first"


def test_a_wrong_digest_is_refused_and_nothing_is_kept(client):
    error = refusal(put, client, "digest", b"body", content_md5="1B2M2Y8AsgTpgAmY7PhCfg==")

    assert (error.status_code, error.code) == (400, "InvalidDigest")
    assert not client.is_object_exist(BUCKET, "digest")


def test_what_is_missing(running, client):
    error = refusal(get, client, "missing")
    assert (error.status_code, error.code, error.ec) == (404, "NoSuchKey", "0026-00000001")
    assert error.request_id
    error = refusal(client.head_object, oss.HeadObjectRequest(bucket=BUCKET, key="missing"))
    assert (error.status_code, error.code, error.ec) == (404, "NoSuchKey", "0026-00000001")
    error = refusal(client.get_object, oss.GetObjectRequest(bucket="no-such-bucket-at-all", key="x"))
    assert (error.status_code, error.code) == (404, "NoSuchBucket")
    assert client.is_bucket_exist(BUCKET)
    assert not client.is_bucket_exist("no-such-bucket-at-all")


def test_objects_go_one_by_one_and_many_at_once(client):
    for key in ("gone/1", "gone/2 &<>", "gone/3"):
        put(client, key)
    client.delete_object(oss.DeleteObjectRequest(bucket=BUCKET, key="gone/1"))
    assert client.delete_object(oss.DeleteObjectRequest(bucket=BUCKET, key="gone/1")).status_code == 204

    keys = [oss.DeleteObject(key=key) for key in ("gone/2 &<>", "gone/3", "gone/never")]
    result = client.delete_multiple_objects(
        oss.DeleteMultipleObjectsRequest(bucket=BUCKET, objects=keys, encoding_type="url")
    )

    assert [item.key for item in result.deleted_objects] == ["gone/2 &<>", "gone/3", "gone/never"]
    assert not client.list_objects_v2(oss.ListObjectsV2Request(bucket=BUCKET, prefix="gone/")).contents


def test_a_copy_keeps_or_replaces_what_is_told_of_the_object(client):
    put(client, "copy/source ü", b"bytes", metadata={"a": "1"}, content_type="text/css")

    kept = oss.CopyObjectRequest(bucket=BUCKET, key="copy/kept", source_key="copy/source ü")
    result = client.copy_object(kept)
    changed = oss.CopyObjectRequest(
        bucket=BUCKET, key="copy/changed", source_bucket=BUCKET, source_key="copy/source ü",
        metadata_directive="REPLACE", metadata={"b": "2"}, content_type="text/plain",
    )  # fmt: skip
    client.copy_object(changed)

    assert get(client, "copy/kept") == get(client, "copy/changed") == b"bytes"
    head = client.head_object(oss.HeadObjectRequest(bucket=BUCKET, key="copy/kept"))
    assert (head.etag, head.content_type, head.metadata["a"]) == (result.etag, "text/css", "1")
    head = client.head_object(oss.HeadObjectRequest(bucket=BUCKET, key="copy/changed"))
    assert (head.content_type, dict(head.metadata)) == ("text/plain", {"b": "2"})
    missing = oss.CopyObjectRequest(bucket=BUCKET, key="copy/none", source_key="copy/never")
    assert refusal(client.copy_object, missing).code == "NoSuchKey"


@pytest.fixture
def listed(client):
    keys = [f"list/{folder}/{number:03}" for folder in ("a", "b+ ü", "c") for number in range(7)]
    keys += ["list/top", "list/z\u4e2d"]
    for key in keys:
        put(client, key, b"")
    yield sorted(keys, key=str.encode)
    objects = [oss.DeleteObject(key=key) for key in keys]
    client.delete_multiple_objects(oss.DeleteMultipleObjectsRequest(bucket=BUCKET, objects=objects))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("encoding", ["url", None])
def test_lists_in_pages_of_any_size(client, listed, size, encoding):
    second = client.list_objects_v2_paginator(limit=size)
    first = client.list_objects_paginator(limit=size)
    asked = {"bucket": BUCKET, "prefix": "list/", "encoding_type": encoding}

    pages = list(second.iter_page(oss.ListObjectsV2Request(**asked)))
    assert [item.key for page in pages for item in page.contents or []] == listed
    assert all(page.key_count <= size for page in pages)
    pages = list(first.iter_page(oss.ListObjectsRequest(**asked)))
    assert [item.key for page in pages for item in page.contents or []] == listed


@pytest.mark.parametrize("size", [1, 2, 100])
def test_lists_by_folder(client, listed, size):
    asked = {"bucket": BUCKET, "prefix": "list/", "delimiter": "/", "encoding_type": "url"}

    for pages in (
        list(client.list_objects_v2_paginator(limit=size).iter_page(oss.ListObjectsV2Request(**asked))),
        list(client.list_objects_paginator(limit=size).iter_page(oss.ListObjectsRequest(**asked))),
    ):
        found = [item.key for page in pages for item in page.contents or []]
        folders = [group.prefix for page in pages for group in page.common_prefixes or []]
        assert (found, folders) == (["list/top", "list/z\u4e2d"], ["list/a/", "list/b+ ü/", "list/c/"])


def test_lists_from_somewhere_on(client, listed):
    asked = oss.ListObjectsV2Request(bucket=BUCKET, prefix="list/", start_after="list/c/003", fetch_owner=True)

    result = client.list_objects_v2(asked)

    assert [item.key for item in result.contents] == listed[listed.index("list/c/003") + 1 :]
    assert result.contents[0].owner.id
    error = refusal(client.list_objects_v2, oss.ListObjectsV2Request(bucket=BUCKET, max_keys=1001))
    assert (error.status_code, error.code) == (400, "InvalidArgument")


def test_the_uploader_sends_parts_and_the_downloader_fetches_them(client, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom((2 << 20) + 12_345))

    result = client.uploader(part_size=512 << 10, parallel_num=3).upload_file(
        oss.PutObjectRequest(bucket=BUCKET, key="parts/ü", metadata={"a": "b"}), str(source)
    )
    assert result.upload_id
    assert result.etag.strip('"').endswith("-5")

    request = oss.GetObjectRequest(bucket=BUCKET, key="parts/ü")
    client.downloader(part_size=256 << 10, parallel_num=3).download_file(request, str(target))
    assert target.read_bytes() == source.read_bytes()
    head = client.head_object(oss.HeadObjectRequest(bucket=BUCKET, key="parts/ü"))
    assert (head.object_type, head.metadata["a"], head.hash_crc64) == ("Multipart", "b", result.hash_crc64)


def begin(client, key):
    return client.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket=BUCKET, key=key)).upload_id


def part(client, key, upload, number, body):
    request = oss.UploadPartRequest(bucket=BUCKET, key=key, upload_id=upload, part_number=number, body=io.BytesIO(body))
    return oss.UploadPart(part_number=number, etag=client.upload_part(request).etag)


def complete(client, key, upload, parts, **options):
    request = oss.CompleteMultipartUploadRequest(
        bucket=BUCKET, key=key, upload_id=upload,
        complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts), **options,
    )  # fmt: skip
    return client.complete_multipart_upload(request)


def test_parts_are_listed_completed_and_forgotten(client):
    first, second = os.urandom(100 << 10), b"end"
    upload = begin(client, "multi")
    parts = [part(client, "multi", upload, number, body) for number, body in ((1, b"old"), (7, second), (1, first))]

    listed = client.list_parts(oss.ListPartsRequest(bucket=BUCKET, key="multi", upload_id=upload))
    assert [(item.part_number, item.size) for item in listed.parts] == [(1, len(first)), (7, 3)]
    uploads = client.list_multipart_uploads(oss.ListMultipartUploadsRequest(bucket=BUCKET, prefix="multi"))
    assert [(item.key, item.upload_id) for item in uploads.uploads] == [("multi", upload)]

    complete(client, "multi", upload, [parts[2], parts[1]])

    assert get(client, "multi") == first + second
    request = oss.ListPartsRequest(bucket=BUCKET, key="multi", upload_id=upload)
    error = refusal(client.list_parts, request)
    assert (error.status_code, error.code, error.ec) == (404, "NoSuchUpload", "0042-00000203")


def test_an_upload_that_is_wrong_is_not_completed(client):
    upload = begin(client, "wrong")
    small, end = part(client, "wrong", upload, 1, b"small"), part(client, "wrong", upload, 2, b"end")

    assert refusal(complete, client, "wrong", upload, [small, end]).code == "EntityTooSmall"
    assert refusal(complete, client, "wrong", upload, [end, small]).code == "InvalidPartOrder"
    strange = oss.UploadPart(part_number=2, etag='"0123"')
    assert refusal(complete, client, "wrong", upload, [strange]).code == "InvalidPart"
    put(client, "wrong")
    error = refusal(complete, client, "wrong", upload, [end], forbid_overwrite=True)
    assert (error.code, error.ec) == ("FileAlreadyExists", "0042-00000214")
    client.abort_multipart_upload(oss.AbortMultipartUploadRequest(bucket=BUCKET, key="wrong", upload_id=upload))
    assert refusal(complete, client, "wrong", upload, [end]).code == "NoSuchUpload"


def test_a_part_may_be_a_copy(client):
    body = os.urandom(300 << 10)
    put(client, "part/source", body)
    upload = begin(client, "part/copy")
    copied = client.upload_part_copy(
        oss.UploadPartCopyRequest(
            bucket=BUCKET,
            key="part/copy",
            upload_id=upload,
            part_number=1,
            source_key="part/source",
            source_range="bytes=100-150099",
        )
    )

    complete(client, "part/copy", upload, [oss.UploadPart(part_number=1, etag=copied.etag)])

    assert get(client, "part/copy") == body[100:150_100]


def test_the_bucket_tells_of_itself(client):
    info = client.get_bucket_info(oss.GetBucketInfoRequest(bucket=BUCKET)).bucket_info
    assert (info.name, info.location) == (BUCKET, "oss-cn-hongkong")
    assert info.intranet_endpoint == "oss-cn-hongkong-internal.aliyuncs.com"
    location = client.get_bucket_location(oss.GetBucketLocationRequest(bucket=BUCKET))
    assert location.location == "oss-cn-hongkong"
    assert BUCKET in [bucket.name for bucket in client.list_buckets(oss.ListBucketsRequest()).buckets]


def test_keys_and_regions_that_are_not_right(running, local_names):
    key = account_keys(running[0])["alibaba"]
    unknown = connect(running[1], AccessKey("LTAIunknown", "secret"))
    error = refusal(get, unknown, "x")
    assert (error.status_code, error.code, error.ec) == (403, "InvalidAccessKeyId", "0002-00000902")
    wrong = connect(running[1], AccessKey(key.id, "wrong"))
    error = refusal(get, wrong, "x")
    assert (error.status_code, error.code) == (403, "SignatureDoesNotMatch")
    elsewhere = account(running, region="cn-hangzhou")
    error = refusal(get, elsewhere, "x")
    assert (error.status_code, error.code, error.ec) == (400, "InvalidArgument", "0002-00000226")


def test_a_signed_address_opens_what_it_names_and_nothing_else(client, running):
    put(client, "signed ü", b"content")
    url = client.presign(oss.GetObjectRequest(bucket=BUCKET, key="signed ü")).url

    def ask(target: str) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", running[1])) as connection:
            connection.request("GET", target, headers={"Host": BUCKET_HOST})
            answer = connection.getresponse()
            return answer.status, answer.read()

    target = "/" + url.split("/", 3)[3]
    assert ask(target) == (200, b"content")
    assert ask(target.replace("signed", "other"))[0] == 403
    assert ask(target.partition("?")[0])[0] == 403


def test_a_signed_upload_is_taken(client, running):
    told = client.presign(oss.PutObjectRequest(bucket=BUCKET, key="put/signed", content_type="text/plain"))
    headers = {"Host": BUCKET_HOST, **told.signed_headers}
    with closing(http.client.HTTPConnection("127.0.0.1", running[1])) as connection:
        connection.request("PUT", "/" + told.url.split("/", 3)[3], body=b"sent", headers=headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
    assert get(client, "put/signed") == b"sent"
