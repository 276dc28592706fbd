"""Policies of RAM roles, statement by statement."""

from __future__ import annotations

import json

import pytest

from localcloud import ram
from localcloud.store import Resource, Store

ARN = "acs:ram::1:role/r"
READ = ram.Call("oss:GetObject", "acs:oss:cn-hongkong:1:bucket/a/b.txt", {"acs:SourceIp": "10.0.0.7"})


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.put(Resource(ram.ROLE, "R", "urn", {"roleName": "R", "arn": ARN}))
    yield store
    store.close()


def attach(store, *statements, name="p"):
    document = json.dumps({"Version": "1", "Statement": list(statements)})
    store.put(Resource(ram.POLICY, name, "urn", {"policyName": name, "policyDocument": document}))
    attachment = {"roleName": "R", "policyName": name, "policyType": "Custom"}
    store.put(Resource(ram.ATTACHMENT, name, "urn", attachment))


def statement(effect="Allow", action="oss:GetObject", resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (statement(), True),
        (statement(action=["oss:Put*", "oss:Get*"]), True),
        (statement(action="oss:getobject"), True),
        (statement(action="OSS:*"), True),
        (statement(action="oss:GetObjec?"), True),
        (statement(action="oss:Get"), False),
        (statement(resource="acs:oss:*:*:bucket/a/*"), True),
        (statement(resource="acs:oss:*:*:bucket/[a]/*"), False),
        (statement(resource="acs:oss:cn-hongkong:1:bucket/*"), True),
        (statement(resource="acs:oss:oss-cn-hongkong:1:bucket/*"), True),
        (statement(resource="acs:oss:cn-hangzhou:1:bucket/*"), False),
        (statement(resource="acs:oss:*:*:bucket"), False),
        (statement(Condition={"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}), True),
        (statement(Condition={"NotIpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}), False),
        (statement(Condition={"StringLike": {"oss:Prefix": "a/*"}}), False),
        (statement(Condition={"StringNotLike": {"oss:Prefix": "a/*"}}), True),
        (statement(Condition={"SomethingNew": {"oss:Prefix": "a/*"}}), False),
        ({"Effect": "Allow", "NotAction": "oss:Put*", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": "*", "NotResource": "acs:oss:*:*:bucket/*"}, False),
    ],
)
def test_one_statement(store, given, allowed):
    attach(store, given)

    assert ram.judge(store, ARN, READ).allowed == allowed


def test_a_denial_in_any_policy_wins_and_is_told(store):
    attach(store, statement(), name="yes")
    attach(store, statement("Deny", "oss:*", Condition={"SomethingNew": {"x": "y"}}), name="no")

    assert ram.judge(store, ARN, READ) == ram.Verdict(allowed=False, denied=True)


def test_system_policies_that_are_known(store):
    attachment = {"roleName": "R", "policyName": "AliyunOSSReadOnlyAccess", "policyType": "System"}
    store.put(Resource(ram.ATTACHMENT, "s", "urn", attachment))

    assert ram.judge(store, ARN, READ).allowed
    assert not ram.judge(store, ARN, ram.Call("oss:PutObject", READ.resource, {})).allowed


def test_a_role_that_is_gone_may_do_nothing(store):
    attach(store, statement(action="*"))
    store.delete(ram.ROLE, "R")

    assert not ram.judge(store, ARN, READ).allowed


def test_a_role_is_found_by_its_whole_arn_in_any_case(store):
    assert ram.find_role(store, "acs:ram::1:role/R") is not None
    assert ram.find_role(store, "acs:ram::2:role/r") is None
