"""The watch over a whole program, on mocks: what it sees, what it holds back, and how it tells it.

Does not prove that an engine runs stack transformations alike; tests/engine does.
"""

from __future__ import annotations

import importlib

import pulumi
import pulumi_aws as aws
import pytest
from pulumi_alicloud import fc, oss, ram

from components.lambda_runtime import LambdaCustomRuntime
from components.stack_rules import watch
from components.validation import ProgramError, told_to_user
from tests.rules.resource_cases import BEHAVIOR, CASES, DISTRIBUTION_BASE, FUNCTION_BASE, inputs, trust
from tests.support import mocks
from tests.support.mocks import deploy
from tests.support.sdk_types import _registered


@pytest.fixture(autouse=True)
def all_types(monkeypatch):
    """Mocks for every type that has rules, and a region for either provider."""
    outputs = {type_: mocks.OUTPUTS.get(type_, lambda _: {}) for type_, _, _ in CASES.values()}
    for type_ in (
        "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig",
        "aws:lambda/runtimeManagementConfig:RuntimeManagementConfig",
        "aws:lambda/alias:Alias",
    ):
        outputs[type_] = lambda _: {}
    for type_ in ("oss/bucket:Bucket", "ram/role:Role", "fc/v3Function:V3Function", "fc/v3Trigger:V3Trigger"):
        outputs[f"alicloud:{type_}"] = lambda _: {}
    monkeypatch.setattr(mocks, "OUTPUTS", {**mocks.OUTPUTS, **outputs})
    monkeypatch.setattr("components.stack_rules.end_in_order", lambda: None)  # the findings are for the tests
    monkeypatch.setenv("PULUMI_CONFIG", '{"aws:region": "ap-northeast-1", "alicloud:region": "cn-hongkong"}')


def run(program, *, preview=True, off=()):
    def watched():
        watch(off)
        program()

    return deploy(watched, preview=preview)


def broken(program, **options):
    """(rule, label) of each finding that ends the program."""
    with pytest.raises(ProgramError) as error:
        run(program, **options)
    return [(finding.rule, finding.component) for finding in error.value.findings]


def rules_of(program, **options):
    return [rule for rule, _ in broken(program, **options)]


def create(type_, changed, name="x"):
    module, cls = _registered(type_.partition(":")[0])[type_]
    return getattr(importlib.import_module(module), cls)(name, **inputs(type_, changed))


def by_hand(name="mine", **changed):
    return aws.lambda_.Function(name, **{**FUNCTION_BASE, **changed})


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_reaches_the_real_classes(rule):
    type_, right, wrong = CASES[rule]

    def attempt(changed):
        try:
            return [text.rpartition("[")[2].rstrip("]") for text in run(lambda: create(type_, changed)).warnings]
        except ProgramError as error:
            return [finding.rule for finding in error.findings]
        except (TypeError, AssertionError):  # what the SDK's own types refuse never reaches a rule
            return None

    assert rule not in (attempt(right[0]) or [])
    told = [attempt(changed) for changed in wrong]
    assert all(ids is None or rule in ids for ids in told)
    assert any(told)


@pytest.mark.parametrize("preview", [True, False])
def test_all_that_is_wrong_is_told_together(preview):
    def program():
        by_hand("slow", timeout=901)
        by_hand("small", memory_size=64)
        oss.Bucket("b", bucket="A_B")

    assert broken(program, preview=preview) == [
        ("LAMBDA-TIMEOUT", "aws:lambda/function:Function 'slow'"),
        ("LAMBDA-MEMORY", "aws:lambda/function:Function 'small'"),
        ("OSS-BUCKET-NAME", "alicloud:oss/bucket:Bucket 'b'"),
    ]


def test_nothing_is_registered_once_anything_is_wrong(monkeypatch):
    registered = []
    record = mocks.Recorder._record
    monkeypatch.setattr(
        mocks.Recorder, "_record", lambda self, request: (registered.append(request.name), record(self, request))
    )

    def program():
        by_hand("right")
        by_hand("wrong", memory_size=64)

    assert rules_of(program, preview=False) == ["LAMBDA-MEMORY"]
    assert registered == []
    run(lambda: by_hand("right"), preview=False)
    assert registered == ["right"]


def test_an_output_that_waits_for_nothing_counts_as_known():
    def program():
        by_hand(timeout=pulumi.Output.from_input(900).apply(lambda known: known + 1), memory_size=64)

    assert sorted(rules_of(program)) == ["LAMBDA-MEMORY", "LAMBDA-TIMEOUT"]


def test_an_output_of_a_resource_is_checked_before_what_is_made_from_it():
    def program():
        role = aws.iam.Role("r", assume_role_policy=trust("lambda.amazonaws.com"))
        by_hand(role=role.arn, handler=role.arn.apply(lambda arn: f"{arn} "))

    assert rules_of(program, preview=False) == ["LAMBDA-HANDLER-TEXT"]
    run(program, preview=True)


def test_a_secret_is_never_shown():
    def program():
        by_hand(handler=pulumi.Output.secret("hid den"))

    assert run(program).warnings == []


