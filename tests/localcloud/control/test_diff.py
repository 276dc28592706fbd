"""What Diff reports and what it replaces. Does not prove that real providers plan the same: they compare states."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from tests.localcloud.control.client import UNKNOWN, Client, Deployed, code, trust

KINDS = provider_pb2.PropertyDiff.Kind


def deployed(
    client: Client, type_: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any] | None = None
) -> Deployed:
    checked = client.check(type_, "thing", dict(inputs))
    assert not client.failures, client.failures
    return Deployed(type_, "thing", "id", checked, {**checked, **(outputs or {})})


def changes(response: Any) -> dict[str, str]:
    return {place: KINDS.Name(change.kind) for place, change in response.detailedDiff.items()}


DISTRIBUTION = "aws:cloudfront/distribution:Distribution"


def distribution(*origins: str, **more: Any) -> dict[str, Any]:
    behavior = {
        "targetOriginId": "a",
        "viewerProtocolPolicy": "https-only",
        "allowedMethods": ["GET", "HEAD"],
        "cachedMethods": ["HEAD", "GET"],
        "cachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    }
    return {
        "enabled": True,
        "origins": [{"originId": name, "domainName": f"{name}.s3.amazonaws.com"} for name in origins],
        "defaultCacheBehavior": {**behavior, **more},
        "restrictions": {"geoRestriction": {"restrictionType": "none"}},
        "viewerCertificate": {"cloudfrontDefaultCertificate": True},
    }


def test_nothing_changed(aws: Client) -> None:
    old = deployed(aws, DISTRIBUTION, distribution("a", "b"))
    response = aws.diff(old, distribution("a", "b"))
    assert response.changes == provider_pb2.DiffResponse.DIFF_NONE
    assert changes(response) == {}


def test_the_order_of_a_set_is_no_change(aws: Client) -> None:
    old = deployed(aws, DISTRIBUTION, distribution("a", "b", allowedMethods=["GET", "HEAD"]))
    assert changes(aws.diff(old, distribution("b", "a", allowedMethods=["HEAD", "GET"]))) == {}


def test_the_order_of_a_list_is_a_change(aws: Client) -> None:
    old = deployed(aws, "aws:lambda/function:Function", function(layers=["arn:a", "arn:b"]))
    assert changes(aws.diff(old, function(layers=["arn:b", "arn:a"]))) == {"layers[0]": "UPDATE", "layers[1]": "UPDATE"}


def test_a_new_member_of_a_set_is_the_only_change(aws: Client) -> None:
    old = deployed(aws, DISTRIBUTION, distribution("a", "b"))
    assert changes(aws.diff(old, distribution("c", "a", "b"))) == {"origins[0]": "ADD"}
    assert changes(aws.diff(old, distribution("b"))) == {"origins[0]": "DELETE"}


def test_a_change_deep_inside_is_named_by_its_path(aws: Client) -> None:
    association = {"eventType": "origin-request", "lambdaArn": "arn:aws:lambda:us-east-1:1:function:e:1"}
    old = deployed(aws, DISTRIBUTION, distribution("a", lambdaFunctionAssociations=[association]))
    new = distribution("a", lambdaFunctionAssociations=[{**association, "lambdaArn": UNKNOWN}])
    response = aws.diff(old, new)
    assert changes(response) == {"defaultCacheBehavior.lambdaFunctionAssociations[0].lambdaArn": "UPDATE"}
    assert list(response.diffs) == ["defaultCacheBehavior"]
    assert list(response.replaces) == []


def function(**more: Any) -> dict[str, Any]:
    arn = "arn:aws:iam::123456789012:role/r"
    return {"role": arn, "runtime": "provided.al2023", "handler": "a.b", "code": code(), **more}


FUNCTION = "aws:lambda/function:Function"


def test_an_archive_is_compared_by_its_hash(aws: Client) -> None:
    old = deployed(aws, FUNCTION, function())
    assert changes(aws.diff(old, function(code=code("elsewhere.zip")))) == {}
    assert changes(aws.diff(old, function(code=code(files={"bootstrap": "other"})))) == {"code": "UPDATE"}


def test_an_environment_variable_is_named(aws: Client) -> None:
    old = deployed(aws, FUNCTION, function(environment={"variables": {"A": "1", "B": "2"}}))
    new = function(environment={"variables": {"A": "3", "C": "4"}})
    assert changes(aws.diff(old, new)) == {
        "environment.variables.A": "UPDATE",
        "environment.variables.B": "DELETE",
        "environment.variables.C": "ADD",
    }


def test_an_empty_collection_is_the_same_as_none(aws: Client) -> None:
    old = deployed(aws, FUNCTION, function())
    assert changes(aws.diff(old, function(layers=[], tags={}))) == {}


def test_what_the_cloud_computes_stays_when_it_is_left_out(aws: Client) -> None:
    old = deployed(aws, FUNCTION, function(architectures=["x86_64"], description="d"))
    assert changes(aws.diff(old, function())) == {"description": "DELETE"}


def test_a_changed_name_replaces_and_needs_no_order(aws: Client) -> None:
    old = deployed(aws, FUNCTION, function(name="one"))
    response = aws.diff(old, function(name="two"))
    assert changes(response) == {"name": "UPDATE_REPLACE"}
    assert list(response.replaces) == ["name"]
    assert not response.deleteBeforeReplace


def test_a_replacement_with_the_same_fixed_name_deletes_first(aws: Client) -> None:
    zip_, image = function(name="one", packageType="Zip"), function(name="one", packageType="Image")
    assert aws.diff(deployed(aws, FUNCTION, zip_), image).deleteBeforeReplace


def test_a_replacement_with_an_automatic_name_does_not(aws: Client) -> None:
    response = aws.diff(deployed(aws, FUNCTION, function()), function(packageType="Image"))
    assert list(response.replaces) == ["packageType"]
    assert not response.deleteBeforeReplace


def test_an_unknown_value_that_replaces_is_reported_as_a_replacement(aws: Client) -> None:
    permission = {"action": "lambda:InvokeFunction", "function": "f", "principal": "cloudfront.amazonaws.com"}
    old = deployed(aws, "aws:lambda/permission:Permission", {**permission, "sourceArn": "arn:x"})
    assert changes(aws.diff(old, {**permission, "sourceArn": UNKNOWN})) == {"sourceArn": "UPDATE_REPLACE"}


@pytest.mark.parametrize("pattern", ["tags", "tags.a", 'tags["a"]', "tags.*"])
def test_ignored_changes_are_left_out(aws: Client, pattern: str) -> None:
    old = deployed(aws, FUNCTION, function(tags={"a": "1"}, description="d"))
    response = aws.diff(old, function(tags={"a": "2"}, description="e"), ignore=(pattern,))
    assert changes(response) == {"description": "UPDATE"}


def test_an_ignored_list_member_does_not_cover_its_neighbour(aws: Client) -> None:
    old = deployed(aws, FUNCTION, function(layers=["arn:a", "arn:b"]))
    assert changes(aws.diff(old, function(layers=["arn:c", "arn:d"]), ignore=("layers[1]",))) == {"layers[0]": "UPDATE"}


def test_a_policy_with_the_same_meaning_is_no_change(aws: Client) -> None:
    statement = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["*"]}
    one = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    same = json.dumps(
        {"Statement": {**statement, "Action": statement["Action"][::-1], "Resource": "*"}, "Version": "2012-10-17"}
    )
    other = one.replace("s3:PutObject", "s3:DeleteObject")
    old = deployed(aws, "aws:iam/rolePolicy:RolePolicy", {"role": "r", "policy": one})
    assert changes(aws.diff(old, {"role": "r", "policy": same})) == {}
    assert changes(aws.diff(old, {"role": "r", "policy": other})) == {"policy": "UPDATE"}
    assert changes(aws.diff(old, {"role": "r", "policy": UNKNOWN})) == {"policy": "UPDATE"}


def test_json_of_a_trigger_with_the_same_meaning_is_no_change(alibaba: Client) -> None:
    trigger = {"functionName": "f", "qualifier": "LATEST", "triggerName": "t", "triggerType": "http"}
    old = deployed(alibaba, "alicloud:fc/v3Trigger:V3Trigger", {**trigger, "triggerConfig": '{"a":1,"b":2}'})
    assert changes(alibaba.diff(old, {**trigger, "triggerConfig": '{"b": 2, "a": 1}'})) == {}


def test_a_function_by_name_and_by_arn_is_the_same(aws: Client) -> None:
    old = deployed(aws, "aws:lambda/functionUrl:FunctionUrl", {"functionName": "f", "authorizationType": "NONE"})
    arn = "arn:aws:lambda:ap-northeast-1:123456789012:function:f"
    assert changes(aws.diff(old, {"functionName": arn, "authorizationType": "NONE"})) == {}
    assert changes(aws.diff(old, {"functionName": "g", "authorizationType": "NONE"})) == {
        "functionName": "UPDATE_REPLACE"
    }


class TestRegion:
    LOGS = "aws:cloudwatch/logGroup:LogGroup"

    def test_unset_and_the_providers_own_are_the_same(self, aws: Client) -> None:
        old = deployed(aws, self.LOGS, {}, {"region": "ap-northeast-1"})
        assert changes(aws.diff(old, {"region": "ap-northeast-1"})) == {}

    def test_another_region_replaces(self, aws: Client) -> None:
        old = deployed(aws, self.LOGS, {}, {"region": "ap-northeast-1"})
        assert changes(aws.diff(old, {"region": "us-east-1"})) == {"region": "UPDATE_REPLACE"}

    def test_another_region_of_the_provider_replaces_too(self, aws: Client) -> None:
        old = deployed(aws, self.LOGS, {}, {"region": "ap-northeast-1"})
        aws.configure("eu-west-1")
        assert changes(aws.diff(old, {})) == {"region": "UPDATE_REPLACE"}


def test_a_new_key_replaces_the_object_and_trust_updates_the_role(alibaba: Client) -> None:
    old = deployed(alibaba, "alicloud:oss/bucketObject:BucketObject", {"bucket": "b", "key": "a", "content": "x"})
    response = alibaba.diff(old, {"bucket": "b", "key": "c", "content": "x"})
    assert list(response.replaces) == ["key"]
    assert not response.deleteBeforeReplace
    role = deployed(alibaba, "alicloud:ram/role:Role", {"roleName": "r", "assumeRolePolicyDocument": trust("a")})
    response = alibaba.diff(role, {"roleName": "r", "assumeRolePolicyDocument": trust("b")})
    assert changes(response) == {"assumeRolePolicyDocument": "UPDATE"}
