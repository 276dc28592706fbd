"""Asynchronous invocations and object events on real processes: delivery, retries, back-off, age, log.

Does not prove the real service's intervals between retries of a function's error, which no document states.
"""

from __future__ import annotations

import json
import time

import pytest
from multidict import CIMultiDict

from localcloud import events
from localcloud.data.alibaba import acs3
from localcloud.data.keyring import account_keys
from localcloud.data.messages import Request
from localcloud.store import QueuedInvocation, Resource, Store
from tests.localcloud.data.alibaba.resources import allow, put_bucket, put_oss_trigger, put_role
from tests.localcloud.data.conftest import MAIN, command, eventually, fill, free_port, function_zip, put_fc, wait_until

API = "1234567890123456.cn-hongkong.fc.aliyuncs.com"
SHOWING = MAIN.replace('if do == "exit"', 'print("EVENT", json.dumps(event), flush=True)\n    if do == "exit"')
INVOKE = allow("fc:InvokeFunction", "acs:fc:cn-hongkong:1234567890123456:functions/*")


def put(store: Store, name: str, *, retries: int | None = None, age: int | None = None) -> None:
    put_fc(store, store.put_blob(function_zip(SHOWING)), name)
    if retries is not None or age is not None:
        config = {"functionName": name, "maxAsyncRetryAttempts": retries, "maxAsyncEventAgeInSeconds": age}
        type_ = "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig"
        store.put(Resource(type_, name, f"urn:{name}", config))


async def invoke(plane, name: str, event, **headers):
    path = f"/2023-03-30/functions/{name}/invocations"
    request = Request("POST", API, path, headers=CIMultiDict({"Host": API}), body=json.dumps(event).encode())
    acs3.sign(request, account_keys(plane.root)["alibaba"])
    sent = {key: value for key, value in request.headers.items() if key != "Host"}
    asked = {**sent, "X-Fc-Invocation-Type": "Async", **headers}
    async with plane.request("POST", API, path, data=request.body, headers=asked) as response:
        return response.status, response.headers, await response.read()


def log(store: Store, name: str) -> list[str]:
    return [line.message for line in store.read_logs(f"fc/{name}")]


def attempts(store: Store, name: str) -> list[str]:
    return [line.partition("RequestId: ")[2].partition(" ")[2] for line in log(store, name) if "FC Async" in line]


def seen(store: Store, name: str) -> list[dict]:
    return [json.loads(line[6:]) for line in log(store, name) if line.startswith("EVENT ")]


async def test_it_is_accepted_at_once_and_run_later(plane):
    put(plane.store, "later")
    begun = time.monotonic()

    status, headers, body = await invoke(plane, "later", {"do": "sleep", "seconds": 1})

    assert (status, body) == (202, b"")
    assert time.monotonic() - begun < 1
    assert await eventually(lambda: any("succeeded" in line for line in attempts(plane.store, "later")))
    assert headers["X-Fc-Request-Id"] in log(plane.store, "later")[0]
    assert plane.store.queued() == []


async def test_a_failure_is_tried_again_as_often_as_configured(plane):
    put(plane.store, "failing", retries=2)

    await invoke(plane, "failing", {"do": "exit", "code": 3})

    assert await eventually(lambda: any("dropped" in line for line in attempts(plane.store, "failing")))
    told = attempts(plane.store, "failing")
    assert [line for line in told if "started" in line] == [
        f"attempt {number} of 3 started (InvokeFunction)" for number in (1, 2, 3)
    ]
    assert [line for line in told if "next" in line] == ["next attempt in 0.5 s", "next attempt in 1 s"]
    assert sum("UnhandledInvocationError" in line for line in told) == 3
    assert told[-1] == "dropped: no retry is left after 3 attempts"
    assert not [item for item in plane.store.queued() if item.function == "failing"]


async def test_without_retries_it_is_tried_once(plane):
    put(plane.store, "once", retries=0)

    await invoke(plane, "once", {"do": "exit", "code": 3})

    assert await eventually(lambda: any("dropped" in line for line in attempts(plane.store, "once")))
    assert attempts(plane.store, "once")[-1] == "dropped: no retry is left after 1 attempt"


async def test_an_event_that_would_be_too_old_is_dropped(plane):
    put(plane.store, "ageing", retries=8, age=1)

    await invoke(plane, "ageing", {"do": "exit", "code": 3})

    assert await eventually(lambda: any("dropped" in line for line in attempts(plane.store, "ageing")))
    assert attempts(plane.store, "ageing")[-1] == "dropped: the next attempt would come after 1 s"


async def test_what_is_too_large_is_refused(plane):
    put(plane.store, "small")

    status, _, body = await invoke(plane, "small", {"text": "x" * (128 << 10)})

    assert (status, json.loads(body)["Code"]) == (400, "InvalidArgument")


