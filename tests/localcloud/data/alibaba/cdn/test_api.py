"""The API of the CDN: who may refresh what, what is refused, and the tasks.

Does not prove the sentences that no public document has.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from localcloud.data.keyring import AccessKey, account_keys
from tests.localcloud.data.alibaba.resources import allow, put_role
from tests.localcloud.data.conftest import CDN_HOST, function_zip, put_fc, put_trigger

from .client import HOST, call

DOMAIN = "acs:cdn:*:1234567890123456:domain/"


@pytest.fixture
def key(plane):
    return account_keys(plane.root)["alibaba"]


async def key_of(plane, name: str, *statements: dict) -> AccessKey:
    """The credentials of an instance whose role has these statements."""
    put_fc(plane.store, plane.store.put_blob(function_zip()), name, role=put_role(plane.store, name, *statements))
    host = f"{name}-abcdefghij.cn-hongkong.fcapp.run"
    put_trigger(plane.store, host, "anonymous", name)
    async with plane.request("POST", host, data=b'{"do":"environment"}') as response:
        found = json.loads(await response.read())["environment"]
    prefix = "ALIBABA_CLOUD_"
    return AccessKey(*(found[f"{prefix}{name}"] for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")))


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize("local", [True, False])
async def test_a_refresh_is_a_task_that_can_be_asked_for(plane, key, form, local):
    path = f"https://{CDN_HOST}/index.html?form={form}&local={local}"
    status, told = await call(plane, key, form=form, local=local, ObjectPath=path, ObjectType="File")
    assert status == 200, told

    status, one = await call(plane, key, "DescribeRefreshTaskById", TaskId=told["RefreshTaskId"])
    assert (status, one["TotalCount"]) == (200, 1)
    assert one["Tasks"][0]["ObjectPath"] == path
    assert (one["Tasks"][0]["Status"], one["Tasks"][0]["Process"]) == ("Complete", "100%")
    _, many = await call(plane, key, "DescribeRefreshTasks", TaskId=told["RefreshTaskId"])
    assert many["Tasks"]["CDNTask"] == one["Tasks"]
    _, quota = await call(plane, key, "DescribeRefreshQuota")
    assert int(quota["UrlRemain"]) < int(quota["UrlQuota"]) == 10_000


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({}, 400, "MissingObjectPath"),
        ({"ObjectPath": f"{CDN_HOST}/", "ObjectType": "Everything"}, 400, "InvalidObjectType.Malformed"),
        ({"ObjectPath": f"ftp://{CDN_HOST}/x"}, 400, "InvalidObjectPath.Malformed"),
        ({"ObjectPath": CDN_HOST}, 400, "InvalidObjectPath.Malformed"),
        ({"ObjectPath": f"http://{CDN_HOST}/sch\u00f6n"}, 400, "InvalidObjectPath.Malformed"),
        ({"ObjectPath": f"http://{CDN_HOST}/x", "ObjectType": "Directory"}, 400, "InvalidObjectPath.Malformed"),
        ({"ObjectPath": "http://www.example.com/"}, 404, "InvalidDomain.NotFound"),
        ({"ObjectPath": f"http://{CDN_HOST}/x\n" * 1001}, 400, "SingleRequest.OverLimit"),
        ({"ObjectPath": f"http://{CDN_HOST}/x/\n" * 101, "ObjectType": "Directory"}, 400, "SingleRequest.OverLimit"),
    ],
)
async def test_what_is_refused(plane, key, parameters, status, code):
    found = await call(plane, key, **parameters)

    assert (found[0], found[1]["Code"]) == (status, code)
    assert set(found[1]) == {"RequestId", "HostId", "Code", "Message"}


async def test_an_account_has_a_hundred_directories_a_day(plane, key):
    paths = f"http://{CDN_HOST}/a/\n" * 100
    await call(plane, key, ObjectPath=paths, ObjectType="Directory")

    status, told = await call(plane, key, ObjectPath=f"http://{CDN_HOST}/a/", ObjectType="Directory")

    assert (status, told["Code"]) == (400, "QuotaExceeded.Refresh")


async def test_a_role_refreshes_the_domains_of_its_policy(plane):
    mine = await key_of(plane, "mine", allow("cdn:RefreshObjectCaches", f"{DOMAIN}{CDN_HOST}"))
    other = await key_of(plane, "other", allow("cdn:RefreshObjectCaches", f"{DOMAIN}www.example.com"))

    assert (await call(plane, mine, ObjectPath=f"http://{CDN_HOST}/"))[0] == 200
    for key, action in ((other, "RefreshObjectCaches"), (mine, "DescribeRefreshTasks")):
        status, told = await call(plane, key, action, ObjectPath=f"http://{CDN_HOST}/")
        assert (status, told["Code"]) == (403, "Forbidden.RAM")


async def test_signatures_and_tokens_are_checked(plane, key):
    role = await key_of(plane, "signing", allow("cdn:*", "*"))
    path = {"ObjectPath": f"http://{CDN_HOST}/"}

    for wrong, status, code in (
        (replace(key, id="LTAIunknown"), 404, "InvalidAccessKeyId.NotFound"),
        (replace(key, secret="wrong"), 400, "SignatureDoesNotMatch"),
        (replace(role, token=""), 400, "InvalidSecurityToken.MismatchWithAccessKey"),
        (replace(role, token="other"), 400, "InvalidSecurityToken.MismatchWithAccessKey"),
    ):
        found = await call(plane, wrong, **path)
        assert (found[0], found[1]["Code"]) == (status, code)
    headers = {"x-acs-action": "RefreshObjectCaches", "x-acs-version": "2018-05-10"}
    async with plane.request("POST", HOST, headers=headers) as response:
        assert (response.status, (await response.json())["Code"]) == (400, "MissingAccessKeyId")


async def test_other_operations_are_not_found(plane, key):
    status, told = await call(plane, key, "PushObjectCache", ObjectPath=f"http://{CDN_HOST}/")

    assert (status, told["Code"]) == (404, "InvalidAction.NotFound")
