"""FcWebFunction under Pulumi's mocks: exact children, inputs and options, and what its arguments may be.

Does not prove that Alibaba Cloud takes the values, that names are free, or that the function starts.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.fc_function import FcWebFunction, cpu_for
from components.validation import ProgramError
from rules.fc import TABLE
from rules.rule import check
from tests.support.mocks import ALIBABA_ACCOUNT, deploy
from tests.support.zips import write_function_zip

ARGS = {
    "zip_path": "function.zip",
    "handler": "handlers.hello.handler",
    "region": "cn-hongkong",
    "resource_name": "isthmus-test",
    "bucket_name": "isthmus-test-code",
    "log_project_name": "isthmus-test-log",
}
CHILDREN = {
    "web": "alicloud:fc/v3Function:V3Function",
    "web-http": "alicloud:fc/v3Trigger:V3Trigger",
    "web-code": "alicloud:oss/bucket:Bucket",
    "web-code-block": "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "web-code-zip": "alicloud:oss/bucketObject:BucketObject",
    "web-role": "alicloud:ram/role:Role",
    "web-policy": "alicloud:ram/policy:Policy",
    "web-grant": "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment",
    "web-log": "alicloud:log/project:Project",
    "web-logstore": "alicloud:log/store:Store",
    "web-log-index": "alicloud:log/storeIndex:StoreIndex",
}


def run(*, preview=False, **args):
    return deploy(lambda: FcWebFunction("web", {**ARGS, **args}), preview=preview)


def code_key():
    return f"code/{hashlib.sha256(Path('function.zip').read_bytes()).hexdigest()}.zip"


@pytest.mark.parametrize("preview", [True, False])
def test_children_are_these_and_no_others(preview):
    assert run(preview=preview).children("web") == CHILDREN


def test_exact_function():
    assert run().named("web", "v3Function").inputs == {
        "functionName": "isthmus-test",
        "runtime": "custom.debian10",
        "handler": "handlers.hello.handler",
        "code": {"ossBucketName": "isthmus-test-code", "ossObjectName": code_key()},
        "role": f"acs:ram::{ALIBABA_ACCOUNT}:role/isthmus-test-fc",
        "memorySize": 512,
        "cpu": 0.25,
        "diskSize": 512,
        "timeout": 30,
        "instanceConcurrency": 20,
        "customRuntimeConfig": {"commands": ["/code/bootstrap"], "port": 9000},
        "instanceLifecycleConfig": {
            "initializer": {"handler": "initialize", "timeout": 30},
            "preStop": {"handler": "pre-stop", "timeout": 10},
        },
        "logConfig": {
            "project": "isthmus-test-log",
            "logstore": "function",
            "enableRequestMetrics": True,
            "enableInstanceMetrics": True,
            "logBeginRule": "None",
        },
    }


def test_a_health_check_reaches_the_cloud_and_the_runtime():
    def program():
        given = {
            "health_path": "/healthz", "health_initial_delay_s": 0, "health_period_s": 120, "health_timeout_s": 3,
            "health_failure_threshold": 120, "health_success_threshold": pulumi.Output.from_input(2),
        }  # fmt: skip
        FcWebFunction("web", {**ARGS, **given, "environment": {"STAGE": "test"}})

    inputs = deploy(program).named("web", "v3Function").inputs
    assert inputs["customRuntimeConfig"]["healthCheckConfig"] == {
        "httpGetUrl": "/healthz", "initialDelaySeconds": 0, "periodSeconds": 120, "timeoutSeconds": 3,
        "failureThreshold": 120, "successThreshold": 2,
    }  # fmt: skip
    assert inputs["environmentVariables"] == {"STAGE": "test", "ISTHMUS_HEALTH_PATH": "/healthz"}


def test_exact_trigger():
    inputs = run().named("web-http").inputs
    assert json.loads(inputs.pop("triggerConfig")) == {
        "authType": "function",
        "disableURLInternet": False,
        "methods": ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"],
    }
    assert inputs == {
        "functionName": "isthmus-test",
        "qualifier": "LATEST",
        "triggerName": "http",
        "triggerType": "http",
    }


def test_a_function_without_a_url():
    seen: list[str] = []
    deployment = deploy(lambda: FcWebFunction("web", {**ARGS, "http_trigger": False}).url.apply(seen.append))
    assert seen == [""]
    assert deployment.children("web") == {name: type_ for name, type_ in CHILDREN.items() if name != "web-http"}


def test_it_may_refresh_the_domains_that_are_named():
    policy = run(refresh_domains=["www.example.com"]).named("web-policy").inputs
    assert json.loads(policy["policyDocument"])["Statement"][1:] == [
        {
            "Effect": "Allow",
            "Action": ["cdn:RefreshObjectCaches"],
            "Resource": ["acs:cdn:*:*:domain/www.example.com"],
        }
    ]


def test_the_code_lies_in_a_private_bucket_under_its_digest():
    deployment = run()
    assert deployment.named("web-code").inputs == {"bucket": "isthmus-test-code"}
    assert deployment.named("web-code-block").inputs == {"bucket": "isthmus-test-code", "blockPublicAccess": True}
    assert deployment.named("web-code-zip").inputs == {
        "bucket": "isthmus-test-code",
        "key": code_key(),
        "source": "function.zip",
        "contentType": "application/zip",
    }
    assert "web-code-block" in deployment.named("web-code-zip").depends_on


def test_other_bytes_get_another_key():
    before = run().named("web-code-zip").inputs["key"]
    write_function_zip(Path("function.zip"), bootstrap=b"#!/bin/sh\nexec false\n")
    assert run().named("web-code-zip").inputs["key"] != before


def test_the_role_may_write_its_log_and_nothing_else():
    deployment = run()
    role = deployment.named("web-role").inputs
    assert role["roleName"] == "isthmus-test-fc"
    assert json.loads(role["assumeRolePolicyDocument"])["Statement"][0]["Principal"] == {"Service": ["fc.aliyuncs.com"]}
    policy = deployment.named("web-policy").inputs
    assert policy["policyName"] == "isthmus-test-fc"
    assert json.loads(policy["policyDocument"])["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["log:PostLogStoreLogs"],
            "Resource": ["acs:log:*:*:project/isthmus-test-log/logstore/function"],
        }
    ]
    assert deployment.named("web-grant").inputs == {
        "roleName": "isthmus-test-fc",
        "policyName": "isthmus-test-fc",
        "policyType": "Custom",
    }
    assert "web-grant" in deployment.named("web", "v3Function").depends_on


def test_exact_log():
    deployment = run(log_retention_days=7)
    assert deployment.named("web-log").inputs == {"projectName": "isthmus-test-log"}
    assert deployment.named("web-logstore").inputs == {
        "projectName": "isthmus-test-log",
        "logstoreName": "function",
        "retentionPeriod": 7,
    }
    index = deployment.named("web-log-index").inputs
    assert index["project"] == "isthmus-test-log"
    assert index["logstore"] == "function"
    assert " " in index["fullText"]["token"]


def test_given_arguments_reach_the_function():
    def program():
        FcWebFunction(
            "web",
            {
                **ARGS,
                "bucket_name": pulumi.Output.from_input("from-an-output"),
                "memory_mb": pulumi.Output.from_input(4096),
                "cpu": 4,
                "concurrency": 1,
                "auth": "anonymous",
                "environment": {"STAGE": "test"},
                "read_prefixes": ["sources/new/"],
                "write_prefixes": [pulumi.Output.concat("site", "/")],
            },
        )

    deployment = deploy(program)
    inputs = deployment.named("web", "v3Function").inputs
    assert inputs["memorySize"] == 4096
    assert inputs["cpu"] == 4
    assert inputs["instanceConcurrency"] == 1
    assert inputs["environmentVariables"] == {"STAGE": "test"}
    assert inputs["code"]["ossBucketName"] == "from-an-output"
    assert json.loads(deployment.named("web-http").inputs["triggerConfig"])["authType"] == "anonymous"
    statements = json.loads(deployment.named("web-policy").inputs["policyDocument"])["Statement"]
    assert [statement["Action"][0] for statement in statements] == [
        "log:PostLogStoreLogs",
        "oss:ListObjects",
        "oss:ListObjects",
        "oss:GetObject",
        "oss:AbortMultipartUpload",
    ]


def test_outputs():
    seen: dict[str, str] = {}

    def program():
        function = FcWebFunction("web", ARGS)
        return pulumi.Output.all(
            name=function.function_name,
            arn=function.function_arn,
            url=function.url,
            role=function.role_arn,
            log=function.log_project_name,
        ).apply(seen.update)

    deploy(program)
    assert seen == {
        "name": "isthmus-test",
        "arn": f"acs:fc:cn-hongkong:{ALIBABA_ACCOUNT}:functions/isthmus-test",
        "url": "https://isthmus-test-abcdefghij.cn-hongkong.fcapp.run",
        "role": f"acs:ram::{ALIBABA_ACCOUNT}:role/isthmus-test-fc",
        "log": "isthmus-test-log",
    }


FINDINGS = [
    ({"memory_mb": 500}, ["FC-MEMORY"]),
    ({"cpu": 1}, ["FC-CPU"]),
    ({"timeout_s": 86_401}, ["FC-TIMEOUT"]),
    ({"disk_mb": 1024}, ["FC-DISK"]),
    ({"http_trigger": "no"}, ["ARGUMENT-TYPE"]),
    ({"concurrency": 201}, ["FC-CONCURRENCY"]),
    ({"initializer_timeout_s": 301}, ["FC-INITIALIZER"]),
    ({"pre_stop_timeout_s": 91}, ["FC-PRE-STOP"]),
    ({"auth": "jwt"}, ["FC-AUTH"]),
    ({"health_path": "healthz"}, ["FC-HEALTH-PATH"]),
    ({"health_path": "/invoke"}, ["FC-HEALTH-LIFE-CYCLE"]),
    ({"health_path": "/", "health_initial_delay_s": 121}, ["FC-HEALTH-DELAY"]),
    ({"health_path": "/", "health_period_s": 0}, ["FC-HEALTH-PERIOD"]),
    ({"health_path": "/", "health_timeout_s": 4}, ["FC-HEALTH-TIMEOUT"]),
    ({"health_path": "/", "health_failure_threshold": 0}, ["FC-HEALTH-FAILURES"]),
    ({"health_path": "/", "health_success_threshold": 121}, ["FC-HEALTH-SUCCESSES"]),
    ({"health_period_s": 5}, ["FC-HEALTH-UNUSED"]),
    ({"log_retention_days": 0}, ["FC-LOG-RETENTION"]),
    ({"region": "cn-guangzhou"}, ["FC-REGION"]),
    ({"resource_name": "Isthmus"}, ["RAM-NAME"]),
    ({"bucket_name": "my_bucket"}, ["OSS-BUCKET-NAME"]),
    ({"log_project_name": "-x"}, ["FC-LOG-PROJECT"]),
    ({"read_prefixes": ["*"]}, ["RAM-OSS-PREFIX"]),
    ({"write_prefixes": "bucket/"}, ["ARGUMENT-TYPE"]),
    ({"environment": {"FC_REGION": "x"}}, ["FC-ENV-RESERVED"]),
    ({"handler": "hello"}, ["FC-HANDLER"]),
    ({"zip_path": "absent.zip"}, ["ZIP-READABLE"]),
    ({"auth": "jwt", "concurrency": 0}, ["FC-CONCURRENCY", "FC-AUTH"]),
]


@pytest.mark.parametrize(("args", "rules"), FINDINGS)
def test_a_wrong_value_is_refused(args, rules):
    with pytest.raises(ProgramError) as refused:
        run(**args)
    assert [finding.rule for finding in refused.value.findings] == rules
    assert all(finding.component == "FcWebFunction 'web'" for finding in refused.value.findings)


def test_a_zip_for_another_architecture_is_refused():
    write_function_zip(Path("function.zip"), architecture="arm64")
    with pytest.raises(ProgramError, match="FC-ZIP-ARCHITECTURE"):
        run()


def test_memory_and_cpu_are_held_against_each_other_once_both_are_known():
    def program():
        FcWebFunction("web", {**ARGS, "memory_mb": pulumi.Output.from_input(512), "cpu": 1})

    with pytest.raises(ProgramError, match="FC-CPU"):
        deploy(program)


@given(st.integers(2, 512).map(lambda steps: steps * 64))
def test_every_accepted_memory_size_gets_an_accepted_cpu(memory_mb):
    assert check(TABLE, {"memory_mb": memory_mb, "cpu": cpu_for(memory_mb)}, "x").errors == ()
