"""The CDN in front of the private bucket, what it keeps, and the bucket itself.

Does not prove the CDN's unpublished details: node names and cache levels.
"""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from localcloud.data.alibaba.cdn.rules import Configuration, time_to_live
from localcloud.data.keyring import account_keys
from localcloud.data.messages import Response
from tests.localcloud.data.conftest import BUCKET_HOST, CDN_HOST, put_site

from .client import call


@pytest.fixture(autouse=True)
def as_deployed(running):
    store = running[2]
    for resource in store.list("alicloud:cdn/domainConfig:DomainConfig"):
        store.delete(resource.type, resource.id)
    put_site(store)


@pytest.fixture(autouse=True)
async def _nothing_kept(plane):
    await refresh(plane, f"http://{CDN_HOST}/", "Directory")


async def ask(plane, host: str, path: str = "/", method: str = "GET", **headers):
    async with plane.request(method, host, path, headers=headers) as response:
        return response.status, response.headers, await response.text()


async def refresh(plane, paths: str, type_: str = "File"):
    return await call(plane, account_keys(plane.root)["alibaba"], ObjectPath=paths, ObjectType=type_)


async def was_kept(plane, path: str = "/", **headers) -> bool:
    return (await ask(plane, CDN_HOST, path, **headers))[1]["X-Cache"].startswith("HIT")


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


async def test_an_upload_is_visible_after_a_refresh_only(plane):
    await ask(plane, CDN_HOST)
    plane.store.oss.put("isthmus-site", "index.html", b"new", {"content-type": "text/html"})

    assert (await ask(plane, CDN_HOST))[2] == "<h1>hello</h1>"
    assert (await refresh(plane, f"https://{CDN_HOST}/"))[0] == 200
    assert (await ask(plane, CDN_HOST))[2] == "new"


async def test_a_changed_configuration_purges_nothing(plane):
    await ask(plane, CDN_HOST)
    plane.store.delete("alicloud:cdn/domainConfig:DomainConfig", f"{CDN_HOST}:path_based_ttl_set:1")

    assert await was_kept(plane)


async def test_a_domain_that_goes_takes_what_is_kept_with_it(plane):
    await ask(plane, CDN_HOST)
    plane.store.delete("alicloud:cdn/domainNew:DomainNew", CDN_HOST)
    await ask(plane, CDN_HOST)
    put_site(plane.store)

    assert not await was_kept(plane)


async def test_a_refresh_takes_what_it_names_and_nothing_else(plane):
    for key in ("index.html", "a/1.js", "a/b/2.js", "ab.js", "sch\u00f6n.js"):
        plane.store.oss.put("isthmus-site", key, b"x", {})
    paths = ["/index.html", "/a/1.js", "/a/b/2.js", "/ab.js", "/ab.js?v=1", "/sch%C3%B6n.js"]

    async def kept_after(*asked) -> set[str]:
        for path in paths:
            await ask(plane, CDN_HOST, path)
        status, told = await refresh(plane, *asked)
        assert (status, set(told)) == (200, {"RequestId", "RefreshTaskId"})
        return {path for path in paths if await was_kept(plane, path)}

    assert await kept_after(f"http://{CDN_HOST}/a/", "Directory") == set(paths) - {"/a/1.js", "/a/b/2.js"}
    assert await kept_after(f"{CDN_HOST}/ab.js\r\nhttps://{CDN_HOST}/index.html") == set(paths) - {
        "/ab.js",
        "/index.html",
    }
    assert await kept_after(f"http://{CDN_HOST}/sch%c3%b6n.js") == set(paths) - {"/sch%C3%B6n.js"}


async def test_head_and_parts_come_from_the_whole(plane):
    plane.store.oss.put("isthmus-site", "parts.txt", b"0123456789", {"content-type": "text/plain"})

    status, headers, body = await ask(plane, CDN_HOST, "/parts.txt", "HEAD")
    assert (status, headers["Content-Length"], body, headers["X-Cache"][:4]) == (200, "10", "", "MISS")
    status, headers, body = await ask(plane, CDN_HOST, "/parts.txt", Range="bytes=2-4")
    assert (status, headers["Content-Range"], body, headers["X-Cache"][:3]) == (206, "bytes 2-4/10", "234", "HIT")
    assert (await ask(plane, CDN_HOST, "/parts.txt"))[2] == "0123456789"
    status, headers, _ = await ask(plane, CDN_HOST, "/parts.txt", Range="bytes=10-")
    assert (status, headers["Content-Range"]) == (416, "bytes */10")
    status, headers, body = await ask(plane, CDN_HOST, "/parts.txt", **{"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, "")


async def test_what_varies_is_kept_apart(plane):
    plane.store.oss.put("isthmus-site", "vary.txt", b"x", {"vary": "Accept-Encoding"})

    assert not await was_kept(plane, "/vary.txt", **{"Accept-Encoding": "gzip"})
    assert not await was_kept(plane, "/vary.txt", **{"Accept-Encoding": "br"})
    assert await was_kept(plane, "/vary.txt", **{"Accept-Encoding": "gzip"})
    assert await was_kept(plane, "/vary.txt", **{"Accept-Encoding": "br"})


async def test_a_missing_page_is_kept_for_a_second(plane):
    first = await ask(plane, CDN_HOST, "/missing")

    assert (first[0], first[1]["X-Swift-CacheTime"]) == (404, "1")
    assert await was_kept(plane, "/missing")


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


CODES = ("path_force_ttl_code", {"path": "/", "code_string": "403=10,404=15"})
KINDS = ("filetype_force_ttl_code", {"file_type": "css,js", "code_string": "404=7"})
REST = ("default_ttl_code", {"default_ttl_code": "4xx=3,500=4"})


@pytest.mark.parametrize(
    ("status", "headers", "rules", "expected"),
    [
        (404, {}, (PATHS,), 1),
        (404, {"Cache-Control": "max-age=9"}, (PATHS,), 9),
        (404, {"Cache-Control": "no-store"}, (PATHS,), 0),
        (404, {"Set-Cookie": "a=1"}, (), 0),
        (403, {}, (PATHS,), 0),
        (403, {"Cache-Control": "max-age=9"}, (), 9),
        (403, {}, (CODES,), 10),
        (404, {"Cache-Control": "no-store"}, (CODES,), 15),
        (400, {"Cache-Control": "max-age=9"}, (), 0),
        (400, {}, (REST,), 3),
        (500, {}, (REST,), 4),
        (404, {}, (KINDS,), 7),
        (304, {}, (("default_ttl_code", {"default_ttl_code": "3xx=9"}),), 0),
    ],
)
def test_how_long_an_error_is_kept(status, headers, rules, expected):
    assert time_to_live("/a.js", Response(status, CIMultiDict(headers)), Configuration(rules)) == expected
