"""The whole way from an archive in a bucket to a site, with the machine's real Node.js.

The store is small and of our own: that real OSS and S3 take the same requests is for the tests against the local
clouds and the official clients; no cloud account is used here.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from handlers.site_build import handler
from handlers.site_build.problem import SiteBuildError
from tests.handlers.site_build.conftest import BUILD, PACKAGE, Cloud, project, tarred
from tests.support.object_store import Call, Reply, Stored, error

BOTH = pytest.mark.parametrize("cloud", ["alibaba", "aws"], indirect=True)
ROOT = Path(__file__).parents[3]
SCRIPT = "assets/index-BkH3s9aX.js"
FILES = {"index.html", "about.html", SCRIPT, "logo.svg"}


def trigger(key: str, request_id: str = "64F0", name: str = "ObjectCreated:PutObject") -> dict:
    """Function Compute, "Formats of event for different triggers", OSS triggers."""
    return {
        "events": [
            {
                "eventName": name, "eventSource": "acs:oss", "eventTime": "2026-08-13T06:45:43.000Z",
                "eventVersion": "1.0", "region": "cn-hongkong",
                "oss": {
                    "bucket": {"arn": "acs:oss:cn-hongkong:10:source", "name": "source", "ownerIdentity": "10",
                               "virtualBucket": ""},
                    "object": {"deltaSize": 122539, "eTag": "688A7BF4F233DC9C88A80BF985AB7329", "key": key,
                               "size": 122539},
                    "ossSchemaVersion": "1.0", "ruleId": "9adac8e253828f4f7c0466d941fa3db8",
                },
                "requestParameters": {"sourceIPAddress": "140.205.128.221"},
                "responseElements": {"requestId": request_id},
                "userIdentity": {"principalId": "10"},
            }
        ]
    }  # fmt: skip


@BOTH
def test_a_project_becomes_a_site_with_types_and_cache_headers(cloud: Cloud, capsys):
    cloud.upload(project())
    report = cloud.run()
    stored = cloud.buckets.objects["site"]
    assert set(cloud.site) == FILES
    assert stored["index.html"].headers == {"content-type": "text/html; charset=utf-8", "cache-control": "no-cache"}
    assert stored[SCRIPT].headers == {
        "content-type": "text/javascript; charset=utf-8",
        "cache-control": "public, max-age=31536000, immutable",
        "content-encoding": "gzip",
    }
    assert gzip.decompress(stored[SCRIPT].body).startswith(b"// long enough")
    assert stored["logo.svg"].headers["cache-control"] == "public, max-age=300"
    assert report["status"] == "published"
    assert report["counts"] == {"uploaded": 4, "unchanged": 0, "removed": 0, "kept": 0, "refreshed": 3}
    assert report["bytes_sent"] == sum(map(len, cloud.site.values()))
    assert {"download", "unpack", "build", "upload", "total"} <= report["seconds"].keys()
    log = capsys.readouterr().out
    assert "build | built hello" in log
    assert json.loads(log.splitlines()[-1].removeprefix("site_build | report ")) == report


@BOTH
def test_a_changed_text_sends_and_refreshes_what_changed_and_nothing_else(cloud: Cloud):
    cloud.upload(project())
    cloud.run()
    cloud.buckets.calls.clear()
    cloud.upload(project(text__txt="new"))
    report = cloud.run()
    assert cloud.puts() == ["index.html"]
    assert b"<h1>new</h1>" in cloud.site["index.html"]
    assert report["counts"]["unchanged"] == 3
    assert report["refreshed"] == ["https://www.example.com/index.html", "https://www.example.com/"]
    assert len(cloud.refreshes()) == 1


def test_the_same_source_again_puts_nothing_unless_forced(cloud: Cloud):
    cloud.upload(project())
    cloud.run()
    cloud.buckets.calls.clear()
    again = cloud.run()
    assert again["status"] == "unchanged"
    assert [call for call in cloud.buckets.calls if call.method != "GET" and call.method != "HEAD"] == []
    forced = cloud.run(force=True)
    assert (forced["status"], cloud.puts(), forced["counts"]["unchanged"]) == ("published", [], 4)
    assert cloud.run(output="dist")["status"] == "published"


def test_what_somebody_else_changed_or_removed_is_put_right(cloud: Cloud):
    cloud.upload(project())
    cloud.run()
    cloud.buckets.objects["site"]["about.html"] = Stored(b"defaced", {})
    del cloud.buckets.objects["site"]["logo.svg"]
    cloud.buckets.calls.clear()
    cloud.run(force=True)
    assert sorted(cloud.puts()) == ["about.html", "logo.svg"]


def test_assets_come_first_then_pages_and_the_first_page_last(cloud: Cloud):
    cloud.upload(project())
    cloud.run()
    order = cloud.puts()
    assert order[-2:] == ["about.html", "index.html"]
    assert set(order[:2]) == {SCRIPT, "logo.svg"}


def test_vanished_files_stay_until_pruning_and_strangers_always(old: Cloud):
    old.upload(project())
    old.run()
    slim = project(build__js="const fs=require('fs');fs.mkdirSync('dist');fs.writeFileSync('dist/index.html','x')")
    old.upload(slim)
    assert old.run()["counts"]["kept"] == 3
    assert set(old.site) == FILES | {"other/page.html"}
    report = old.run(force=True, prune=True)
    assert sorted(report["removed"]) == sorted(FILES - {"index.html"})
    assert set(old.site) == {"index.html", "other/page.html"}


def test_pruning_that_is_asked_for_later_is_done_though_the_source_is_the_same(old: Cloud):
    old.upload(project())
    old.run()
    old.upload(project(build__js="const fs=require('fs');fs.mkdirSync('dist');fs.writeFileSync('dist/index.html','x')"))
    old.run()
    report = old.run(prune=True)
    assert (report["status"], report["counts"]["removed"]) == ("published", 3)
    assert set(old.site) == {"index.html", "other/page.html"}
    assert old.run(prune=True)["status"] == "unchanged"


def test_a_site_that_an_event_names_is_refreshed_where_it_is_seen(cloud: Cloud):
    cloud.upload(project())
    report = cloud.run(site={"bucket": "site", "prefix": "shop"})
    assert "https://www.example.com/shop/" in report["refreshed"]
    assert all(url.startswith("https://www.example.com/shop/") for url in report["refreshed"])
    cloud.buckets.objects["other"] = {}
    elsewhere = cloud.run(site={"bucket": "other"})
    assert (elsewhere["site"]["url"], elsewhere["refreshed"]) == ("", [])


def test_a_prefix_holds_the_site_and_the_state(cloud: Cloud):
    cloud.upload(project())
    cloud.run(site={"bucket": "site", "prefix": "shop"})
    assert set(cloud.site) == {f"shop/{name}" for name in FILES}
    assert all(key.startswith("shop/") for key in cloud.buckets.objects["site"])


def test_a_trigger_event_with_a_key_as_it_is_or_percent_encoded(cloud: Cloud):
    cloud.upload(tarred(project()), "projects/Größe 1.tar.gz")
    told = [
        handler(trigger(key, str(number)), cloud.context("x"))["status"]
        for number, key in enumerate(("projects/Größe 1.tar.gz", "projects/Gr%C3%B6%C3%9Fe%201.tar.gz"))
    ]
    assert told[0] == "published"
    assert set(cloud.site) == FILES


def test_a_project_in_the_only_folder_of_its_archive(cloud: Cloud):
    cloud.upload({f"shop-main/{name}": data for name, data in project().items()})
    cloud.run()
    assert set(cloud.site) == FILES


def test_a_command_output_and_variables_of_the_event(cloud: Cloud):
    cloud.upload(project())
    cloud.run(command='mkdir www && echo "$GREETING" > www/index.html', output="www", env={"GREETING": "good day"})
    assert cloud.site == {"index.html": b"good day\n"}


def test_names_outside_ascii_are_stored_and_refreshed_encoded(cloud: Cloud):
    cloud.upload(
        project(build__js="const fs=require('fs');fs.mkdirSync('dist');fs.writeFileSync('dist/größe +.html','x')")
    )
    report = cloud.run()
    assert set(cloud.site) == {"größe +.html"}
    assert report["refreshed"] == ["https://www.example.com/gr%C3%B6%C3%9Fe%20%2B.html"]


def test_more_addresses_than_one_call_takes_go_in_several(cloud: Cloud):
    script = (
        "const fs=require('fs');fs.mkdirSync('dist');for(let i=0;i<1100;i++)fs.writeFileSync(`dist/p${i}.html`,'x')"
    )
    cloud.buckets.page = 400
    cloud.upload(project(build__js=script))
    assert cloud.run()["counts"]["refreshed"] == 1100
    assert len(cloud.refreshes()) == 2
    assert cloud.run(force=True)["counts"]["uploaded"] == 0


@BOTH
def test_a_big_file_goes_in_parts(cloud: Cloud):
    script = "const fs=require('fs');fs.mkdirSync('dist');fs.writeFileSync('dist/a.mp4',Buffer.alloc(20e6,'movie'))"
    cloud.upload(project(build__js=script))
    cloud.run()
    assert cloud.site["a.mp4"] == (b"movie" * 4_000_000)
    assert cloud.buckets.objects["site"]["a.mp4"].headers["content-type"] == "video/mp4"
    assert cloud.run(force=True)["counts"]["uploaded"] == 0


def test_a_real_dependency_is_installed_by_its_lock_file(cloud: Cloud):
    """Needs the registry that npm is configured for."""
    package = {**PACKAGE, "dependencies": {"is-odd": "3.0.1"}}
    lock = {
        "name": "shop", "version": "1.0.0", "lockfileVersion": 3, "requires": True,
        "packages": {
            "": {"name": "shop", "version": "1.0.0", "dependencies": {"is-odd": "3.0.1"}},
            "node_modules/is-odd": {"version": "3.0.1", "dependencies": {"is-number": "^6.0.0"}},
            "node_modules/is-number": {"version": "6.0.0"},
        },
    }  # fmt: skip
    script = (
        "const fs=require('fs');fs.mkdirSync('dist');fs.writeFileSync('dist/index.html',String(require('is-odd')(3)))"
    )
    cloud.upload({"package.json": json.dumps(package), "package-lock.json": json.dumps(lock), "build.js": script})
    cloud.run()
    assert cloud.site == {"index.html": b"true"}


LOCKS = {
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\n\nimporters:\n\n  .: {}\n",
    "yarn.lock": "# yarn lockfile v1\n",
}


@pytest.mark.parametrize("lock", LOCKS)
def test_pnpm_and_yarn_come_in_their_pinned_versions(cloud: Cloud, lock, capsys):
    """Needs the registry that npm is configured for."""
    cloud.upload(project() | {lock: LOCKS[lock]})
    cloud.run()
    assert set(cloud.site) == FILES
    assert f"site_build | install: npx --yes --package={lock.split('-')[0].split('.')[0]}@" in capsys.readouterr().out


# Crashes and others at work


def test_a_publish_that_stopped_is_taken_up_by_the_next(old: Cloud):
    old.upload(project())
    old.buckets.fault = lambda call: error(403, "AccessDenied") if call.key == "about.html" else None
    with pytest.raises(SiteBuildError, match="403 AccessDenied"):
        old.run()
    assert old.site["index.html"] == b"<h1>old</h1>"
    old.buckets.fault = None
    old.run()
    assert set(old.site) == FILES | {"other/page.html"}


def test_a_refresh_that_failed_is_made_by_the_next_attempt(old: Cloud):
    old.upload(project())
    old.buckets.fault = lambda call: Reply(403, b'{"Code":"Forbidden.RAM"}') if call.bucket == "cdn" else None
    with pytest.raises(SiteBuildError, match=r"The site is published, but the CDN refused .*403 Forbidden.RAM"):
        old.run()
    old.buckets.fault = None
    assert "https://www.example.com/" in old.run()["refreshed"]


def test_two_builds_at_once_do_not_mix(cloud: Cloud):
    """The second starts while the first is in the middle of its upload: it waits, and the site is all its own."""
    cloud.upload(project(text__txt="first"))
    cloud.upload(project(text__txt="second"), "projects/second.zip")
    entered, leave = threading.Event(), threading.Event()
    order: list[bytes] = []

    def slow(call):
        if call.bucket == "site" and call.method == "PUT" and call.key == "index.html":
            order.append(call.body[4:10])
            if not entered.is_set():
                entered.set()
                leave.wait(30)

    cloud.buckets.fault = slow
    from handlers.site_build.job import run

    def build(key: str) -> None:
        run({"source": {"bucket": "source", "key": key}}, cloud.context(key))

    first = threading.Thread(target=build, args=("projects/shop.zip",))
    second = threading.Thread(target=build, args=("projects/second.zip",))
    first.start()
    assert entered.wait(60)
    second.start()
    while not any(call.key == "projects/second.zip" for call in cloud.buckets.calls):
        pass
    assert order == [b"first<"]
    leave.set()
    first.join(60)
    second.join(60)
    assert order == [b"first<", b"second"]
    assert b"second" in cloud.site["index.html"]


def test_a_source_replaced_during_the_build_is_left_to_its_own_event(old: Cloud):
    old.upload(project())

    def replace(call):
        if call.key.startswith(".isthmus/lease/") and call.method == "PUT" and not replaced:
            replaced.append(call)
            old.upload(project(text__txt="newer"))

    replaced: list = []
    old.buckets.fault = replace
    assert old.run()["status"] == "superseded"
    assert old.puts() == []


def test_a_process_that_is_killed_anywhere_leaves_whole_pages(old: Cloud):
    """Killed at each of its writes in turn; the next attempt goes on."""
    page = '<script src="new-{0}.js"></script>'
    script = (
        "const fs=require('fs'),n=fs.readFileSync('text.txt','utf8');fs.mkdirSync('dist');"
        "fs.writeFileSync(`dist/new-${n}.js`,n);"
        "for(const p of ['a','index'])fs.writeFileSync(`dist/${p}.html`,`<script src=\"new-${n}.js\"></script>`)"
    )
    order = {"source": {"bucket": "source", "key": "projects/shop.zip"}}
    code = (
        "import json,os,sys,time\nfrom handlers.site_build import handler\n"
        "from runtime.context import Context, Function\n"
        "handler(json.loads(sys.argv[1]), Context(Function('alibaba', os.environ), 'x', (time.time()+60)*1000))"
    )
    deaths = 0
    for number in range(1, 7):  # lease, script, two pages, state, end of the lease
        old.upload(project(build__js=script, text__txt=f"version{number:02d}"))
        child = subprocess.Popen([sys.executable, "-c", code, json.dumps(order)], cwd=ROOT, stdout=subprocess.DEVNULL)
        left = iter(range(number - 1))

        def kill(call: Call, left=left, child=child) -> Reply | None:
            if call.bucket == "site" and call.method == "PUT" and next(left, None) is None:
                child.kill()
                return Reply(500, wait=0.5)
            return None

        old.buckets.fault = kill
        deaths += child.wait(60) == -9
        old.buckets.fault = None
        for name in ("a.html", "index.html"):
            text = old.site.get(name, b"old").decode()
            version = re.search(r"version\d+", text)
            assert version is None or text == page.format(version[0])
            assert version is None or old.site[f"new-{version[0]}.js"] == version[0].encode()
        _expire_leases(old)
    assert deaths == 6
    assert old.run()["status"] == "unchanged"
    assert b"version06" in old.site["index.html"]


def _expire_leases(cloud: Cloud) -> None:
    """As if the time of a dead holder had passed."""
    for key in [key for key in cloud.buckets.objects["site"] if key.startswith(".isthmus/lease/")]:
        cloud.buckets.objects["site"][key] = Stored(b'{"until": 5}', {})


def test_a_lease_is_renewed_and_one_that_cannot_be_ends_the_publish(old: Cloud, monkeypatch):
    monkeypatch.setattr("handlers.site_build.lease._RENEWAL_S", 0.05)
    monkeypatch.setattr("handlers.site_build.lease._TIME_S", 1.0)
    old.upload(project())
    written: list[Call] = []

    def slow(call: Call) -> Reply | None:
        if call.key.startswith(".isthmus/lease/") and call.method == "PUT":
            written.append(call)
        if call.key == "about.html" and call.method == "PUT":
            time.sleep(1.5)
        return None

    old.buckets.fault = slow
    assert old.run()["status"] == "published"
    assert len(written) > 5

    def lost(call: Call) -> Reply | None:
        if call.key.startswith(".isthmus/lease/") and call.method == "PUT" and len(written) > 1:
            return error(403, "AccessDenied")
        return slow(call)

    written.clear()
    old.upload(project(text__txt="lost", build__js=BUILD.replace("About", "Changed")))
    old.buckets.fault = lost
    with pytest.raises(SiteBuildError, match="The right to publish this site was lost") as caught:
        old.run()
    assert caught.value.worth_retry
    assert b"hello" in old.site["index.html"]


def test_a_lease_of_a_holder_that_died_ends_with_its_time(cloud: Cloud):
    cloud.upload(project())
    lease = {"owner": "dead", "until": 5}
    cloud.buckets.objects["site"][".isthmus/lease/000000000007"] = Stored(json.dumps(lease).encode(), {})
    assert cloud.run()["status"] == "published"
    leases = [key for key in cloud.buckets.objects["site"] if "lease" in key]
    assert leases == [".isthmus/lease/000000000008"]


def test_a_lease_that_is_held_too_long_is_worth_a_retry(old: Cloud):
    old.upload(project())
    old.seconds = 12
    lease = {"owner": "alive", "until": 1e11}
    old.buckets.objects["site"][".isthmus/lease/000000000001"] = Stored(json.dumps(lease).encode(), {})
    with pytest.raises(SiteBuildError, match="Another build is publishing") as caught:
        old.run()
    assert caught.value.worth_retry
    assert old.puts() == []


def test_a_second_event_in_the_same_instance_is_refused(cloud: Cloud):
    from handlers import site_build

    with site_build._busy, pytest.raises(SiteBuildError, match="concurrency of 1"):
        cloud.run()
