"""Whatever is wrong with an event, an archive, a project, a build or the cloud: one sentence, and the old site stays.

Does not prove that Function Compute retries a failed event with the same request id.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from pathlib import Path

import pytest

from handlers.site_build.problem import SiteBuildError
from tests.handlers.site_build.conftest import OLD_SITE, Cloud, project, tarred, zipped
from tests.support.object_store import Call, Reply, error


def refused(cloud: Cloud, sentence: str, *, retry: bool = False, **event: object) -> None:
    """The order fails with the sentence, and readers see the site as it was."""
    with pytest.raises(SiteBuildError, match=sentence) as caught:
        cloud.run(**event)
    assert caught.value.worth_retry == retry
    assert cloud.site == OLD_SITE
    assert "hidden" not in str(caught.value)


# Events

WRONG_EVENTS = [
    ({"source": {"bucket": "source"}}, "source.key is ''"),
    ({"source": "x"}, "source is 'x', but must be an object"),
    ({"sauce": 1}, "field of the event is 'sauce', but must be one of source, site"),
    ({"prune": "yes"}, "prune is 'yes', but must be true or false"),
    ({"output": "../secret"}, "output is '../secret', but must be a folder inside the project"),
    ({"output": "/etc"}, "output is '/etc'"),
    ({"env": {"PATH": "/evil"}}, "name in env is 'PATH'"),
    ({"env": {"LD_PRELOAD": "x"}}, "name in env is 'LD_PRELOAD'"),
    ({"env": {"ALIBABA_CLOUD_ACCESS_KEY_ID": "x"}}, "name in env"),
    ({"env": {"X": 1}}, "env is {'X': 1}, but must be an object of texts"),
    ({"site": {"bucket": "site", "prefix": "a/../../b"}}, "site.prefix is 'a/../../b'"),
    ({"source": {"bucket": "source", "key": "\ud800"}}, "source is .* must be an object"),
    ({"site": {"bucket": "site", "prefix": "\ud800"}}, "site is .* must be an object"),
    ({"command": "\ud800"}, "command is "),
    ({"env": {"X": "\ud800"}}, "env is .* must be an object of texts"),
    ({"events": []}, "events is '0 events', but must be a list of one event"),
    ({"events": [{"eventName": "x"}]}, r"events\[0\] is "),
]


@pytest.mark.parametrize(("event", "sentence"), WRONG_EVENTS)
def test_a_wrong_event(old: Cloud, event, sentence):
    refused(old, sentence, **event)


def test_an_initiated_multipart_upload_builds_nothing(old: Cloud):
    oss = {"bucket": {"name": "source"}, "object": {"key": "projects/shop.zip"}}
    events = [{"eventName": "ObjectCreated:InitiateMultipartUpload", "oss": oss}]
    refused(old, "eventName is 'ObjectCreated:InitiateMultipartUpload'", events=events)


# Sources and projects


def test_no_such_object(old: Cloud):
    refused(old, "There is no object source/projects/shop.zip in OSS; upload the project there")


PACKAGE_ONLY = {"package.json": "{}"}
WRONG_PROJECTS = [
    (b"<html>no archive</html>", "kind of archive is a file that begins with b'<h'"),
    (b"", "kind of archive"),
    (zipped(project())[:200], "content is damaged"),
    (tarred(project())[:200], "content is damaged"),
    ({"readme.txt": "x"}, "The archive has no package.json"),
    ({"package.json": "{"}, "package.json is no JSON"),
    ({"package.json": "[]"}, "package.json is JSON, but no object"),
    (PACKAGE_ONLY, "has no script `build`"),
    (project() | {"package-lock.json": "{}", "yarn.lock": ""}, "lock files package-lock.json and yarn.lock"),
    (project() | {"bun.lock": "{}"}, "lock file is bun.lock"),
    (project() | {"package.json": '{"dependencies": {"a": "1"}, "scripts": {"build": "x"}}'}, "but no lock file"),
    (project() | {"pnpm-lock.yaml": "", "package.json": '{"packageManager": "yarn@4.0.0"}'}, "packageManager in"),
]


@pytest.mark.parametrize(("archive", "sentence"), WRONG_PROJECTS)
def test_a_wrong_archive_or_project(old: Cloud, archive, sentence):
    old.upload(archive)
    refused(old, sentence)


# Builds

SAY = "const fs=require('fs');fs.mkdirSync('dist');"
WRONG_BUILDS = [
    ("console.error('no such module: x');process.exit(3)", "build failed with exit code 3.*no such module: x"),
    ("", "has written none of the folders dist, build, out"),
    ("require('fs').mkdirSync('dist')", "has written nothing to dist/"),
    ("require('fs').symlinkSync('/etc', 'dist')", "has written none of the folders"),
    (SAY + "fs.symlinkSync('/etc/passwd','dist/index.html')", "index.html is a link"),
    (SAY + "fs.symlinkSync('/etc','dist/etc')", "etc is a link"),
    (SAY + "fs.writeFileSync('a','x');fs.linkSync('a','dist/a.html')", "a.html is one of several names"),
    (SAY + "require('child_process').execSync('mkfifo dist/pipe')", "pipe is a link, a device or a pipe"),
    (SAY + "for(let i=0;i<20001;i++)fs.writeFileSync('dist/'+i,'')", "more than 20,000 files"),
    (SAY + "fs.mkdirSync('out');fs.writeFileSync('out/a','');fs.writeFileSync('dist/a','')", "may be in dist or out"),
    (SAY + "fs.writeFileSync('dist/a\\nb','')", "control characters"),
    (SAY + "fs.symlinkSync('/etc','dist/a\\nb')", "control characters"),
    (SAY + "fs.symlinkSync('/etc',Buffer.from('dist/\\xff','latin1'))", "is no UTF-8"),
    (SAY + "fs.writeFileSync('dist/a','');fs.truncateSync('dist/a',1.5e9)", "1,500,000,000 bytes long"),
]


@pytest.mark.parametrize(("script", "sentence"), WRONG_BUILDS)
def test_a_wrong_build(old: Cloud, script, sentence):
    old.upload(project(build__js=script))
    refused(old, sentence)


def test_a_named_output_that_leads_outside(old: Cloud):
    old.upload(project(build__js="require('fs').symlinkSync('/etc','www')"))
    refused(old, "output folder www is a link or a file", output="www")
    refused(old, "output folder www/ssl is a link or a file", output="www/ssl")
    refused(old, "output folder other is not there", output="other")


def test_a_build_that_never_ends(old: Cloud, capsys):
    old.seconds = 8
    old.upload(project(build__js="setInterval(()=>console.log('still here'),200)"))
    refused(old, "build did not end in its time and was stopped.*still here")
    assert "build | still here" in capsys.readouterr().out


def test_a_build_that_talks_without_end(old: Cloud, capsys):
    old.seconds = 60
    script = "for(let i=0;i<40000;i++)console.log('a line of the build with many words');" + SAY
    old.upload(project(build__js=script + "fs.writeFileSync('dist/index.html','x')"))
    old.run()
    out = capsys.readouterr().out
    assert len(out) < 1_200_000
    assert "what follows is left out" in out


def test_lines_of_a_build_are_marked_and_without_control_characters(old: Cloud, capsys):
    script = "console.log('FC Invoke End RequestId: x\\n\\x1b[31mred\\x1b[0m\\x07');process.exit(1)"
    old.upload(project(build__js=script))
    refused(old, "FC Invoke End RequestId: x / red")
    assert "\nbuild | FC Invoke End RequestId: x\nbuild | red\n" in capsys.readouterr().out


def test_a_command_of_several_lines_cannot_pass_for_the_handlers_own_words(old: Cloud, capsys):
    old.upload(project())
    old.run(command="node build.js; : '\\nsite_build | report {}'")
    assert sum(line.startswith("site_build | report ") for line in capsys.readouterr().out.splitlines()) == 1


# Archives that mean harm


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


TAR_MEMBERS = [
    (member("../evil", tarfile.REGTYPE), "name is '../evil'"),
    (member("/etc/evil", tarfile.REGTYPE), "name is '/etc/evil'"),
    (member("a/../../evil", tarfile.REGTYPE), "inside the project"),
    (member("a\\..\\evil", tarfile.REGTYPE), "name is "),
    (member("C:/evil", tarfile.REGTYPE), "name is 'C:/evil'"),
    (member("link", tarfile.SYMTYPE, "/etc"), "entry is 'link', but must be a plain file or a folder"),
    (member("link", tarfile.LNKTYPE, "package.json"), "entry is 'link'"),
    (member("null", tarfile.CHRTYPE), "entry is 'null'"),
    (member("disk", tarfile.BLKTYPE), "entry is 'disk'"),
    (member("pipe", tarfile.FIFOTYPE), "entry is 'pipe'"),
    (member("package.json", tarfile.REGTYPE), "entry is 'package.json', but must be there once only"),
    (member("package.json/x", tarfile.REGTYPE), "either a file or a folder"),
    (member("x" * 300, tarfile.REGTYPE), "255 bytes a part"),
    (member("/".join("a" * 50), tarfile.REGTYPE), "40 folders deep"),
    (member("a\nb", tarfile.REGTYPE), "control characters"),
]


@pytest.mark.parametrize(("entry", "sentence"), TAR_MEMBERS)
def test_a_tar_with_a_hostile_entry(old: Cloud, entry, sentence):
    old.upload(tarred(project(), entry))
    refused(old, sentence)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "package.json", "./package.json"])
def test_a_zip_with_a_hostile_name(old: Cloud, name):
    buffer = io.BytesIO(zipped(project()))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns() if name == "package.json" else nothing():
        archive.writestr(name, "x")
    old.upload(buffer.getvalue())
    refused(old, "(name|entry) is ")


def nothing():
    from contextlib import nullcontext

    return nullcontext()


def test_a_zip_with_a_link(old: Cloud):
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    buffer = io.BytesIO(zipped(project()))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    old.upload(buffer.getvalue())
    refused(old, "entry is 'link'")


def directory_only(count: int) -> bytes:
    """A zip of so many entries, as far as its directory goes."""
    entries = b"".join(
        struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 33, 0, 0, 0, 6, 0, 0, 0, 0, 0, 2)
        + b"%06d" % number
        for number in range(count)
    )
    return b"PK" + entries + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 65535, 65535, len(entries), 2, 0)


@pytest.mark.parametrize(("pack", "count"), [(directory_only, 200_000), (tarred, 20_001)])
def test_two_hundred_thousand_files(old: Cloud, pack, count):
    # What is left out counts, too.
    names = {f"node_modules/{number}": "" for number in range(count)}
    old.upload(directory_only(count) if pack is directory_only else pack(names))
    refused(old, "number of entries is more than 20,000")


BLOCK = 64 * 1024 * 1024


def bomb(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar.gz of one entry of `size` zeros, out of gzip members of 64 MB each."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return gzip.compress(info.tobuf(), 9) + gzip.compress(bytes(BLOCK), 9) * -(-size // BLOCK)


@pytest.mark.parametrize("name", ["package.json", "node_modules/skipped"])
def test_a_ten_gigabyte_bomb(old: Cloud, name):
    old.upload(bomb(name, 10 * 1024**3))
    refused(
        old, "(ratio of unpacked to packed bytes|size of 'package.json') is (above 100|more than 536,870,912 bytes)"
    )


def test_a_bomb_of_a_header(old: Cloud):
    old.upload(bomb("x", 4 * 1024**3, tarfile.XHDTYPE))
    refused(old, "header of the tar is 4,294,967,296 bytes, but must be at most 1,048,576")


def test_a_zip_whose_header_lies_about_the_size(old: Cloud):
    data = zipped({"package.json": bytes(300 * 1024 * 1024)})
    size = struct.pack("<I", 300 * 1024 * 1024)
    assert size in data
    old.upload(data.replace(size, struct.pack("<I", 5)))
    refused(old, "content is damaged|ratio of unpacked")
    old.upload(data)
    refused(old, "ratio of unpacked")


def test_a_zip_with_an_endless_directory(old: Cloud):
    data = bytearray(b"PK" + bytes(40_000_000))
    data += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 65535, 65535, 39_000_000, 0, 0)
    old.upload(bytes(data))
    refused(old, "directory of the zip is 39,000,000 bytes")


# The cloud's faults


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "AccessDenied", "OSS answered HEAD source/projects/shop.zip with 403"),
        (404, "NoSuchBucket", "There is no object"),
    ],
)
def test_a_source_that_is_refused(old: Cloud, status, code, sentence):
    old.upload(project())
    old.buckets.fault = lambda call: error(status, code) if call.bucket == "source" else None
    refused(old, sentence)


def on_upload(reply: Reply, after: int = 0):
    """The reply to each put of the site's files from the one numbered `after` on."""
    seen = []

    def fault(call: Call) -> Reply | None:
        if call.method != "PUT" or ".isthmus/" in call.key:
            return None
        seen.append(call)
        return reply if len(seen) > after else None

    return fault


