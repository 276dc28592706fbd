"""Native OSS triggers and asynchronous invocation: what a deployment is refused, and what it sets off."""

from __future__ import annotations

import base64
import json

import pytest

from tests.localcloud.control.client import RefusedError, ram_trust, zip_bytes

ACCOUNT = "1234567890123456"
TRIGGER = "alicloud:fc/v3Trigger:V3Trigger"
OBJECT = "alicloud:oss/bucketObject:BucketObject"
CREATED = "oss:ObjectCreated:PutObject"


@pytest.fixture
def cloud(alibaba):
    """A function, a bucket and a role that OSS may assume."""
    zipped = base64.b64encode(zip_bytes({"bootstrap": "#!/bin/sh\n"})).decode()
    function = {"functionName": "f", "handler": "h", "runtime": "custom.debian10", "code": {"zipFile": zipped}}
    alibaba.create("alicloud:fc/v3Function:V3Function", "f", function)
    alibaba.create("alicloud:oss/bucket:Bucket", "b", {"bucket": "source"})
    for name, service in (("notify", "oss.aliyuncs.com"), ("other", "fc.aliyuncs.com")):
        role = {"roleName": name, "assumeRolePolicyDocument": ram_trust(service)}
        alibaba.create("alicloud:ram/role:Role", name, role)
    policy = {"Effect": "Allow", "Action": "fc:InvokeFunction", "Resource": "*"}
    document = json.dumps({"Version": "1", "Statement": [policy]})
    alibaba.create("alicloud:ram/policy:Policy", "p", {"policyName": "invoke", "policyDocument": document})
    attachment = {"roleName": "notify", "policyName": "invoke", "policyType": "Custom"}
    alibaba.create("alicloud:ram/rolePolicyAttachment:RolePolicyAttachment", "a", attachment)
    return alibaba


def trigger(name: str = "up", prefix="", suffix="", events=(CREATED,), **changes):
    config = {"events": list(events), "filter": {"key": {"prefix": prefix, "suffix": suffix}}}
    return {
        "functionName": "f",
        "triggerName": name,
        "triggerType": "oss",
        "qualifier": "LATEST",
        "triggerConfig": json.dumps(config),
        "sourceArn": f"acs:oss:cn-hongkong:{ACCOUNT}:source",
        "invocationRole": f"acs:ram::{ACCOUNT}:role/notify",
        **changes,
    }


def test_a_right_trigger_is_made_and_may_be_changed(cloud):
    made = cloud.create(TRIGGER, "t", trigger(prefix="projects/", suffix=".zip"))
    assert made.outputs["httpTrigger"]["urlInternet"] == ""

    cloud.update(made, trigger(prefix="projects/", suffix=".tar.gz"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"events": ()}, "must be a list of at least one OSS event"),
        ({"events": ("oss:ObjectCreated:Everything",)}, "'oss:ObjectCreated:Everything', expected one of"),
        ({"prefix": "a*"}, "prefix must be a text without wildcards"),
        ({"suffix": "?.zip"}, "suffix must be a text without wildcards"),
        ({"prefix": "/a"}, "prefix must not begin with '/'"),
        ({"sourceArn": "source"}, "sourceArn must be like acs:oss:<region>:<account id>:<bucket>"),
        ({"sourceArn": f"acs:oss:cn-hangzhou:{ACCOUNT}:source"}, "must be in the function's region cn-hongkong"),
        ({"sourceArn": "acs:oss:cn-hongkong:42:source"}, f"must belong to the account {ACCOUNT}"),
        ({"sourceArn": f"acs:oss:cn-hongkong:{ACCOUNT}:none"}, "the bucket 'none' of the trigger does not exist"),
        ({"invocationRole": ""}, "needs an invocationRole"),
        ({"invocationRole": f"acs:ram::{ACCOUNT}:role/none"}, "cannot be assumed by oss.aliyuncs.com"),
        ({"invocationRole": f"acs:ram::{ACCOUNT}:role/other"}, "cannot be assumed by oss.aliyuncs.com"),
    ],
)
def test_a_wrong_trigger_is_refused(cloud, changes, told):
    with pytest.raises(RefusedError) as refused:
        cloud.create(TRIGGER, "t", trigger(**changes))

    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("new", "conflict"),
    [
        ({"prefix": "source", "suffix": "zip", "events": ("oss:ObjectCreated:*",)}, True),
        ({"prefix": "source", "suffix": "zip"}, True),
        ({"prefix": "source", "suffix": "1zip"}, True),
        ({"prefix": "source1", "suffix": "zip"}, True),
        ({"prefix": "source"}, True),
        ({"suffix": "zip"}, True),
        ({"prefix": "source1", "suffix": "zip1"}, False),
        ({"prefix": "1source", "suffix": "1zip"}, False),
        ({"prefix": "source", "suffix": "zip", "events": ("oss:ObjectCreated:PostObject",)}, False),
    ],
)
def test_conflicts_are_those_of_the_documents_table(cloud, new, conflict):
    cloud.create(TRIGGER, "t", trigger(prefix="source", suffix="zip"))

    if conflict:
        with pytest.raises(RefusedError, match="conflicts with one of the function 'f' on the bucket 'source'"):
            cloud.create(TRIGGER, "u", trigger("new", **new))
    else:
        cloud.create(TRIGGER, "u", trigger("new", **new))


