"""LambdaCustomRuntime under Pulumi's mocks: exact children, inputs and options, and what its arguments may be.

Does not prove that AWS takes the values, that the engine orders the operations, or that the function starts.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest

from components.lambda_runtime import LambdaCustomRuntime
from components.validation import ProgramError
from tests.support.mocks import AWS_ACCOUNT, UNKNOWN, URL_ID, deploy
from tests.support.zips import write_function_zip

ARGS = {"zip_path": "function.zip", "handler": "handlers.hello.handler"}
CHILDREN = {
    "web": "aws:lambda/function:Function",
    "web-role": "aws:iam/role:Role",
    "web-logs": "aws:cloudwatch/logGroup:LogGroup",
    "web-logs-policy": "aws:iam/rolePolicy:RolePolicy",
    "web-url": "aws:lambda/functionUrl:FunctionUrl",
}


def run(*, preview=False, **args):
    def program():
        LambdaCustomRuntime("web", {**ARGS, **args})

    return deploy(program, preview=preview)


@pytest.mark.parametrize("preview", [True, False])
def test_children_are_these_and_no_others(preview):
    deployment = run(preview=preview)
    assert deployment.children("web") == CHILDREN
    assert [each.type for each in deployment.resources if not each.parent] == ["isthmus:index:LambdaCustomRuntime"]


def test_exact_inputs():
    deployment = run()
    function = deployment.named("web", "lambda/function")
    code = function.inputs.pop("code")
    assert isinstance(code, pulumi.FileArchive)
    assert code.path == "function.zip"
    assert function.inputs == {
        "runtime": "provided.al2023",
        "handler": "handlers.hello.handler",
        "role": f"arn:aws:iam::{AWS_ACCOUNT}:role/web-role-1a2b3c4",
        "architectures": ["x86_64"],
        "memorySize": 512,
        "timeout": 30,
        "loggingConfig": {"logFormat": "Text", "logGroup": "web-logs-1a2b3c4"},
    }
    assert deployment.named("web-logs").inputs == {"retentionInDays": 14}
    assert deployment.named("web-url").inputs == {
        "functionName": "web-1a2b3c4",
        "authorizationType": "AWS_IAM",
        "invokeMode": "BUFFERED",
    }
    policy = deployment.named("web-logs-policy").inputs
    assert policy["role"] == "web-role-1a2b3c4"
    assert json.loads(policy["policy"])["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"arn:aws:logs:ap-northeast-1:{AWS_ACCOUNT}:log-group:web-logs-1a2b3c4:*",
        }
    ]
    trust = json.loads(deployment.named("web-role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Service": ["lambda.amazonaws.com"]}


def test_the_function_waits_for_its_log_permission():
    deployment = run()
    assert "web-logs-policy" in deployment.named("web", "lambda/function").depends_on


def test_a_preview_leaves_open_what_the_cloud_decides():
    deployment = run(preview=True)
    assert isinstance(deployment.named("web", "lambda/function").inputs["role"], UNKNOWN)
    assert isinstance(deployment.named("web-logs-policy").inputs["policy"], UNKNOWN)


def test_given_arguments_reach_the_function():
    write_function_zip(Path("arm.zip"), architecture="arm64")

    def program():
        LambdaCustomRuntime(
            "web",
            {
                "zip_path": "arm.zip",
                "handler": pulumi.Output.from_input("handlers.hello.handler"),
                "memory_mb": 10_240,
                "timeout_s": pulumi.Output.from_input(900),
                "log_retention_days": 0,
                "environment": {"STAGE": pulumi.Output.from_input("test")},
            },
        )

    deployment = deploy(program)
    inputs = deployment.named("web", "lambda/function").inputs
    assert inputs["memorySize"] == 10_240
    assert inputs["timeout"] == 900
    assert inputs["environment"] == {"variables": {"STAGE": "test"}}
    assert inputs["architectures"] == ["arm64"]
    assert deployment.named("web-logs").inputs == {"retentionInDays": 0}


@pytest.mark.parametrize("given", [None, {"STAGE": pulumi.Output.from_input("test")}])
def test_a_url_that_streams_says_so_to_the_function(given):
    def program():
        environment = {} if given is None else {"environment": given}
        LambdaCustomRuntime("web", {**ARGS, "invoke_mode": "RESPONSE_STREAM", **environment})

    deployment = deploy(program)
    assert deployment.named("web-url").inputs["invokeMode"] == "RESPONSE_STREAM"
    expected = {"ISTHMUS_INVOKE_MODE": "RESPONSE_STREAM"} | ({} if given is None else {"STAGE": "test"})
    assert deployment.named("web", "lambda/function").inputs["environment"] == {"variables": expected}


def test_a_zip_above_50_mb_goes_through_a_versioned_bucket():
    with zipfile.ZipFile("function.zip", "a") as archive:
        archive.writestr("data", bytes(50 * 1024 * 1024))  # stored, not compressed
    deployment = run()
    assert deployment.children("web") == {
        **CHILDREN,
        "web-code": "aws:s3/bucket:Bucket",
        "web-code-block": "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "web-code-versions": "aws:s3/bucketVersioning:BucketVersioning",
        "web-code-zip": "aws:s3/bucketObjectv2:BucketObjectv2",
    }
    function = deployment.named("web", "lambda/function").inputs
    stored = deployment.named("web-code-zip")
    assert "code" not in function
    assert (function["s3Bucket"], function["s3Key"]) == (stored.inputs["bucket"], "function.zip")
    assert stored.inputs["source"].path == "function.zip"
    assert stored.inputs["sourceHash"] == hashlib.sha256(Path("function.zip").read_bytes()).hexdigest()
    assert deployment.named("web-code-versions").inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert {"web-code-block", "web-code-versions"} <= set(stored.depends_on)


def test_a_zip_of_50_mb_does_not(monkeypatch):
    monkeypatch.setattr("components.lambda_runtime.DIRECT_UPLOAD_BYTES", Path("function.zip").stat().st_size)
    assert run().children("web") == CHILDREN


def test_outputs():
    def program():
        component = LambdaCustomRuntime("web", ARGS)
        return pulumi.Output.all(
            name=component.function_name,
            arn=component.function_arn,
            url=component.function_url,
            role=component.role_name,
            log_group=component.log_group_name,
        ).apply(seen.update)

    seen: dict[str, str] = {}
    deploy(program)
    assert seen == {
        "name": "web-1a2b3c4",
        "arn": f"arn:aws:lambda:ap-northeast-1:{AWS_ACCOUNT}:function:web-1a2b3c4",
        "url": f"https://{URL_ID}.lambda-url.ap-northeast-1.on.aws/",
        "role": "web-role-1a2b3c4",
        "log_group": "web-logs-1a2b3c4",
    }


def test_the_callers_provider_and_protection_reach_every_child():
    def program():
        provider = aws.Provider("elsewhere", region="eu-central-1")
        LambdaCustomRuntime("web", ARGS, pulumi.ResourceOptions(provider=provider, protect=True))

    deployment = deploy(program)
    for name, type_ in CHILDREN.items():
        child = deployment.named(name, type_)
        assert "::elsewhere::" in child.request.provider
        assert child.request.protect


FINDINGS = [
    ({"memory_mb": 127}, "LAMBDA-MEMORY"),
    ({"memory_mb": "big"}, "ARGUMENT-TYPE"),
    ({"timeout_s": 901}, "LAMBDA-TIMEOUT"),
    ({"architecture": "arm64"}, "LAMBDA-ZIP-ARCHITECTURE"),
    ({"log_retention_days": 15}, "LAMBDA-LOG-RETENTION"),
    ({"invoke_mode": "STREAM"}, "LAMBDA-URL-MODE"),
    ({"handler": "hello"}, "LAMBDA-HANDLER"),
    ({"zip_path": "absent.zip"}, "ZIP-READABLE"),
    ({"zip_path": "/absent.zip"}, "ZIP-PATH"),
    ({"environment": {"AWS_REGION": "x"}}, "LAMBDA-ENV-RESERVED"),
    ({"environment": {"BIG": "x" * 4094}}, "LAMBDA-ENV-SIZE"),
    ({"memry_mb": 512}, "ARGUMENT-NAME"),
    ({"handler": None}, "ARGUMENT-MISSING"),
]


@pytest.mark.parametrize(("args", "rule"), FINDINGS)
def test_a_wrong_value_is_refused_before_anything_is_registered(args, rule):
    with pytest.raises(ProgramError) as refused:
        run(**args)
    assert rule in {finding.rule for finding in refused.value.findings}
    assert all(finding.component == "LambdaCustomRuntime 'web'" for finding in refused.value.findings)


def test_all_findings_are_raised_together():
    with pytest.raises(ProgramError) as refused:
        run(memory_mb=64, timeout_s=0, handler="hello", memry_mb=512)
    rules = [finding.rule for finding in refused.value.findings]
    assert rules == ["ARGUMENT-NAME", "LAMBDA-HANDLER", "LAMBDA-MEMORY", "LAMBDA-TIMEOUT"]
    assert str(refused.value).count("\n") == 3


@pytest.mark.parametrize(("value", "rule"), [(901, "LAMBDA-TIMEOUT"), ("soon", "ARGUMENT-TYPE")])
def test_an_output_is_checked_when_its_value_is_known(value, rule):
    def program():
        LambdaCustomRuntime("web", {**ARGS, "timeout_s": pulumi.Output.from_input(value)})

    with pytest.raises(ProgramError) as refused:
        deploy(program)
    assert [finding.rule for finding in refused.value.findings] == [rule]


def test_an_environments_values_do_not_appear_in_a_finding():
    with pytest.raises(ProgramError) as refused:
        run(environment={"AWS_SECRET_ACCESS_KEY": "hunter2", "x": "hunter2", "BIG": "hunter2" * 1000})
    assert len(refused.value.findings) == 3
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("bootstrap", "mode", "rule"),
    [
        (b"#!/bin/sh\n", 0o644, "ZIP-BOOTSTRAP"),
        (b"#!/bin/sh\r\n", 0o755, "ZIP-SHEBANG"),
        (b"exec python\n", 0o755, "ZIP-SHEBANG"),
    ],
)
def test_a_bootstrap_that_cannot_start_is_refused(bootstrap, mode, rule):
    write_function_zip(Path("function.zip"), bootstrap=bootstrap, mode=mode)
    with pytest.raises(ProgramError) as refused:
        run()
    assert [finding.rule for finding in refused.value.findings] == [rule]


def test_a_broken_zip_is_refused():
    Path("function.zip").write_bytes(b"not a zip")
    with pytest.raises(ProgramError, match="ZIP-READABLE"):
        run()
