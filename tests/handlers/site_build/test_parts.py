"""The handler's parts that need no cloud and no Node.js: tables, names, sums, commands."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import crcmod.predefined
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.site_build import crc64, files, order, project
from handlers.site_build.client import Call, Client, Endpoint
from handlers.site_build.edge import CloudFront, addresses
from handlers.site_build.output import Written
from handlers.site_build.problem import SiteBuildError
from handlers.site_build.signers import Keys
from tests.support.object_store import Buckets, Reply, serve

ROOT = Path(__file__).parents[3]


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_crc64_in_both_ways_is_that_of_the_official_client(first, second):
    theirs = crcmod.predefined.mkCrcFun("crc-64-xz") if "crc-64-xz" in _known() else _ecma()
    assert crc64.update(crc64.update(0, first), second) == theirs(first + second)
    assert crc64.slow_update(crc64.slow_update(0, first), second) == theirs(first + second)
    assert crc64._native() is not None


def _known() -> set[str]:
    return {name for entry in crcmod.predefined._crc_definitions for name in [entry["name"]]}


def _ecma():
    return crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)


NO_SOURCES: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    "name",
    [
        "assets/index-BkH3s9aX.js", "assets/index-DkQzGhXy.css", "assets/vendor-B_k-3s9a.js", "main.3f2a1b9c.js",
        "static/js/main.abc12345.chunk.js", "static/js/2.0f3a9c1d.chunk.js.map", "chunk-7GJ2KQPX.js",
        "logo.5d5d9eefa31e5e13a6610d9fa7a283bb.svg", "_next/static/chunks/framework-64ad27b21261a9ce.js",
        "fonts/inter-Bx3fQ9_z.woff2", "assets/index-BkH3s9aX.js.map",
    ],
)  # fmt: skip
def test_names_with_a_hash_of_the_content_are_kept_for_a_year(name):
    assert files.cache_control(name, NO_SOURCES) == "public, max-age=31536000, immutable"
    assert files.cache_control(name, frozenset({name.rpartition("/")[2]})) == "public, max-age=300"


@pytest.mark.parametrize(
    "name",
    [
        "logo.png", "icon-192x192.png", "icon-1024x1024.png", "report-20260101.pdf", "jquery-migrate.js", "app.min.js",
        "bootstrap.bundle.min.js", "photo_20240101.jpg", "apple-touch-icon.png", "robots.txt", "feed.xml",
        "Component.js", "jquery-3.6.0.min.js", "views-overview.js",
    ],
)  # fmt: skip
def test_other_names_are_kept_for_minutes(name):
    assert files.cache_control(name, NO_SOURCES) == "public, max-age=300"


@pytest.mark.parametrize("name", ["index.html", "a/b-BkH3s9aX.html", "sw.js", "service-worker.js", "app.webmanifest"])
def test_what_decides_on_the_rest_is_asked_for_each_time(name):
    assert files.cache_control(name, NO_SOURCES) == "no-cache"


def test_types():
    assert files.content_type("a/INDEX.HTML") == "text/html; charset=utf-8"
    assert files.content_type("a.woff2") == "font/woff2"
    assert files.content_type("CNAME") == "application/octet-stream"


def test_compressed_is_what_pages_load_and_where_it_pays(tmp_path):
    contents = {
        "a.js": b"x" * 5000, "b.html": b"x" * 5000, "c.json": b"x" * 5000, "small.js": b"x" * 500,
        "dense.js": b"".join(bytes([n * n * 7 % 251 ^ n * 31 % 256]) for n in range(5000)), "d.png": b"x" * 5000,
    }  # fmt: skip
    dense = subprocess.run(["head", "-c", "5000", "/dev/urandom"], capture_output=True, check=True).stdout
    contents["dense.js"] = dense
    written = []
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
        written.append(Written(name, tmp_path / name, len(data)))
    first = files.prepare(written, NO_SOURCES, tmp_path / "one")
    again = files.prepare(written, NO_SOURCES, tmp_path / "two")
    assert [file.name for file in first if "Content-Encoding" in file.headers] == ["a.js"]
    assert [file.digest() for file in first] == [file.digest() for file in again]


def test_addresses_are_encoded_and_index_pages_have_two():
    names = ["index.html", "docs/ä b/index.html", "a?b.css", "50%.html"]
    assert addresses("https://x/", names) == [
        "https://x/index.html", "https://x/", "https://x/docs/%C3%A4%20b/index.html", "https://x/docs/%C3%A4%20b/",
        "https://x/a%3Fb.css", "https://x/50%25.html",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("locks", "package", "install", "build"),
    [
        ({}, {}, "", "npm run build"),
        ({"package-lock.json": "{}"}, {}, "npm ci --no-audit --no-fund --include=dev", "npm run build"),
        ({"npm-shrinkwrap.json": "{}", "package-lock.json": "{}"}, {}, "npm ci --no-audit --no-fund --include=dev",
         "npm run build"),
        ({"pnpm-lock.yaml": ""}, {}, "npx --yes --package=pnpm@9.15.9 -- pnpm install --frozen-lockfile",
         "npx --yes --package=pnpm@9.15.9 -- pnpm run build"),
        ({"pnpm-lock.yaml": ""}, {"packageManager": "pnpm@10.1.0+sha512.ab"},
         "npx --yes --package=pnpm@10.1.0 -- pnpm install --frozen-lockfile",
         "npx --yes --package=pnpm@10.1.0 -- pnpm run build"),
        ({"yarn.lock": "# yarn lockfile v1"}, {}, "npx --yes --package=yarn@1.22.22 -- yarn install --frozen-lockfile",
         "npx --yes --package=yarn@1.22.22 -- yarn run build"),
        ({"yarn.lock": "# x\n__metadata:\n"}, {},
         "npx --yes --package=@yarnpkg/cli-dist@4.6.0 -- yarn install --immutable",
         "npx --yes --package=@yarnpkg/cli-dist@4.6.0 -- yarn run build"),
    ],
)  # fmt: skip
def test_the_lock_file_names_the_package_manager(tmp_path, locks, package, install, build):
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"build": "x"}, **package}))
    for name, text in locks.items():
        (tmp_path / name).write_text(text)
    found = project.find(tmp_path, "")
    assert (" ".join(found.install), " ".join(found.build)) == (install, build)
    assert project.find(tmp_path, "make it").build == ("/bin/sh", "-c", "make it")


@pytest.mark.parametrize("version", ["latest", "npm@1", "pnpm@9.1.0 --evil", "pnpm@9.1.0\n", 5, "pnpm"])
def test_a_package_manager_without_exact_version_is_refused(tmp_path, version):
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"build": "x"}, "packageManager": version}))
    (tmp_path / "pnpm-lock.yaml").write_text("")
    with pytest.raises(SiteBuildError, match=r"packageManager in package\.json is"):
        project.find(tmp_path, "")


def test_an_order_counts_as_another_when_anything_that_shapes_the_site_differs():
    def fingerprint(etag: str = '"A"', **more: object) -> str:
        event = {"source": {"bucket": "source", "key": "a.zip"}, **more}
        return order.parse(event, {"SITE_BUCKET": "site"}, "1").fingerprint(etag)

    others = [
        fingerprint('"B"'), fingerprint(command="x"), fingerprint(output="x"), fingerprint(env={"A": "1"}),
        fingerprint(site={"bucket": "other"}), fingerprint(source={"bucket": "source", "key": "b.zip"}),
    ]  # fmt: skip
    assert len({fingerprint(), *others}) == 7
    assert fingerprint() == fingerprint(prune=True, force=True)


def test_cloudfront_is_told_paths(monkeypatch):
    buckets = Buckets(objects={})
    server = serve(buckets)
    client = Client(lambda: Keys("AK", "SK"), time.monotonic() + 10)
    port = server.server_address[1]
    CloudFront(client, "E1", f"http://cloudfront.amazonaws.com.localhost:{port}").refresh(
        ["https://x/a%20b&c", "https://x/"]
    )
    client.close()
    server.shutdown()
    server.server_close()
    (call,) = buckets.calls
    assert call.key == "2020-05-31/distribution/E1/invalidation"
    assert b"<Quantity>2</Quantity><Items><Path>/a%20b&amp;c</Path><Path>/</Path></Items>" in call.body


def test_connections_are_kept_and_one_closed_meanwhile_is_replaced():
    """Each accepted connection serves two requests and is closed without a word."""
    buckets = Buckets(objects={})
    server = serve(buckets)
    accepted: list[object] = []
    plain = server.process_request
    server.process_request = lambda request, address: (accepted.append(address), plain(request, address))
    buckets.fault = lambda call: Reply(200, b"ok", cut=2 if len(buckets.calls) % 2 == 0 else None)
    client = Client(lambda: Keys("AK", "SK"), time.monotonic() + 20)
    endpoint = Endpoint("http", f"cdn.localhost:{server.server_address[1]}")
    call = Call("Test", endpoint, "GET", "/x", lambda keys: {"Authorization": keys.id})
    assert [client.send(call).body for _ in range(6)] == [b"ok"] * 6
    assert len(accepted) == 3
    client.close()
    server.shutdown()
    server.server_close()


def test_many_threads_share_the_connections():
    buckets = Buckets(latency=0.01, fault=lambda call: Reply(200, call.key.encode()))
    server = serve(buckets)
    client = Client(lambda: Keys("AK", "SK"), time.monotonic() + 20)
    endpoint = Endpoint("http", f"cdn.localhost:{server.server_address[1]}")
    found: dict[int, bytes] = {}

    def one(number: int) -> None:
        call = Call("Test", endpoint, "GET", f"/{number}", lambda keys: {"Authorization": keys.id})
        found[number] = client.send(call).body

    threads = [threading.Thread(target=one, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: str(number).encode() for number in range(40)}
    client.close()
    server.shutdown()
    server.server_close()


def test_nothing_is_imported_before_an_event_comes():
    code = "import sys, __future__; old = set(sys.modules); import handlers.site_build; print({*sys.modules} - old)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == {"handlers", "handlers.site_build"}
