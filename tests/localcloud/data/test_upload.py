"""`localcloud upload` on a running data plane: the signature, the log of what it starts, and how it ends.

Does not prove the signature against Alibaba Cloud's own client: alibaba/oss/test_sdk.py does that for the side that
verifies.
"""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from localcloud.data.alibaba.oss.signature import sign
from localcloud.data.keyring import AccessKey, account_keys
from localcloud.data.messages import Request
from localcloud.store import Resource, Store

from .alibaba.resources import allow, put_bucket, put_oss_trigger, put_role
from .conftest import MAIN, command, function_zip, put_fc

CRASHING = MAIN.replace(
    'if do == "exit"',
    'print("GOT", event["events"][0]["oss"]["object"]["key"], flush=True)\n'
    '    if "bad" in str(event): os._exit(3)\n'
    '    if do == "exit"',
)
INVOKE = allow("fc:InvokeFunction", "acs:fc:cn-hongkong:1234567890123456:functions/*")


@pytest.fixture(scope="module")
def bucket(running):
    """A private bucket whose folder `in/` calls a function, which crashes at keys with `bad`."""
    root, _, store = running
    put_fc(store, store.put_blob(function_zip(CRASHING)), "taker")
    config = {"functionName": "taker", "maxAsyncRetryAttempts": 1}
    store.put(Resource("alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig", "taker", "urn:taker", config))
    put_bucket(store, "uploads")
    role = put_role(store, "notify", INVOKE, service="oss.aliyuncs.com")
    put_oss_trigger(store, "up", "taker", "uploads/in/", role)
    return root, store


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "project.zip"
    file.write_bytes(b"zip" * 1000)
    return str(file)


def test_a_private_bucket_takes_what_the_accounts_key_has_signed(bucket, file):
    root, store = bucket
    done = command(root, "upload", "uploads", "elsewhere/ä b+c%20.zip", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    stored = store.oss.get("uploads", "elsewhere/ä b+c%20.zip")
    assert stored.size == 3000
    assert stored.headers["content-type"] == "application/zip"


def test_the_log_is_shown_until_the_function_is_done(bucket, file):
    root, _ = bucket
    command(root, "upload", "uploads", "in/before.zip", file, "--follow", "taker")
    done = command(root, "upload", "uploads", "in/one.zip", file, "--follow", "taker")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert "attempt 1 of 2 started (ObjectCreated:PutObject oss://uploads/in/one.zip)" in lines[0]
    assert "GOT in/one.zip" in lines
    assert "attempt 1 of 2 succeeded" in lines[-1]
    assert "before.zip" not in done.stdout


def test_a_function_that_fails_is_followed_through_its_retry(bucket, file):
    root, _ = bucket
    done = command(root, "upload", "uploads", "in/bad.zip", file, "--follow", "taker")
    assert done.returncode == 1
    assert done.stdout.count("GOT in/bad.zip") == 2
    assert "dropped" in done.stdout.splitlines()[-1]
    assert done.stderr == "taker failed on oss://uploads/in/bad.zip.\n"


def test_an_upload_that_starts_nothing_does_not_wait(bucket, file):
    root, _ = bucket
    done = command(root, "upload", "uploads", "elsewhere/x.zip", file, "--follow", "taker")
    assert done.returncode == 1
    assert "no trigger of taker waits for it" in done.stderr


def test_a_bucket_that_is_not_there(bucket, file):
    done = command(bucket[0], "upload", "missing", "x.zip", file)
    assert done.returncode == 1
    assert "There is no bucket 'missing' in the local clouds (known: " in done.stderr
    assert "uploads" in done.stderr


def test_a_file_that_is_not_there(bucket):
    done = command(bucket[0], "upload", "uploads", "x.zip", "/nowhere/x.zip")
    assert (done.returncode, done.stderr) == (1, "The file /nowhere/x.zip cannot be read: No such file or directory.\n")


def test_without_a_data_plane(bucket, file, tmp_path):
    store = Store(tmp_path / "cloud")
    put_bucket(store, "uploads")
    store.close()
    done = command(tmp_path / "cloud", "upload", "uploads", "x.zip", file)
    assert done.returncode == 1
    assert "does not answer; start it with `make up`" in done.stderr


@pytest.mark.parametrize("wrong", ["key", "secret"])
async def test_a_wrong_signature_is_refused(plane, bucket, wrong):
    host = "uploads.oss-cn-hongkong.aliyuncs.com"
    request = Request("PUT", host, "/elsewhere/x.zip", headers=CIMultiDict({"Host": host}))
    key = account_keys(plane.root)["alibaba"]
    key = AccessKey(key.id, "another") if wrong == "secret" else key
    sign(request, key, "uploads", "elsewhere/y.zip" if wrong == "key" else "elsewhere/x.zip", "cn-hongkong")
    headers = {name: value for name, value in request.headers.items() if name != "Host"}
    async with plane.request("PUT", host, request.path, data=b"zip", headers=headers) as response:
        assert response.status == 403
        assert "SignatureDoesNotMatch" in await response.text()
