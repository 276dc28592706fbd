"""The shared state: what one process writes another reads, and a failed transaction leaves nothing.

Does not prove anything about the planes that use it, nor about power loss (WAL with synchronous=NORMAL
may lose the last transaction then, never tear one).
"""

from __future__ import annotations

import hashlib
import multiprocessing

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
            store.put_object("b", "k", b"x", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    assert store.list("t") == []
    assert store.list_objects("b") == []


def test_a_blob_is_named_by_its_digest_whether_bytes_or_file(store, tmp_path):
    source = tmp_path / "code.zip"
    source.write_bytes(b"zip" * 100_000)

    digest = store.put_blob(source)

    assert digest == store.put_blob(source.read_bytes()) == hashlib.sha256(source.read_bytes()).hexdigest()
    assert store.blob_path(digest).read_bytes() == source.read_bytes()


def test_objects_are_listed_by_literal_prefix(store):
    for key in ("a/1", "a/2", "a_b", "b/1"):
        store.put_object("bucket", key, key.encode(), {"content-type": "text/plain"})

    assert [stored.key for stored in store.list_objects("bucket", "a/")] == ["a/1", "a/2"]
    assert [stored.key for stored in store.list_objects("bucket", "a_")] == ["a_b"]
    assert store.get_object("bucket", "a/1").headers == {"content-type": "text/plain"}
    store.delete_object("bucket", "a/1")
    assert store.get_object("bucket", "a/1") is None


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
