"""What Check refuses and fills in. Does not prove that a real cloud refuses the same: its providers do more."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from tests.localcloud.control.client import UNKNOWN, Client, RefusedError, code, plain, struct, trust

FUNCTION = "aws:lambda/function:Function"
ROLE = "aws:iam/role:Role"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
FC = "alicloud:fc/v3Function:V3Function"
ARN = "arn:aws:iam::123456789012:role/r"


def function(**more: Any) -> dict[str, Any]:
    return {"role": ARN, "runtime": "provided.al2023", "handler": "a.b", "code": code(), **more}


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"memorySize": "big"}, "memorySize", "expected integer, got 'big' (string)"),
        ({"memorySize": True}, "memorySize", "expected integer, got True (boolean)"),
        ({"memorySize": 1.5}, "memorySize", "expected integer, got 1.5 (number)"),
        ({"memorySize": 64}, "memorySize", "to be in the range (128 - 32768), got 64"),
        ({"memoryMb": 512}, "memoryMb", "unknown property 'memoryMb'; did you mean 'memorySize'?"),
        ({"environment": {"varriables": {}}}, "environment.varriables", "did you mean 'variables'?"),
        ({"environment": {"variables": {"A": 1}}}, "environment.variables.A", "expected string, got 1 (integer)"),
        ({"environment": "A=1"}, "environment", "expected object"),
        ({"tracingConfig": {}}, "tracingConfig.mode", "Missing required property 'mode'"),
        ({"tracingConfig": {"mode": "On"}}, "tracingConfig.mode", "to be one of ['Active', 'PassThrough'], got 'On'"),
        ({"runtime": "python9"}, "runtime", "got 'python9'"),
        ({"layers": ["a"]}, "layers[0]", "invalid ARN"),
        ({"architectures": ["x86_64", "arm64"]}, "architectures", "1 item maximum"),
        ({"architectures": ["riscv"]}, "architectures[0]", "to be one of"),
        ({"s3Bucket": "b", "s3Key": "k"}, "code", "only one of `code,imageUri,s3Bucket`"),
        ({"s3Key": "k"}, "s3Key", "all of `s3Key,s3Bucket` must be specified"),
        ({"role": "r"}, "role", "is an invalid ARN: arn: invalid prefix"),
        ({"handler": "h" * 129}, "handler", "at most 128"),
        ({"name": "n" * 65}, "name", "at most 64"),
    ],
)
def test_a_wrong_function_is_refused_at_its_place(aws: Client, change: dict[str, Any], place: str, words: str) -> None:
    aws.check(FUNCTION, "f", function(**change))
    assert [where for where, _ in aws.failures] == [place]
    assert words in aws.failures[0][1]


def test_a_right_function_is_not_refused(aws: Client) -> None:
    assert aws.reasons(FUNCTION, function(environment={"variables": {"A": "1"}}, memorySize=512)) == ""


def test_missing_properties_are_named(aws: Client) -> None:
    assert "role: Missing required property 'role'" in aws.reasons(FUNCTION, {"runtime": "x", "code": code()})
    assert "one of `code,imageUri,s3Bucket` must be specified" in aws.reasons(FUNCTION, {"role": ARN})


def test_a_zip_needs_handler_and_runtime(aws: Client) -> None:
    assert "handler and runtime must be set when PackageType is Zip" in aws.reasons(
        FUNCTION, {"role": ARN, "code": code()}
    )


def test_unknown_values_are_not_judged(aws: Client) -> None:
    later = {
        "role": UNKNOWN,
        "runtime": UNKNOWN,
        "handler": UNKNOWN,
        "code": UNKNOWN,
        "environment": {"variables": UNKNOWN},
    }
    assert aws.reasons(FUNCTION, {**later, "layers": [UNKNOWN], "memorySize": UNKNOWN}) == ""


def test_a_secret_is_not_shown_in_a_reason(aws: Client) -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": 12345}
    said = aws.reasons(FUNCTION, function(environment={"variables": {"A": secret}}))
    assert "expected string, got a secret" in said
    assert "12345" not in said


def test_conflicting_properties_are_refused(aws: Client) -> None:
    assert "conflicts with namePrefix" in aws.reasons(LOGS, {"name": "a", "namePrefix": "b"})


def test_patterns_are_kept(aws: Client) -> None:
    assert "must match" in aws.reasons(LOGS, {"name": "a b"})
    assert "retentionInDays" in aws.reasons(LOGS, {"retentionInDays": 2})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("", "is an empty string, which is not a valid JSON value"),
        (" {}", "leading space characters are not allowed"),
        ('"{}"', "contains a JSON-encoded string, not a JSON-encoded object"),
        ("[]", "contains a JSON array, not a JSON object"),
        ('{"Version":"1","Version":"2"}', "contains duplicate JSON keys"),
        ("{", "contains an invalid JSON policy"),
    ],
)
def test_a_policy_text_must_be_a_json_object(aws: Client, document: str, words: str) -> None:
    assert words in aws.reasons(ROLE, {"assumeRolePolicy": document})


def test_defaults_are_filled_in_at_every_level_and_noted(aws: Client) -> None:
    checked = aws.check(FUNCTION, "f", function(vpcConfig={"subnetIds": ["s"], "securityGroupIds": ["g"]}))
    assert checked["memorySize"] == 128
    assert checked["vpcConfig"]["ipv6AllowedForDualStack"] is False
    assert "memorySize" in checked["__defaults"]
    assert "role" not in checked["__defaults"]


def test_a_default_does_not_step_beside_what_it_conflicts_with(aws: Client, alibaba: Client) -> None:
    checked = alibaba.check("alicloud:ram/role:Role", "r", {"roleName": "r", "assumeRolePolicyDocument": "{}"})
    assert "version" not in checked


def test_an_undeclared_type_is_refused_in_one_sentence(aws: Client) -> None:
    with pytest.raises(RefusedError, match=r"does not know the resource type aws:ec2/instance:Instance"):
        aws.check("aws:ec2/instance:Instance", "i", {})


def test_every_other_declared_type_works_without_a_module(aws: Client) -> None:
    topic = aws.create("aws:sns/topic:Topic", "alarms", {"tags": {"a": "b"}})
    assert topic.id.startswith("alarms-")
    assert topic.outputs["arn"].startswith("arn:aws:sns:ap-northeast-1:123456789012:")
    assert topic.outputs["tagsAll"] == {"a": "b"}


class TestNames:
    def test_a_name_is_the_resource_name_and_seven_characters(self, aws: Client) -> None:
        first = aws.check(LOGS, "site", {})["name"]
        assert first.startswith("site-")
        assert len(first) == len("site-") + 7
        assert aws.check(LOGS, "site", {})["name"] == first, "the same seed gives the same name"
        aws.seed = b"another"
        assert aws.check(LOGS, "site", {})["name"] != first

    def test_an_update_keeps_the_name(self, aws: Client) -> None:
        old = aws.check(LOGS, "site", {})
        aws.seed = b"another"
        assert aws.check(LOGS, "site", {"retentionInDays": 7}, old)["name"] == old["name"]

    def test_a_name_that_was_given_is_not_kept_when_it_is_taken_out(self, aws: Client) -> None:
        old = aws.check(LOGS, "site", {"name": "mine"})
        assert aws.check(LOGS, "site", {}, old)["name"] != "mine"

    def test_a_prefix_replaces_the_automatic_name(self, aws: Client) -> None:
        assert "name" not in aws.check(LOGS, "site", {"namePrefix": "p"})

    def test_a_name_too_long_for_the_type_is_refused(self, aws: Client) -> None:
        aws.check(ROLE, "r" * 60, {"assumeRolePolicy": trust("lambda.amazonaws.com")})
        assert aws.failures[0][0] == "name"
        assert "the maximum for 'name' is 64" in aws.failures[0][1]

    def test_buckets_are_named_in_lower_case(self, aws: Client) -> None:
        assert aws.check("aws:s3/bucket:Bucket", "Site", {})["bucket"].startswith("site-")

    @pytest.mark.parametrize(("mode", "proposed", "expected"), [(0, "ours", "ours"), (1, "theirs", "theirs")])
    def test_the_engine_may_propose_or_enforce_a_name(
        self, aws: Client, mode: int, proposed: str, expected: str
    ) -> None:
        assert autonamed(aws, mode, proposed) == (expected, [])

    def test_the_engine_may_switch_names_off(self, aws: Client) -> None:
        name, failures = autonamed(aws, 2, "")
        assert name is None
        assert "automatic naming is disabled" in failures[0]


def autonamed(client: Client, mode: int, proposed: str) -> tuple[str | None, list[str]]:
    options = provider_pb2.CheckRequest.AutonamingOptions(proposed_name=proposed, mode=mode)  # type: ignore[arg-type]
    request = provider_pb2.CheckRequest(urn=client.urn(LOGS, "site"), news=struct({}), autonaming=options)
    response = client.call("Check", request)
    return plain(response.inputs).get("name"), [failure.reason for failure in response.failures]