def test_a_credential_in_the_environment_is_named_but_not_printed():
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    with pytest.raises(ProgramError) as error:
        run(lambda: by_hand(environment={"variables": {"KEY": key}}))
    assert "['KEY']" in str(error.value)
    assert key not in str(error.value)


def test_argument_classes_and_either_spelling_are_read():
    def program():
        by_hand("a", ephemeral_storage=aws.lambda_.FunctionEphemeralStorageArgs(size=100))
        by_hand("b", snap_start={"applyOn": "PublishedVersions"}, runtime="provided.al2023")

    assert rules_of(program) == ["LAMBDA-STORAGE", "LAMBDA-SNAPSTART"]


def test_an_archive_that_pulumi_packs_is_warned_of():
    def program(code, runtime):
        return lambda: by_hand(code=code, s3_bucket=None, s3_key=None, runtime=runtime)

    packed = pulumi.AssetArchive({"bootstrap": pulumi.StringAsset("#!/bin/sh\n")})
    (warning,) = run(program(packed, "provided.al2023")).warnings
    assert "[LAMBDA-ARCHIVE-MODE]" in warning
    assert run(program(packed, "python3.13")).warnings == []
    assert run(program(pulumi.FileArchive("function.zip"), "provided.al2023")).warnings == []


def test_a_switched_off_rule_is_named_and_passed_over():
    deployment = run(lambda: by_hand(memory_size=64), off=["LAMBDA-MEMORY"])
    assert [warning for warning in deployment.warnings if "LAMBDA-MEMORY is switched off" in warning]
    assert [each.name for each in deployment.resources] == ["mine"]


def test_a_component_is_not_told_twice():
    def program():
        LambdaCustomRuntime("web", {"zip_path": "function.zip", "handler": "a.b", "timeout_s": 901})

    assert broken(program) == [("LAMBDA-TIMEOUT", "LambdaCustomRuntime 'web'")]

    def later():
        timeout = pulumi.Output.from_input(901)
        LambdaCustomRuntime("web", {"zip_path": "function.zip", "handler": "a.b", "timeout_s": timeout})

    assert broken(later) == [("LAMBDA-TIMEOUT", "LambdaCustomRuntime 'web'")]


def test_a_component_and_what_stands_beside_it_are_told_together():
    def program():
        by_hand(memory_size=64)
        LambdaCustomRuntime("web", {"zip_path": "function.zip", "handler": "a.b", "timeout_s": 901})

    assert sorted(rules_of(program)) == ["LAMBDA-MEMORY", "LAMBDA-TIMEOUT"]


def test_each_sentence_is_told_once_where_the_program_tells_the_user(monkeypatch):
    told = []
    monkeypatch.setattr("pulumi.log.error", told.append)

    def program():
        with told_to_user():
            by_hand(memory_size=64)
            LambdaCustomRuntime("web", {"zip_path": "function.zip", "handler": "a.b", "timeout_s": 901})

    assert sorted(rules_of(program)) == ["LAMBDA-MEMORY", "LAMBDA-TIMEOUT"]
    assert told == []  # the language host shows the error that ends the run


def test_what_is_only_looked_up_is_left_alone():
    deployment = run(lambda: aws.iam.Role.get("r", "existing"))
    assert deployment.warnings == []


def test_the_watch_adds_no_dependency():
    def program():
        role = aws.iam.Role("r", assume_role_policy=trust("lambda.amazonaws.com"))
        by_hand(role=role.arn)

    watched, alone = run(program, preview=False), deploy(program)
    for one, other in zip(watched.resources, alone.resources, strict=True):
        assert one.request.dependencies == other.request.dependencies
        assert one.inputs == other.inputs


# Several resources together


def associated(event="origin-request", pick=lambda function: function.qualified_arn, **changed):
    def program():
        role = aws.iam.Role("role", assume_role_policy=trust("lambda.amazonaws.com", "edgelambda.amazonaws.com"))
        right = {"role": role.arn, "publish": True, "region": "us-east-1"}
        function = by_hand("edge", **{**right, **changed})
        behavior = {**BEHAVIOR, "lambda_function_associations": [{"event_type": event, "lambda_arn": pick(function)}]}
        aws.cloudfront.Distribution("d", **{**DISTRIBUTION_BASE, "default_cache_behavior": behavior})
        return function

    return program


def test_an_edge_function_by_hand_can_be_right():
    assert run(associated()).warnings == []


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("E1", {"region": "eu-west-1"}),
        ("E1", {"region": None}),
        ("E2-PUBLISH", {"publish": None}),
        ("E3", {"runtime": "provided.al2023"}),
        ("E3", {"runtime": "java21"}),
        ("E4", {"package_type": "Image", "image_uri": "i", "s3_bucket": None, "s3_key": None}),
        ("E5", {"environment": {"variables": {"STAGE": "x"}}}),
        ("E6", {"layers": ["l"]}),
        ("E7", {"vpc_config": {"subnet_ids": ["s"], "security_group_ids": ["g"]}}),
        ("E8", {"dead_letter_config": {"target_arn": "a"}}),
        ("E9", {"tracing_config": {"mode": "Active"}}),
        ("E10", {"architectures": ["arm64"]}),
        ("E11", {"ephemeral_storage": {"size": 513}}),
        ("E14", {"source_kms_key_arn": "arn:aws:kms:us-east-1:123456789012:key/1"}),
        ("E-TIMEOUT", {"timeout": 31}),
    ],
)
def test_what_the_edge_does_not_take(rule, changed):
    assert broken(associated(**changed)) == [(rule, "aws:lambda/function:Function 'edge'")]


