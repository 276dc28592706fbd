"""The CDN in front of the private bucket, and the bucket itself.

Does not prove the CDN's unpublished details: node names, cache levels, what it caches of errors.
"""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from localcloud.data.cdn import Configuration, time_to_live
from localcloud.data.messages import Response

from .conftest import BUCKET_HOST, CDN_HOST, put_site


@pytest.fixture(autouse=True)
def as_deployed(running):
    store = running[2]
    for resource in store.list("alicloud:cdn/domainConfig:DomainConfig"):
        store.delete(resource.type, resource.id)
    put_site(store)


async def ask(plane, host: str, path: str = "/", method: str = "GET"):
    async with plane.request(method, host, path) as response:
        return response.status, response.headers, await response.text()


async def test_the_cdn_serves_the_private_bucket_and_keeps_it(plane):
    first, second = await ask(plane, CDN_HOST), await ask(plane, CDN_HOST)

    assert (first[0], first[2], second[2]) == (200, "<h1>hello</h1>", "<h1>hello</h1>")
    assert (first[1]["X-Cache"][:4], second[1]["X-Cache"][:3]) == ("MISS", "HIT")
    assert first[1]["X-Swift-CacheTime"] == "60"
    assert second[1]["Age"] == "0"
    assert first[1]["x-frame-options"] == second[1]["x-frame-options"] == "DENY"
    assert "Content-Disposition" not in first[1]


async def test_its_cname_answers_too(plane):
    assert (await ask(plane, f"{CDN_HOST}.w.kunlunsl.com"))[0] == 200


async def test_without_the_private_origin_function_the_buckets_refusal_comes_through(plane):
    plane.store.delete("alicloud:cdn/domainConfig:DomainConfig", f"{CDN_HOST}:l2_oss_key:1")

    status, headers, body = await ask(plane, CDN_HOST)

    assert status == 403
    assert headers["Content-Type"] == "application/xml"
    assert "<Code>AccessDenied</Code>" in body


async def test_without_the_account_wide_role_the_bucket_refuses(plane):
    plane.store.delete("alicloud:ram/role:Role", "AliyunCDNAccessingPrivateOSSRole")

    assert (await ask(plane, CDN_HOST))[0] == 403


async def test_without_the_host_header_there_is_no_such_bucket(plane):
    plane.store.delete("alicloud:cdn/domainConfig:DomainConfig", f"{CDN_HOST}:set_req_host_header:1")

    status, _, body = await ask(plane, CDN_HOST)

    assert status == 404
    assert "<Code>NoSuchBucket</Code>" in body


async def test_an_upload_is_visible_at_once(plane):
    await ask(plane, CDN_HOST)
    plane.store.oss.put("isthmus-site", "index.html", b"new", {"content-type": "text/html"})

    assert (await ask(plane, CDN_HOST))[2] == "new"


async def test_the_bucket_refuses_the_public(plane):
    status, _, body = await ask(plane, BUCKET_HOST, "/index.html")

    assert status == 403
    assert "You have no right to access this object because of bucket acl." in body
    status, _, body = await ask(plane, BUCKET_HOST, "/index.html", "HEAD")
    assert (status, body) == (403, "")


async def test_a_public_bucket_serves_html_as_a_download(plane):
    bucket = plane.store.get("alicloud:oss/bucket:Bucket", "isthmus-site")
    bucket.properties["acl"] = "public-read"
    plane.store.put(bucket)

    status, headers, _ = await ask(plane, BUCKET_HOST, "/index.html")
    assert (status, headers["x-oss-force-download"], headers["Content-Disposition"]) == (200, "true", "attachment")
    assert "<Code>NoSuchKey</Code>" in (await ask(plane, BUCKET_HOST, "/gone"))[2]


PATHS = ("path_based_ttl_set", {"path": "/", "ttl": "60", "weight": "1"})
STYLES = ("filetype_based_ttl_set", {"file_type": "css,js", "ttl": "600", "weight": "9"})


@pytest.mark.parametrize(
    ("path", "headers", "rules", "expected"),
    [
        ("/a", {}, (PATHS,), 60),
        ("/a.css", {}, (PATHS, STYLES), 600),
        ("/a.css", {"Cache-Control": "max-age=5"}, (PATHS, STYLES), 600),
        ("/a", {"Cache-Control": "max-age=5"}, (), 5),
        ("/a", {"Cache-Control": "no-store"}, (PATHS,), 0),
        ("/a", {"Cache-Control": "no-store"}, ((PATHS[0], {**PATHS[1], "swift_no_cache_low": "on"}),), 60),
        ("/a", {"Cache-Control": "max-age=5"}, ((PATHS[0], {**PATHS[1], "swift_origin_cache_high": "on"}),), 5),
        ("/a", {"ETag": "1"}, (), 10),
        ("/a", {}, (), 0),
        ("/other", {}, (("path_based_ttl_set", {"path": "/dir", "ttl": "9"}),), 0),
        ("/dir/x", {}, (("path_based_ttl_set", {"path": "/dir", "ttl": "9"}),), 9),
    ],
)
def test_how_long_a_response_is_kept(path, headers, rules, expected):
    response = Response(200, CIMultiDict(headers))

    assert time_to_live(path, response, Configuration(rules)) == expected


def test_errors_are_not_kept():
    assert time_to_live("/a", Response(404), Configuration((PATHS,))) == 0
