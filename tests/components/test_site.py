"""SiteBuild under Pulumi's mocks: exact children, inputs and options, and what its arguments may be.

Does not prove that OSS reports an upload, that the function builds anything, or that its role is enough for that.
"""

from __future__ import annotations

import json

import pulumi
import pytest

from components.site import SiteBuild
from components.validation import ProgramError
from tests.support.mocks import ALIBABA_ACCOUNT, deploy

ARGS = {
    "zip_path": "function.zip",
    "handler": "handlers.site_build.handler",
    "region": "cn-hongkong",
    "resource_name": "isthmus-build",
    "code_bucket_name": "isthmus-build-code",
    "source_bucket_name": "isthmus-source",
    "log_project_name": "isthmus-build-log",
    "site_bucket_name": "isthmus-site",
    "domain_name": "www.example.com",
    "site_url": "https://www.example.com/",
}
FUNCTION_ARN = f"acs:fc:cn-hongkong:{ALIBABA_ACCOUNT}:functions/isthmus-build"
NAME = "build"
SIZES = {"memory_mb": 8192, "timeout_s": 60}
CHILDREN = {
    "build": "isthmus:index:FcWebFunction",
    "build-source": "alicloud:oss/bucket:Bucket",
    "build-source-block": "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "build-once": "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig",
    "build-upload": "alicloud:fc/v3Trigger:V3Trigger",
    "build-upload-role": "alicloud:ram/role:Role",
    "build-upload-policy": "alicloud:ram/policy:Policy",
    "build-upload-grant": "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment",
}


def run(*, preview=False, **args):
    return deploy(lambda: SiteBuild(NAME, {**ARGS, **args}), preview=preview)


@pytest.mark.parametrize("preview", [True, False])
def test_children_are_these_and_no_others(preview):
    below = f"isthmus:index:SiteBuild::{NAME}"
    children = [each for each in run(preview=preview).resources if each.request.parent.endswith(below)]
    assert {each.name: each.type for each in children} == CHILDREN


def test_a_build_has_no_url():
    assert [each.name for each in run().of_type("alicloud:fc/v3Trigger:V3Trigger")] == ["build-upload"]


def test_the_function_builds_one_project_at_a_time_on_a_large_disk():
    inputs = run().named("build", "v3Function").inputs
    assert inputs["handler"] == "handlers.site_build.handler"
    assert inputs["instanceConcurrency"] == 1
    assert inputs["diskSize"] == 10_240
    assert inputs["memorySize"] == 4096
    assert inputs["cpu"] == 2
    assert inputs["timeout"] == 900
    assert inputs["environmentVariables"] == {
        "PATH": "/var/fc/lang/nodejs20/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin:/opt/bin",
        "SITE_BUCKET": "isthmus-site",
        "SITE_PREFIX": "",
        "SITE_URL": "https://www.example.com/",
        "SITE_PRUNE": "false",
    }


def test_given_arguments_reach_the_function():
    def program():
        SiteBuild(NAME, {**ARGS, "site_prefix": pulumi.Output.from_input("docs/"), "prune": True, **SIZES})

    inputs = deploy(program).named("build", "v3Function").inputs
    assert inputs["environmentVariables"]["SITE_PREFIX"] == "docs/"
    assert inputs["environmentVariables"]["SITE_PRUNE"] == "true"
    assert (inputs["memorySize"], inputs["timeout"]) == (8192, 60)


def test_it_may_read_projects_write_the_site_and_refresh_its_domain():
    (policy,) = [
        each.inputs
        for each in run(site_prefix="docs/").of_type("alicloud:ram/policy:Policy")
        if each.name == "build-policy"
    ]
    statements = json.loads(policy["policyDocument"])["Statement"][1:]
    assert [(statement["Action"], statement["Resource"]) for statement in statements] == [
        (["oss:ListObjects"], ["acs:oss:*:*:isthmus-site"]),
        (["oss:ListObjects"], ["acs:oss:*:*:isthmus-source"]),
        (["oss:GetObject"], ["acs:oss:*:*:isthmus-source/projects/*"]),
        (
            ["oss:AbortMultipartUpload", "oss:DeleteObject", "oss:GetObject", "oss:ListParts", "oss:PutObject"],
            ["acs:oss:*:*:isthmus-site/docs/*"],
        ),
        (["cdn:RefreshObjectCaches"], ["acs:cdn:*:*:domain/www.example.com"]),
    ]
    listed = [statement["Condition"]["StringLike"]["oss:Prefix"] for statement in statements[:2]]
    assert listed == [["docs/*"], ["projects/*"]]


