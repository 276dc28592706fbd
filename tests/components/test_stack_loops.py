"""What the watch says of functions that write where they are triggered, on mocks.

Does not prove what a function writes; that a role may write is all that a program shows.
"""

from __future__ import annotations

import json

import pytest
from pulumi_alicloud import fc, oss, ram

from tests.rules.resource_cases import trust
from tests.support.watched import broken, run

pytestmark = pytest.mark.usefixtures("watched")


def triggered(grant, key=None, *, by="output", action="oss:PutObject", event="oss:ObjectCreated:PutObject", **more):
    def program():
        bucket = oss.Bucket("b", bucket="the-bucket")
        role = ram.Role("r", role_name="r", assume_role_policy_document=trust("fc.aliyuncs.com", version="1"))
        statement = {"Effect": "Allow", "Action": action, "Resource": [f"acs:oss:*:*:{grant}"], **more}
        text = json.dumps({"Version": "1", "Statement": [statement]})
        policy = ram.Policy("p", policy_name="p", policy_document=text)
        ram.RolePolicyAttachment(
            "a",
            policy_type="Custom",
            role_name=role.role_name if by == "output" else "r",
            policy_name=policy.policy_name if by == "output" else "p",
        )
        function = fc.V3Function("f", function_name="f", runtime="python3.10", handler="a.b", role=role.arn)
        arn = bucket.id.apply(lambda name: f"acs:oss:cn-hongkong:1234567890123456:{name}")
        fc.V3Trigger(
            "t",
            function_name=function.function_name if by == "output" else "f",
            qualifier="LATEST",
            trigger_type="oss",
            trigger_config=json.dumps({"events": [event], "filter": {"key": key or {"prefix": "in/"}}}),
            source_arn=arn if by == "output" else "acs:oss:cn-hongkong:1234567890123456:the-bucket",
        )

    return program


@pytest.mark.parametrize("by", ["output", "name"])
@pytest.mark.parametrize(
    ("grant", "key"),
    [
        ("the-bucket/in/*", {"prefix": "in/"}),
        ("the-bucket/in/out/*", {"prefix": "in/"}),
        ("the-bucket/in/done.txt", {"prefix": "in/"}),
        ("the-bucket/*.zip", {"suffix": ".zip"}),
    ],
)
def test_a_function_does_not_write_only_where_it_is_triggered(grant, key, by):
    found = [("OSS-TRIGGER-OUTPUT", "alicloud:fc/v3Trigger:V3Trigger 't'")]
    assert broken(triggered(grant, key, by=by)) == found


@pytest.mark.parametrize("action", ["oss:*", "oss:Put*", ["oss:GetObject", "oss:PutObject"]])
def test_every_spelling_of_writing_counts(action):
    assert broken(triggered("the-bucket/in/*", action=action))[0][0] == "OSS-TRIGGER-OUTPUT"


def test_a_grant_that_also_lets_it_write_elsewhere_is_warned_of():
    (warning,) = run(triggered("the-bucket/*")).warnings
    assert "[OSS-TRIGGER-OVERLAP]" in warning


@pytest.mark.parametrize(
    "program",
    [
        triggered("the-bucket/out/*"),
        triggered("another-bucket/in/*"),
        triggered("the-bucket/in/*.html", {"prefix": "in/", "suffix": ".zip"}),
        triggered("the-bucket/in/*", action="oss:GetObject"),
        triggered("the-bucket/in/*", event="oss:ObjectRemoved:DeleteObject"),
        triggered("the-bucket/in/*", Condition={"Bool": {"acs:SecureTransport": "true"}}),
    ],
)
def test_what_cannot_start_itself_is_right(program):
    assert run(program).warnings == []