def test_a_bucket_has_ten_triggers_at_most(cloud):
    for number in range(10):
        cloud.create(TRIGGER, f"t{number}", trigger(f"t{number}", prefix=f"p{number}/"))

    with pytest.raises(RefusedError, match="has 10 OSS triggers"):
        cloud.create(TRIGGER, "more", trigger("more", prefix="more/"))


def test_an_object_of_the_program_fires_an_event_when_it_comes_and_when_it_goes(cloud, store):
    removed = "oss:ObjectRemoved:DeleteObject"
    cloud.create(TRIGGER, "t", trigger(prefix="projects/", events=(CREATED, removed)))

    made = cloud.create(OBJECT, "o", {"bucket": "source", "key": "projects/a.zip", "content": "zip"})
    cloud.create(OBJECT, "n", {"bucket": "source", "key": "elsewhere", "content": "zip"})
    cloud.delete(made)

    found = [json.loads(item.payload)["events"][0] for item in store.queued()]
    assert [(event["eventName"], event["oss"]["object"]["key"]) for event in found] == [
        ("ObjectCreated:PutObject", "projects/a.zip"),
        ("ObjectRemoved:DeleteObject", "projects/a.zip"),
    ]
    assert {item.function for item in store.queued()} == {"f"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"maxAsyncRetryAttempts": 9}, "maxAsyncRetryAttempts must be between 0 and 8"),
        ({"maxAsyncEventAgeInSeconds": 0}, "maxAsyncEventAgeInSeconds must be between 1 and 604800"),
    ],
)
def test_limits_of_asynchronous_invocation(cloud, changes, told):
    type_ = "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig"
    cloud.create(type_, "c", {"functionName": "f", "maxAsyncRetryAttempts": 0, "maxAsyncEventAgeInSeconds": 3600})

    with pytest.raises(RefusedError) as refused:
        cloud.create(type_, "d", {"functionName": "f", **changes})

    assert told in str(refused.value)


def test_a_bucket_with_an_upload_in_parts_is_not_empty(cloud, store):
    bucket = cloud.create("alicloud:oss/bucket:Bucket", "parts", {"bucket": "parts"})
    upload = store.oss.begin_upload("parts", "big", {})

    with pytest.raises(RefusedError, match="BucketNotEmpty"):
        cloud.delete(bucket)

    store.oss.end_upload(upload)
    cloud.delete(bucket)
