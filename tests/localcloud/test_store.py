"""The shared state: what one process writes another reads, and a failed transaction leaves nothing.

Does not prove anything about the planes that use it, nor about power loss (WAL with synchronous=NORMAL
may lose the last transaction then, never tear one).
"""

from __future__ import annotations

import hashlib
import multiprocessing
import sqlite3
from contextlib import closing

import pytest

from localcloud.store import LOCAL_DIR_VARIABLE, Resource, Store


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "cloud")
    yield store
    store.close()


def test_a_resource_comes_back_whole_and_is_replaced_whole(store):
    store.put(Resource("aws:iam/role:Role", "r", "urn:1", {"arn": "a", "tags": {"k": "v"}}, {"secret": 1}))
    store.put(Resource("aws:iam/role:Role", "r", "urn:1", {"arn": "b"}))

    assert store.get("aws:iam/role:Role", "r") == Resource("aws:iam/role:Role", "r", "urn:1", {"arn": "b"}, {})
    assert store.get("aws:iam/policy:Policy", "r") is None


def test_find_matches_every_given_property(store):
    for number, auth in enumerate(("NONE", "AWS_IAM", "AWS_IAM")):
        store.put(Resource("t", str(number), f"urn:{number}", {"auth": auth, "function": f"f{number}"}))

    assert [resource.id for resource in store.find("t", auth="AWS_IAM")] == ["1", "2"]
    assert [resource.id for resource in store.find("t", auth="AWS_IAM", function="f2")] == ["2"]
    assert store.find("t", missing="x") == []


def test_a_failed_transaction_leaves_nothing(store):
    def write_and_fail():
        with store.transaction():
            store.put(Resource("t", "1", "urn", {}))
            store.oss.put("b", "k", b"x", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    assert store.list("t") == []
    assert store.oss.list("b") == []


def test_a_blob_is_named_by_its_digest_whether_bytes_or_file(store, tmp_path):
    source = tmp_path / "code.zip"
    source.write_bytes(b"zip" * 100_000)

    digest = store.put_blob(source)

    assert digest == store.put_blob(source.read_bytes()) == hashlib.sha256(source.read_bytes()).hexdigest()
    assert store.blob_path(digest).read_bytes() == source.read_bytes()


def test_objects_are_listed_by_literal_prefix(store):
    for key in ("a/1", "a/2", "a_b", "b/1"):
        store.oss.put("bucket", key, key.encode(), {"content-type": "text/plain"})

    assert [stored.key for stored in store.oss.list("bucket", "a/")] == ["a/1", "a/2"]
    assert [stored.key for stored in store.oss.list("bucket", "a_")] == ["a_b"]
    assert store.oss.get("bucket", "a/1").headers == {"content-type": "text/plain"}
    store.oss.delete("bucket", "a/1")
    assert store.oss.get("bucket", "a/1") is None


def test_logs_of_a_group_in_order_and_only_what_is_new(store):
    for group, text in (("g", "one"), ("other", "x"), ("g", "two")):
        store.append_log(group, "stream", text)

    first = store.read_logs("g")
    assert [line.message for line in first] == ["one", "two"]
    assert store.read_logs("g", after=first[-1].number) == []


def test_old_log_lines_go_before_the_file_grows_without_bound(store, monkeypatch):
    monkeypatch.setattr("localcloud.store._KEPT_LOG_LINES", 100)
    with store.transaction():
        for number in range(1000):
            store.append_log("g", "s", str(number))

    kept = [line.message for line in store.read_logs("g")]
    assert kept == [str(number) for number in range(900, 1000)]


def _write(root, worker):
    store = Store(root)
    for number in range(50):
        store.put(Resource("t", f"{worker}-{number}", "urn", {"n": number}))
    store.close()


def test_writers_in_several_processes_lose_nothing_and_change_the_revision(store):
    before = store.revision()
    workers = [multiprocessing.get_context("spawn").Process(target=_write, args=(store.root, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(store.list("t")) == 150
    assert store.revision() != before


def test_the_folder_must_be_named(monkeypatch):
    monkeypatch.delenv(LOCAL_DIR_VARIABLE, raising=False)
    with pytest.raises(RuntimeError, match="ISTHMUS_LOCAL_DIR is not set"):
        Store.from_environment()


def test_one_name_holds_other_objects_in_each_cloud(store):
    store.oss.put("site", "index.html", b"oss", {})
    store.s3.put("site", "index.html", b"s3", {})

    store.s3.delete("site", "index.html")

    assert [found.size for found in store.oss.list("site")] == [3]
    assert store.s3.list("site") == []


def test_lists_page_by_page_in_the_order_of_utf_8(store):
    keys = ["a", "a/b", "a\u00e9", "\u4e2d", "\U0001f600"]
    for key in reversed(keys):
        store.oss.put("bucket", key, b"", {})

    assert [found.key for found in store.oss.list("bucket")] == keys
    assert [found.key for found in store.oss.list("bucket", after="a/b", limit=2)] == keys[2:4]
    assert [found.key for found in store.oss.list("bucket", "a", limit=1)] == ["a"]


def test_parts_are_kept_apart_from_objects_until_the_upload_ends(store):
    upload = store.oss.begin_upload("bucket", "big", {"content-type": "text/plain"})
    store.oss.put_part(upload, 2, store.oss.content(b"two"))
    store.oss.put_part(upload, 1, store.oss.content(b"one"))
    store.oss.put_part(upload, 1, store.oss.content(b"ONE"))

    assert [(part.number, part.file.read_bytes()) for part in store.oss.parts(upload)] == [(1, b"ONE"), (2, b"two")]
    assert store.oss.list("bucket") == []
    assert store.oss.upload("bucket", "other", upload.id) is None
    assert store.s3.upload("bucket", "big", upload.id) is None

    store.oss.end_upload(upload)
    assert store.oss.list_uploads("bucket") == []
    assert list((store.root / "uploads").iterdir()) == []


def test_a_state_with_one_namespace_is_taken_over(tmp_path):
    store = Store(tmp_path)
    store.put(Resource("alicloud:oss/bucket:Bucket", "site", "urn", {}))
    store.put(Resource("aws:s3/bucket:Bucket", "pages", "urn", {}))
    blob = store.put_blob(b"content")
    store.close()
    with closing(sqlite3.connect(tmp_path / "cloud.db")) as old:
        old.execute(
            "CREATE TABLE objects (bucket TEXT NOT NULL, key TEXT NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL,"
            " headers TEXT NOT NULL, modified REAL NOT NULL, PRIMARY KEY (bucket, key))"
        )
        for bucket in ("site", "pages", "forgotten"):
            row = (bucket, "index.html", blob, 7, '{"content-type": "text/html"}', 1.5)
            old.execute("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", row)
        old.commit()

    for _ in range(2):
        store = Store(tmp_path)
        found = store.oss.get("site", "index.html")
        assert (found.size, found.headers, found.modified) == (7, {"content-type": "text/html"}, 1.5)
        assert found.etag == hashlib.md5(b"content").hexdigest()
        assert store.s3.get("pages", "index.html").blob == blob
        assert store.oss.list("pages") == store.s3.list("site") == []
        store.close()
