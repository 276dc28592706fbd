"""The local clouds' verdict against that of `rules/`, which know nothing of each other: one value, two opinions.

A fact that only one of them knows is not compared. Where both are wrong in the same way, this does not show it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from rules.given import Given
from rules.resources import Resource
from tests.localcloud.control.client import Client, RefusedError, code, ram_trust, trust, zip_bytes

FUNCTION = "aws:lambda/function:Function"
FC = "alicloud:fc/v3Function:V3Function"
AROUND = {"aws_region": "ap-northeast-1", "alicloud_region": "cn-hongkong"}


def variables(*names: str, value: str = "x") -> dict[str, Any]:
    return {"variables": dict.fromkeys(names, value)}


AWS: list[tuple[str, str, list[Any]]] = [
    (FUNCTION, "memorySize", [127, 128, 10_240, 10_241]),
    (FUNCTION, "timeout", [0, 1, 900, 901]),
    (FUNCTION, "ephemeralStorage", [{"size": size} for size in (511, 512, 10_240, 10_241)]),
    (FUNCTION, "environment", [variables("AB"), variables("A"), variables("_AB"), variables("A-B"), variables("9A")]),
    (FUNCTION, "environment", [variables("AWS_STAGE"), variables("AWS_REGION"), variables("_HANDLER")]),
    (FUNCTION, "environment", [variables("AWS_LAMBDA_RUNTIME_API"), variables("LAMBDA_TASK_ROOT")]),
    (FUNCTION, "environment", [variables("AB", value="x" * size) for size in (4094, 4095)]),
    (FUNCTION, "snapStart", [{"applyOn": "PublishedVersions"}]),
    (FUNCTION, "handler", ["a.b", "h" * 128, "h" * 129]),
    ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays", [0, 1, 2, 14, 15, 3653, 3654]),
    ("aws:cloudwatch/logGroup:LogGroup", "name", ["a/b", "a b", "x" * 512, "x" * 513]),
    ("aws:s3/bucket:Bucket", "bucket", ["ab", "abc", "a-b.c", "A-b", "-ab", "a" * 63, "a" * 64, "192.168.5.4"]),
    ("aws:cloudfront/originAccessControl:OriginAccessControl", "signingBehavior", ["always", "never", "on"]),
    ("aws:cloudfront/originAccessControl:OriginAccessControl", "signingProtocol", ["sigv4", "sigv2"]),
    ("aws:cloudfront/originAccessControl:OriginAccessControl", "originAccessControlOriginType", ["s3", "lambda", "x"]),
    ("aws:iam/role:Role", "assumeRolePolicy", [trust("lambda.amazonaws.com"), "", "[]", ram_trust("x.amazonaws.com")]),
]
ALIBABA: list[tuple[str, str, list[Any]]] = [
    (FC, "memorySize", [64, 128, 192, 200, 32_768, 32_832]),
    (FC, "cpu", [0.05, 0.1, 0.33, 0.5, 0.55]),
    (FC, "diskSize", [512, 1024, 10_240]),
    (FC, "timeout", [1, 86_400, 86_401]),
    (FC, "instanceConcurrency", [1, 200, 201]),
    *(
        (FC, "customRuntimeConfig", [{"healthCheckConfig": {name: value}} for value in values])
        for name, values in {
            "initialDelaySeconds": (0, 120, 121),
            "periodSeconds": (0, 1, 120, 121),
            "timeoutSeconds": (0, 1, 3, 4),
            "failureThreshold": (0, 1, 120, 121),
            "successThreshold": (0, 1, 120, 121),
            "httpGetUrl": ("/", "/a?b", "a", "/a b"),
        }.items()
    ),
    (FC, "environmentVariables", [{"AB": "x"}, {"AB": "x" * 4094}, {"AB": "x" * 4095}]),
    ("alicloud:oss/bucket:Bucket", "bucket", ["ab", "abc", "a-b", "a.b", "A-b", "-ab", "ab-", "a" * 63, "a" * 64]),
    ("alicloud:ram/role:Role", "roleName", ["a", "a-B", "a_b", "a" * 64, "a" * 65]),
    ("alicloud:ram/role:Role", "assumeRolePolicyDocument", [ram_trust("fc.aliyuncs.com"), "x", ""]),
    ("alicloud:log/project:Project", "projectName", ["abc", "ab", "a_b", "-ab", "a" * 63, "a" * 64]),
    ("alicloud:cdn/domainNew:DomainNew", "scope", ["overseas", "domestic", "global", "china"]),
    ("alicloud:cdn/domainNew:DomainNew", "cdnType", ["web", "download", "video", "site"]),
]


STRICTER: list[tuple[str, dict[str, Any], str]] = [
    # Zero is how the provider leaves the timeout out; who writes it does not mean the default.
    (FC, {"timeout": 0}, "FC-TIMEOUT"),
    # The guide reserves the prefix; whether the cloud refuses it or puts its own values in, no document says.
    (FC, {"environmentVariables": {"FC_X": "x"}}, "FC-ENV-RESERVED"),
]
"""Where the rules refuse what the local clouds, on purpose, let pass."""


def flat(cases: list[tuple[str, str, list[Any]]]) -> Iterator[Any]:
    for type_, name, candidates in cases:
        for number, value in enumerate(candidates):
            yield pytest.param(type_, name, value, id=f"{type_.rpartition(':')[2]}-{name}-{number}")


def fc_function() -> dict[str, Any]:
    zipped = base64.b64encode(zip_bytes({"bootstrap": "#!/bin/sh\n"})).decode()
    return {"functionName": "f", "handler": "h", "runtime": "custom.debian10", "code": {"zipFile": zipped}}


def rules_refuse(type_: str, inputs: dict[str, Any]) -> list[str]:
    return [finding.rule for finding in Resource(type_, "x", Given(inputs, AROUND)).check().errors]


def cloud_refuses(client: Client, type_: str, inputs: dict[str, Any]) -> str:
    client.failures.clear()
    client.check(type_, "x", inputs)
    if client.failures:
        return str(client.failures)
    try:
        client.create(type_, "x", inputs)
    except RefusedError as error:
        return str(error)
    return ""


def agree(client: Client, type_: str, inputs: dict[str, Any]) -> None:
    foreseen, refusal = rules_refuse(type_, inputs), cloud_refuses(client, type_, inputs)
    assert bool(foreseen) == bool(refusal), f"rules: {foreseen}; cloud: {refusal}"


@pytest.mark.parametrize(("type_", "name", "value"), list(flat(AWS)))
def test_aws(aws: Client, type_: str, name: str, value: Any) -> None:
    base: dict[str, Any] = {}
    if type_ == FUNCTION:
        role = aws.create("aws:iam/role:Role", "role", {"assumeRolePolicy": trust("lambda.amazonaws.com")})
        base = {"role": role.outputs["arn"], "runtime": "provided.al2023", "handler": "a.b", "code": code()}
    if "originAccessControl" in type_:
        base = {"originAccessControlOriginType": "s3", "signingBehavior": "always", "signingProtocol": "sigv4"}
    agree(aws, type_, {**base, name: value})


@pytest.mark.parametrize(("type_", "name", "value"), list(flat(ALIBABA)))
def test_alibaba(alibaba: Client, type_: str, name: str, value: Any) -> None:
    base: dict[str, Any] = {}
    if type_ == FC:
        base = fc_function()
        base |= {"memorySize": 512} if name == "cpu" else {}
    if type_.endswith("DomainNew"):
        sources = [{"type": "domain", "content": "origin.example.com"}]
        base = {"domainName": "www.example.com", "cdnType": "web", "scope": "overseas", "sources": sources}
    if type_.endswith("Role"):
        base = {"roleName": "r", "assumeRolePolicyDocument": ram_trust("fc.aliyuncs.com")}
    agree(alibaba, type_, {**base, name: value})


@pytest.mark.parametrize(("type_", "inputs", "rule"), STRICTER)
def test_where_the_rules_are_stricter(alibaba: Client, type_: str, inputs: dict[str, Any], rule: str) -> None:
    whole = {**fc_function(), **inputs}
    assert rules_refuse(type_, whole) == [rule]
    assert cloud_refuses(alibaba, type_, whole) == ""