@pytest.mark.parametrize(
    ("reply", "sentence", "retry"),
    [
        (error(403, "AccessDenied"), "with 403 AccessDenied .request id REQUEST.; let the function's role", False),
        (error(404, "NoSuchBucket"), "with 404 NoSuchBucket", False),
        (error(409, "OperationConflict"), "with 409 OperationConflict", True),
        (error(503, "ServiceUnavailable"), "did not answer PUT .* in 5 attempts .last: 503 ServiceUnavailable", True),
        (error(403, "SecurityTokenExpired"), "temporary credentials have expired .403 SecurityTokenExpired", True),
        (Reply(200, b"x" * 100, cut=10), "did not answer PUT .* in 5 attempts", True),
    ],
)
def test_an_upload_that_the_store_refuses(old: Cloud, reply, sentence, retry):
    old.upload(project())
    old.buckets.fault = on_upload(reply)
    refused(old, sentence, retry=retry)


def test_a_token_that_expires_in_the_middle_of_the_upload(old: Cloud):
    """Nothing that readers see has changed: the new files came first, and no old page refers to them."""
    script = SAY + "for(let i=0;i<60;i++)fs.writeFileSync(`dist/a${i}.png`,'x');fs.writeFileSync('dist/index.html','n')"
    old.upload(project(build__js=script))
    old.buckets.fault = on_upload(error(403, "SecurityTokenExpired"), after=20)
    with pytest.raises(SiteBuildError, match="what was published before stays as it is") as caught:
        old.run()
    assert caught.value.worth_retry
    assert {name: old.site[name] for name in OLD_SITE} == OLD_SITE
    assert "index.html" not in old.puts()
    old.buckets.fault = None
    old.run()
    assert old.site["index.html"] == b"n"


