"""What a function may do in OSS with the credentials of its role, through the official client.

Does not prove the real evaluation of policies: the cases are those of the RAM and OSS documents.
"""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import replace

import pytest

from localcloud.data.keyring import AccessKey
from tests.localcloud.data.alibaba.resources import allow, put_bucket, put_role
from tests.localcloud.data.conftest import BUCKET_HOST, data_plane, function_zip, put_fc, put_trigger
from tests.localcloud.data.names import resolved_here

from .client import connect, oss, refusal

BUCKET = BUCKET_HOST.partition(".")[0]
NAMES = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")


@pytest.fixture(autouse=True)
def _names():
    with resolved_here():
        yield


def environment(running, function: str, role: str) -> dict[str, str]:
    """The variables that an instance of a function with this role sees."""
    _, port, store = running
    host = f"{function}-abcdefghij.cn-hongkong.fcapp.run"
    put_fc(store, store.put_blob(function_zip()), function, role=role)
    put_trigger(store, host, "anonymous", function)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", b'{"do":"environment"}', {"Host": host})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["environment"]


def key_of(running, function: str, *statements: dict) -> AccessKey:
    """The credentials of an instance whose role has these statements."""
    found = environment(running, function, put_role(running[2], function, *statements))
    return AccessKey(*(found[name] for name in NAMES))


def put(client, key):
    return client.put_object(oss.PutObjectRequest(bucket=BUCKET, key=key, body=b"x"))


def get(client, key):
    return client.get_object(oss.GetObjectRequest(bucket=BUCKET, key=key)).body.read()


def listed(client, **options):
    return client.list_objects_v2(oss.ListObjectsV2Request(bucket=BUCKET, **options))


def test_a_role_may_do_what_its_policy_says_below_its_prefix(running):
    key = key_of(
        running,
        "narrow",
        allow(["oss:PutObject", "oss:GetObject", "oss:DeleteObject"], f"acs:oss:*:*:{BUCKET}/mine/*"),
        allow("oss:ListObjects", f"acs:oss:*:*:{BUCKET}", StringLike={"oss:Prefix": ["mine/*"]}),
    )
    assert key.id.startswith("STS.")
    client = connect(running[1], key)

    put(client, "mine/1")
    assert get(client, "mine/1") == b"x"
    assert [item.key for item in listed(client, prefix="mine/").contents] == ["mine/1"]

    error = refusal(put, client, "other")
    assert (error.status_code, error.code, error.ec) == (403, "AccessDenied", "0003-00000001")
    assert b"<AuthAction>oss:PutObject</AuthAction>" in error.snapshot
    assert b"<NoPermissionType>ImplicitDeny</NoPermissionType>" in error.snapshot
    for options in ({}, {"prefix": ""}, {"prefix": "other/"}):
        assert refusal(listed, client, **options).code == "AccessDenied"
    request = oss.DeleteMultipleObjectsRequest(
        bucket=BUCKET, objects=[oss.DeleteObject(key="mine/1"), oss.DeleteObject(key="index.html")]
    )
    assert refusal(client.delete_multiple_objects, request).code == "AccessDenied"
    assert get(client, "mine/1") == b"x"


def test_a_copy_needs_the_right_to_read_its_source(running):
    client = connect(running[1], key_of(running, "copying", allow("oss:PutObject", f"acs:oss:*:*:{BUCKET}/*")))

    request = oss.CopyObjectRequest(bucket=BUCKET, key="stolen", source_key="index.html")

    assert b"<AuthAction>oss:GetObject</AuthAction>" in refusal(client.copy_object, request).snapshot


def test_a_denial_wins_over_every_permission(running):
    client = connect(
        running[1],
        key_of(running, "denied", allow("oss:*", "*"), allow("oss:Put*", f"acs:oss:*:*:{BUCKET}/secret/*", "Deny")),
    )

    put(client, "open")
    error = refusal(put, client, "secret/x")

    assert (error.code, error.ec) == ("AccessDenied", "0003-00000201")
    assert b"ExplicitDeny" in error.snapshot


def test_a_policy_that_changes_counts_at_once(running):
    client = connect(running[1], key_of(running, "changing"))
    assert refusal(put, client, "x").code == "AccessDenied"

    put_role(running[2], "changing", allow("oss:PutObject", "*"))
    put(client, "x")


def test_a_public_bucket_is_read_without_any_permission(running):
    put_bucket(running[2], "everybody", acl="public-read")
    running[2].oss.put("everybody", "page", b"open", {})
    client = connect(running[1], key_of(running, "reader"))

    request = oss.GetObjectRequest(bucket="everybody", key="page")
    assert client.get_object(request).body.read() == b"open"
    request = oss.PutObjectRequest(bucket="everybody", key="page", body=b"x")
    assert refusal(client.put_object, request).code == "AccessDenied"


def test_a_token_belongs_to_its_key(running):
    key = key_of(running, "token", allow("oss:*", "*"))

    error = refusal(get, connect(running[1], replace(key, token="")), "index.html")
    assert error.code == "InvalidAccessKeyId"
    error = refusal(get, connect(running[1], replace(key, token="of-somebody-else")), "index.html")
    assert (error.code, error.ec) == ("InvalidSecurityToken", "0002-00000006")


def test_a_function_without_a_role_has_no_credentials(running):
    assert not [name for name in environment(running, "poor", "") if name.startswith("ALIBABA")]


def test_credentials_end_and_a_new_instance_has_new_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("ISTHMUS_FC_CREDENTIALS_SECONDS", "2")
    with data_plane(tmp_path) as running:
        key = key_of(running, "short", allow("oss:*", "*"))
        client = connect(running[1], key)
        assert get(client, "index.html") == b"<h1>hello</h1>"
        time.sleep(2)

        error = refusal(get, client, "index.html")

        assert (error.status_code, error.code, error.ec) == (403, "SecurityTokenExpired", "0002-00000007")
        again = key_of(running, "short", allow("oss:*", "*"))
        assert again.id != key.id