def test_each_finished_upload_below_the_prefix_starts_a_build():
    deployment = run()
    trigger = deployment.named("build-upload", "v3Trigger")
    inputs = dict(trigger.inputs)
    assert json.loads(inputs.pop("triggerConfig")) == {
        "events": [
            "oss:ObjectCreated:PutObject",
            "oss:ObjectCreated:PostObject",
            "oss:ObjectCreated:CompleteMultipartUpload",
        ],
        "filter": {"key": {"prefix": "projects/", "suffix": ""}},
    }
    assert inputs == {
        "functionName": "isthmus-build",
        "qualifier": "LATEST",
        "triggerName": "upload",
        "triggerType": "oss",
        "sourceArn": f"acs:oss:cn-hongkong:{ALIBABA_ACCOUNT}:isthmus-source",
        "invocationRole": f"acs:ram::{ALIBABA_ACCOUNT}:role/isthmus-build-upload",
    }
    assert {"build-upload-grant", "build-once"} <= set(trigger.depends_on)


def test_oss_may_invoke_this_function_and_nothing_else():
    deployment = run()
    role = deployment.named("build-upload-role").inputs
    (trusted,) = json.loads(role["assumeRolePolicyDocument"])["Statement"]
    assert trusted["Principal"] == {"Service": ["oss.aliyuncs.com"]}
    (statement,) = json.loads(deployment.named("build-upload-policy").inputs["policyDocument"])["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": ["fc:InvokeFunction"],
        "Resource": [FUNCTION_ARN, f"{FUNCTION_ARN}/*"],
    }


def test_a_failed_build_is_tried_once_more():
    assert run().named("build-once").inputs == {
        "functionName": "isthmus-build",
        "qualifier": "LATEST",
        "maxAsyncRetryAttempts": 1,
        "maxAsyncEventAgeInSeconds": 3600,
    }


@pytest.mark.parametrize("force", [True, False])
def test_the_source_bucket_is_private_and_kept_unless_asked(force):
    deployment = run(force_destroy=force)
    assert deployment.named("build-source").inputs == {"bucket": "isthmus-source", "forceDestroy": force}
    assert deployment.named("build-source-block").inputs["blockPublicAccess"] is True


def test_outputs():
    seen: dict[str, str] = {}

    def program():
        build = SiteBuild(NAME, {**ARGS, "source_prefix": "in/"})
        return pulumi.Output.all(
            name=build.function_name, bucket=build.source_bucket_name, prefix=build.source_prefix
        ).apply(seen.update)

    deploy(program)
    assert seen == {"name": "isthmus-build", "bucket": "isthmus-source", "prefix": "in/"}


@pytest.mark.parametrize(
    ("args", "rules"),
    [
        ({"source_prefix": ""}, ["SITE-SOURCE-PREFIX"]),
        ({"source_prefix": "/projects/"}, ["SITE-SOURCE-PREFIX"]),
        ({"source_prefix": "projects"}, ["SITE-SOURCE-PREFIX"]),
        ({"source_prefix": "*/"}, ["SITE-SOURCE-PREFIX"]),
        ({"site_prefix": "docs"}, ["SITE-PREFIX"]),
        ({"site_bucket_name": "isthmus-source"}, ["SITE-LOOP"]),
        ({"site_bucket_name": "isthmus-source", "site_prefix": "projects/out/"}, ["SITE-LOOP"]),
        ({"site_bucket_name": "isthmus-source", "site_prefix": "a/", "source_prefix": "a/b/"}, ["SITE-LOOP"]),
        ({"domain_name": "https://www.example.com"}, ["CDN-DOMAIN"]),
        ({"source_bucket_name": "my_bucket"}, ["OSS-BUCKET-NAME"]),
        ({"memory_mb": 100}, ["FC-MEMORY"]),
        ({"timeout_s": 86_401}, ["FC-TIMEOUT"]),
        ({"zip_path": "absent.zip"}, ["ZIP-READABLE"]),
        ({"prune": "yes"}, ["ARGUMENT-TYPE"]),
    ],
)
def test_a_wrong_value_is_refused(args, rules):
    with pytest.raises(ProgramError) as refused:
        run(**args)
    assert [finding.rule for finding in refused.value.findings] == rules
    assert {finding.component for finding in refused.value.findings} == {"SiteBuild 'build'"}


def test_a_loop_through_outputs_is_refused():
    def program():
        SiteBuild(NAME, {**ARGS, "site_bucket_name": pulumi.Output.from_input("isthmus-source")})

    with pytest.raises(ProgramError, match="SITE-LOOP"):
        deploy(program)


def test_one_bucket_with_two_folders_is_no_loop():
    run(site_bucket_name="isthmus-source", site_prefix="site/")