@pytest.mark.parametrize("cloud", ["alibaba", "aws"], indirect=True)
def test_a_token_that_expires_where_an_answer_has_no_body(old: Cloud):
    """The source is looked at again before the publish; an answer to HEAD cannot say more than a number."""
    old.upload(project())

    def fault(call: Call) -> Reply | None:
        has_lease = any(key.startswith(".isthmus/lease/") for key in old.buckets.objects["site"])
        if call.bucket != "source" or not has_lease:
            return None
        return error(403, "SecurityTokenExpired") if call.method == "GET" else error(403, "")

    old.buckets.fault = fault
    refused(old, "temporary credentials have expired", retry=True)


def test_a_token_that_was_renewed_meanwhile_is_taken(old: Cloud, monkeypatch):
    old.upload(project())

    def fault(call: Call) -> Reply | None:
        if call.method == "PUT" and call.headers["x-oss-security-token"] == "hidden-token":
            monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "hidden-new-token")
            return error(403, "SecurityTokenExpired")
        return None

    old.buckets.fault = fault
    assert old.run()["status"] == "published"


def test_faults_that_pass_are_not_noticed(old: Cloud):
    """Every third call fails in one of the ways that pass; the site is complete."""
    chance = random.Random(7)
    faults = [error(503, "ServiceUnavailable"), error(500, "InternalError"), Reply(200, b"x" * 50, cut=0)]
    old.upload(project(padding__txt=chance.randbytes(2_000_000)))
    old.buckets.fault = lambda call: chance.choice(faults) if chance.random() < 0.3 else None
    report = old.run()
    old.buckets.fault = None
    assert report["counts"]["uploaded"] == 4
    assert len(old.site) == 5