@pytest.mark.parametrize("rule", ["E-TIMEOUT-VIEWER", "E-MEMORY-VIEWER", "E3-LEAVING", "E19-TAGS"])
def test_what_documents_leave_open_at_the_edge(rule):
    doubtful = {"timeout": 6, "memory_size": 129, "runtime": "python3.10", "tags": {"a": "b"}}
    warnings = run(associated("viewer-request", **doubtful)).warnings
    assert [warning for warning in warnings if f"[{rule}]" in warning]


def test_only_a_version_can_be_associated():
    assert rules_of(associated(pick=lambda function: function.arn)) == ["E2-SOURCE"]


def test_the_role_of_an_edge_function_lets_both_services_in():
    def wrong():
        role = aws.iam.Role("only-lambda", assume_role_policy=trust("lambda.amazonaws.com"))
        associated(role=role.arn)()

    assert broken(wrong) == [("E15", "aws:iam/role:Role 'only-lambda'")]


def test_no_provisioned_concurrency_and_no_runtime_pin_at_the_edge():
    def program():
        function = associated()()
        aws.lambda_.ProvisionedConcurrencyConfig(
            "p", function_name=function.name, qualifier="1", provisioned_concurrent_executions=1
        )
        aws.lambda_.RuntimeManagementConfig("m", function_name=function.name, update_runtime_on="Manual")

    assert sorted(rules_of(program)) == ["E12", "E13"]


def behind(auth="AWS_IAM", actions=("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"), timeout=30):
    def program():
        function = by_hand(timeout=timeout)
        url = aws.lambda_.FunctionUrl("u", function_name=function.name, authorization_type=auth)
        access = aws.cloudfront.OriginAccessControl(
            "o", origin_access_control_origin_type="lambda", signing_behavior="always", signing_protocol="sigv4"
        )
        origin = {
            **DISTRIBUTION_BASE["origins"][0],
            "domain_name": url.function_url.apply(lambda known: known.split("/")[2]),
            "origin_access_control_id": access.id,
        }
        distribution = aws.cloudfront.Distribution("d", **{**DISTRIBUTION_BASE, "origins": [origin]})
        for action in actions:
            aws.lambda_.Permission(
                action,
                action=action,
                function=function.name,
                principal="cloudfront.amazonaws.com",
                source_arn=distribution.arn,
            )

    return program


def test_a_signed_function_url_needs_both_permissions():
    assert run(behind()).warnings == []
    assert rules_of(behind(actions=("lambda:InvokeFunctionUrl",))) == ["CF-OAC-PERMISSIONS"]
    assert rules_of(behind(actions=())) == ["CF-OAC-PERMISSIONS"]


def test_a_signed_function_url_is_not_public():
    assert rules_of(behind(auth="NONE")) == ["CF-OAC-URL-AUTH"]


def test_a_function_that_outlasts_its_distribution_is_warned_of():
    (warning,) = run(behind(timeout=31)).warnings
    assert "30 for a function that may take 31" in warning


def test_roles_let_in_the_service_that_they_are_given_to():
    def program():
        other = aws.iam.Role("other", assume_role_policy=trust("ec2.amazonaws.com"))
        by_hand(role=other.arn)
        role = ram.Role("ram", assume_role_policy_document=trust("oss.aliyuncs.com", version="1"))
        fc.V3Function("fc", handler="h", runtime="custom.debian10", role=role.arn)
        fc_role = ram.Role("fc-role", assume_role_policy_document=trust("fc.aliyuncs.com", version="1"))
        fc.V3Trigger("t", function_name="f", qualifier="LATEST", trigger_type="oss", invocation_role=fc_role.arn)

    assert broken(program) == [
        ("LAMBDA-TRUST", "aws:iam/role:Role 'other'"),
        ("RAM-TRUST-FC", "alicloud:ram/role:Role 'ram'"),
        ("RAM-TRUST-OSS", "alicloud:ram/role:Role 'fc-role'"),
    ]


def test_certificates_and_code_are_in_the_region_that_looks_for_them():
    def program():
        certificate = aws.acm.Certificate("c", domain_name="a.example.com", validation_method="DNS")
        viewer = {"acm_certificate_arn": certificate.arn, "ssl_support_method": "sni-only"}
        aws.cloudfront.Distribution(
            "d", **{**DISTRIBUTION_BASE, "aliases": ["a.example.com"], "viewer_certificate": viewer}
        )
        bucket = aws.s3.Bucket("b", region="eu-west-1")
        by_hand(s3_bucket=bucket.bucket)

    assert rules_of(program) == ["ACM-EDGE-REGION", "LAMBDA-CODE-REGION"]