async def test_the_queue_does_not_hold_up_other_requests(plane):
    put(plane.store, "busy")
    for _ in range(20):
        await invoke(plane, "busy", {"do": "sleep", "seconds": 30})
    put(plane.store, "free")

    await invoke(plane, "free", {"n": 1})

    assert await eventually(lambda: any("succeeded" in line for line in attempts(plane.store, "free")))


async def upload(plane, bucket: str, key: str, body: bytes = b"zip"):
    """An upload that needs no signature, since the bucket takes everybody's."""
    host = f"{bucket}.oss-cn-hongkong.aliyuncs.com"
    headers = {"Content-Type": "application/zip", "x-oss-meta-who": "me"}
    async with plane.request("PUT", host, f"/{key}", data=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        return response.headers


async def test_an_upload_calls_the_function_with_the_documented_event(plane):
    put(plane.store, "triggered")
    put_bucket(plane.store, "uploads", acl="public-read-write")
    role = put_role(plane.store, "notify", INVOKE, service="oss.aliyuncs.com")
    put_oss_trigger(plane.store, "up", "triggered", "uploads/projects/", role)

    headers = await upload(plane, "uploads", "projects/one.zip")
    await upload(plane, "uploads", "elsewhere/one.zip")
    await upload(plane, "uploads", "projects/one.zip", b"longer zip")

    assert await eventually(lambda: len(seen(plane.store, "triggered")) == 2)
    first, second = [found["events"][0] for found in sorted(seen(plane.store, "triggered"), key=str)]
    first, second = (first, second) if first["oss"]["object"]["size"] == 3 else (second, first)
    assert first.pop("eventTime").endswith("Z")
    assert first == {
        "eventName": "ObjectCreated:PutObject",
        "eventSource": "acs:oss",
        "eventVersion": "1.0",
        "oss": {
            "bucket": {
                "arn": "acs:oss:cn-hongkong:1234567890123456:uploads",
                "name": "uploads",
                "ownerIdentity": "1234567890123456",
                "virtualBucket": "",
            },
            "object": {
                "deltaSize": 3,
                "eTag": headers["ETag"].strip('"'),
                "key": "projects/one.zip",
                "objectMeta": {"mimeType": "application/zip", "userMeta": {"x-oss-meta-who": "me"}},
                "size": 3,
            },
            "ossSchemaVersion": "1.0",
            "ruleId": "id-up",
        },
        "region": "cn-hongkong",
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"requestId": headers["x-oss-request-id"]},
        "userIdentity": {"principalId": "1234567890123456"},
    }
    assert (second["oss"]["object"]["size"], second["oss"]["object"]["deltaSize"]) == (10, 7)


async def test_an_object_of_the_deployment_calls_it_too(plane):
    put(plane.store, "deployed")
    put_bucket(plane.store, "deployment")
    role = put_role(plane.store, "notify", INVOKE, service="oss.aliyuncs.com")
    put_oss_trigger(plane.store, "up", "deployed", "deployment/", role)

    stored = plane.store.oss.put("deployment", "site.zip", b"zip", {})
    events.fire(plane.store, events.Change(events.PUT, "deployment", "site.zip", stored))

    assert await eventually(lambda: len(seen(plane.store, "deployed")) == 1)


@pytest.mark.parametrize(
    ("statement", "service"), [(allow("fc:GetFunction", "*"), "oss.aliyuncs.com"), (INVOKE, "fc.aliyuncs.com")]
)
async def test_a_role_that_may_not_invoke_delivers_nothing_and_says_so(plane, statement, service):
    put(plane.store, "forbidden")
    put_bucket(plane.store, "closed", acl="public-read-write")
    role = put_role(plane.store, "powerless", statement, service=service)
    put_oss_trigger(plane.store, "up", "forbidden", "closed/", role)

    await upload(plane, "closed", "x.zip")

    assert "may not call fc:InvokeFunction" in log(plane.store, "forbidden")[-1]
    assert not [item for item in plane.store.queued() if item.function == "forbidden"]


def test_what_is_queued_outlives_the_data_plane(tmp_path):
    store = Store(tmp_path)
    fill(store)
    put(store, "waiting")
    now = time.time()
    store.enqueue(QueuedInvocation("1-2-3-4", "waiting", b'{"n": 1}', now, 0, now, "a test"))
    store.enqueue(QueuedInvocation("5-6-7-8", "gone", b"{}", now, 0, now, "a test"))

    assert command(tmp_path, "start", "--port", str(free_port())).returncode == 0
    try:
        assert wait_until(lambda: seen(store, "waiting") == [{"n": 1}])
        assert wait_until(lambda: store.queued() == [])
        assert attempts(store, "gone") == ["dropped: there is no function gone"]
        shown = command(tmp_path, "logs", "fc", "waiting").stdout
        assert "attempt 1 of 4 started (a test)" in shown
        assert "attempt 1 of 4 succeeded" in shown
    finally:
        command(tmp_path, "stop")
        store.close()