def test_a_download_that_breaks_is_resumed(old: Cloud):
    old.upload(project(padding__bin=random.Random(7).randbytes(3_000_000)))
    cuts = iter([700_000, 1_000_000])

    def fault(call: Call) -> Reply | None:
        if call.method == "GET" and call.bucket == "source" and (cut := next(cuts, None)) is not None:
            whole = old.buckets._answer(call)
            return Reply(whole.status, whole.body, whole.headers, cut=cut)
        return None

    old.buckets.fault = fault
    old.run()
    ranges = [
        call.headers.get("range") for call in old.buckets.calls if call.bucket == "source" and call.method == "GET"
    ]
    assert ranges[0] is None
    assert len(ranges) == 3
    assert all(value and value.startswith("bytes=") for value in ranges[1:])


def test_a_source_that_comes_damaged(old: Cloud):
    old.upload(project())
    good = old.buckets.objects["source"]["projects/shop.zip"]
    told = {"etag": good.etag, "x-oss-hash-crc64ecma": "5"}
    old.buckets.objects["source"]["projects/shop.zip"] = type(good)(good.body, told)
    refused(old, r"came damaged: its CRC-64 is \d+, but must be 5;", retry=True)
    wrong = {"etag": '"00000000000000000000000000000000"'}
    old.buckets.objects["source"]["projects/shop.zip"] = type(good)(good.body, wrong)
    refused(old, "came damaged: its MD5", retry=True)


def test_a_store_that_falls_silent(old: Cloud, monkeypatch):
    monkeypatch.setattr("handlers.site_build.client._SILENCE_S", 0.2)
    old.upload(project())
    old.buckets.fault = on_upload(Reply(200, wait=1))
    refused(old, "did not answer PUT .* in 5 attempts .last: TimeoutError", retry=True)


def test_a_store_that_is_not_there(old: Cloud, monkeypatch):
    monkeypatch.setenv("OSS_ENDPOINT", "http://oss.localhost:1")
    refused(old, "did not answer .*ConnectionRefusedError", retry=True)


def test_no_credentials(old: Cloud, monkeypatch):
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    refused(old, "The function has no credentials; give it a role")


def test_the_retry_of_an_event_that_cannot_succeed_builds_nothing(old: Cloud):
    from handlers.site_build import handler

    old.upload(project(build__js="process.exit(1)"))
    order = {"source": {"bucket": "source", "key": "projects/shop.zip"}}
    for sentence in ("build failed with exit code 1", "This event has failed before"):
        with pytest.raises(SiteBuildError, match=sentence):
            handler(order, old.context("the same"))
    with pytest.raises(SiteBuildError, match="build failed with exit code 1"):
        handler(order, old.context("another"))


FULL = """
    import ctypes, os, sys
    from handlers.site_build import unpack
    from handlers.site_build.problem import SiteBuildError
    from pathlib import Path
    folder = Path(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000) or libc.mount(b"none", b"/", None, 0x44000, None):
        sys.exit(77)
    if libc.mount(b"none", str(folder).encode(), b"tmpfs", 0, b"size=300k"):
        sys.exit(77)
    try:
        unpack.unpack(Path(sys.argv[2]), folder)
    except SiteBuildError as error:
        print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_a_full_disk(tmp_path):
    """A real file system of 300 kB, in a mount namespace of its own."""
    archive, folder = tmp_path / "a.zip", tmp_path / "room"
    archive.write_bytes(zipped(project(big__bin=random.Random(7).randbytes(1_000_000))))
    folder.mkdir()
    command = [sys.executable, "-c", textwrap.dedent(FULL), str(folder), str(archive)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this machine lets nobody mount a file system")
    assert done.stderr == ""
    assert "The working folder cannot be used, because the disk is full: give the function a bigger disk" in done.stdout
