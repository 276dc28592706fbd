"""EdgeTrigger under Pulumi's mocks: exact children, inputs and options on each event.

Does not prove that CloudFront takes the distribution, that its signature opens the URL, or that a destroy ends.
"""

from __future__ import annotations

import json

import pulumi
import pytest

from components.edge_trigger import EdgeTrigger
from components.validation import ProgramError
from tests.support.mocks import (
    AWS_ACCOUNT,
    DISTRIBUTION_DOMAIN,
    DISTRIBUTION_ID,
    OUTPUTS,
    UNKNOWN,
    deploy,
)

HOST = "a" * 32 + ".lambda-url.ap-northeast-1.on.aws"
ARGS = {
    "zip_path": "edge.zip",
    "handler": "handlers.edge.handler",
    "runtime": "python3.13",
    "function_name": "web-1a2b3c4",
    "function_url": f"https://{HOST}/",
}
CHILDREN = {
    "edge": "aws:lambda/function:Function",
    "edge-role": "aws:iam/role:Role",
    "edge-logs-policy": "aws:iam/rolePolicy:RolePolicy",
    "edge-access": "aws:cloudfront/originAccessControl:OriginAccessControl",
    "edge-distribution": "aws:cloudfront/distribution:Distribution",
    "edge-invoke-url": "aws:lambda/permission:Permission",
    "edge-invoke-function": "aws:lambda/permission:Permission",
}
VERSION_ARN = f"arn:aws:lambda:us-east-1:{AWS_ACCOUNT}:function:edge-1a2b3c4:1"
DISTRIBUTION_ARN = f"arn:aws:cloudfront::{AWS_ACCOUNT}:distribution/{DISTRIBUTION_ID}"
CERTIFICATE = f"arn:aws:acm:us-east-1:{AWS_ACCOUNT}:certificate/11111111-2222-3333-4444-555555555555"


def run(*, preview=False, **args):
    return deploy(lambda: EdgeTrigger("edge", {**ARGS, **args}), preview=preview)


@pytest.mark.parametrize("preview", [True, False])
def test_children_are_these_and_no_others(preview):
    assert run(preview=preview).children("edge") == CHILDREN


def test_exact_edge_function():
    deployment = run()
    function = deployment.named("edge", "lambda/function").inputs
    assert function.pop("code").path == "edge.zip"
    assert function == {
        "region": "us-east-1",
        "runtime": "python3.13",
        "handler": "handlers.edge.handler",
        "role": f"arn:aws:iam::{AWS_ACCOUNT}:role/edge-role-1a2b3c4",
        "memorySize": 128,
        "timeout": 5,
        "publish": True,
        "skipDestroy": True,
    }
    trust = json.loads(deployment.named("edge-role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]}
    (statement,) = json.loads(deployment.named("edge-logs-policy").inputs["policy"])["Statement"]
    assert statement["Resource"] == [
        f"arn:aws:logs:*:{AWS_ACCOUNT}:log-group:/aws/lambda/us-east-1.edge-1a2b3c4:*",
        f"arn:aws:logs:*:{AWS_ACCOUNT}:log-group:/aws/lambda/edge-1a2b3c4:*",
    ]


def test_exact_distribution():
    deployment = run(origin_timeout_s=60)
    assert deployment.named("edge-distribution").inputs == {
        "comment": "edge",
        "enabled": True,
        "isIpv6Enabled": True,
        "httpVersion": "http2and3",
        "origins": [
            {
                "originId": "function-url",
                "domainName": HOST,
                "originAccessControlId": "E3OACABCDEFGHI",
                "customOriginConfig": {
                    "httpPort": 80,
                    "httpsPort": 443,
                    "originProtocolPolicy": "https-only",
                    "originSslProtocols": ["TLSv1.2"],
                    "originReadTimeout": 60,
                },
            }
        ],
        "defaultCacheBehavior": {
            "targetOriginId": "function-url",
            "viewerProtocolPolicy": "redirect-to-https",
            "allowedMethods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
            "cachedMethods": ["GET", "HEAD"],
            "compress": True,
            "cachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            "originRequestPolicyId": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
            "responseHeadersPolicyId": "67f7725c-6f97-4210-82d7-5512b31e9d03",
            "lambdaFunctionAssociations": [
                {"eventType": "origin-request", "lambdaArn": VERSION_ARN, "includeBody": True}
            ],
        },
        "restrictions": {"geoRestriction": {"restrictionType": "none"}},
        "viewerCertificate": {"cloudfrontDefaultCertificate": True},
    }
    assert deployment.named("edge-access").inputs == {
        "originAccessControlOriginType": "lambda",
        "signingBehavior": "always",
        "signingProtocol": "sigv4",
    }


def test_both_permissions_are_for_this_distribution_alone():
    deployment = run()
    common = {
        "function": "web-1a2b3c4",
        "principal": "cloudfront.amazonaws.com",
        "sourceArn": DISTRIBUTION_ARN,
    }
    assert deployment.named("edge-invoke-url").inputs == {
        **common,
        "action": "lambda:InvokeFunctionUrl",
        "functionUrlAuthType": "AWS_IAM",
    }
    assert deployment.named("edge-invoke-function").inputs == {
        **common,
        "action": "lambda:InvokeFunction",
        "invokedViaFunctionUrl": True,
    }


@pytest.mark.parametrize("event", ["viewer-request", "origin-response", "viewer-response"])
def test_another_event_is_added_to_origin_request_and_gets_no_body(event):
    behavior = run(event=event).named("edge-distribution").inputs["defaultCacheBehavior"]
    assert behavior["lambdaFunctionAssociations"] == [
        {"eventType": "origin-request", "lambdaArn": VERSION_ARN, "includeBody": True},
        {"eventType": event, "lambdaArn": VERSION_ARN, "includeBody": False},
    ]


def test_a_domain_of_ones_own_raises_the_tls_version():
    inputs = run(domain_name="www.example.com", certificate_arn=CERTIFICATE).named("edge-distribution").inputs
    assert inputs["aliases"] == ["www.example.com"]
    assert inputs["viewerCertificate"] == {
        "acmCertificateArn": CERTIFICATE,
        "sslSupportMethod": "sni-only",
        "minimumProtocolVersion": "TLSv1.2_2021",
    }


def test_a_preview_leaves_open_what_the_cloud_decides():
    deployment = run(preview=True)
    behavior = deployment.named("edge-distribution").inputs["defaultCacheBehavior"]
    assert isinstance(behavior["lambdaFunctionAssociations"][0]["lambdaArn"], UNKNOWN)
    assert isinstance(deployment.named("edge-invoke-url").inputs["sourceArn"], UNKNOWN)


def test_outputs():
    seen: dict[str, str] = {}

    def program():
        edge = EdgeTrigger("edge", ARGS)
        return pulumi.Output.all(
            url=edge.url,
            domain=edge.domain,
            id=edge.distribution_id,
            arn=edge.distribution_arn,
            version=edge.edge_version_arn,
        ).apply(seen.update)

    deploy(program)
    assert seen == {
        "url": f"https://{DISTRIBUTION_DOMAIN}/",
        "domain": DISTRIBUTION_DOMAIN,
        "id": DISTRIBUTION_ID,
        "arn": DISTRIBUTION_ARN,
        "version": VERSION_ARN,
    }


FINDINGS = [
    ({"runtime": "provided.al2023"}, ["E3"]),
    ({"event": "origin-reply"}, ["E-EVENT"]),
    ({"timeout_s": 31}, ["E-TIMEOUT"]),
    ({"memory_mb": 127}, ["E-MEMORY"]),
    ({"handler": "edge"}, ["E-HANDLER"]),
    ({"zip_path": "absent.zip"}, ["ZIP-READABLE"]),
    ({"origin_timeout_s": 121}, ["CF-ORIGIN-TIMEOUT"]),
    ({"function_url": "https://example.com/"}, ["CF-FUNCTION-URL"]),
    ({"domain_name": "www.example.com"}, ["CF-DOMAIN-CERTIFICATE"]),
    ({"domain_name": "https://example.com", "certificate_arn": CERTIFICATE}, ["CF-DOMAIN"]),
    ({"certificate_arn": CERTIFICATE}, ["CF-CERTIFICATE-DOMAIN"]),
    (
        {"domain_name": "www.example.com", "certificate_arn": CERTIFICATE.replace("us-east-1", "eu-west-1")},
        ["CF-CERTIFICATE-REGION"],
    ),
]


@pytest.mark.parametrize(("args", "rules"), FINDINGS)
def test_a_wrong_value_is_refused(args, rules):
    with pytest.raises(ProgramError) as refused:
        run(**args)
    assert [finding.rule for finding in refused.value.findings] == rules
    assert all(finding.component == "EdgeTrigger 'edge'" for finding in refused.value.findings)


@pytest.mark.parametrize(
    ("args", "rule"),
    [
        ({"event": "viewer-request", "memory_mb": 129}, "E-MEMORY-VIEWER"),
        ({"event": "viewer-response", "timeout_s": 6}, "E-TIMEOUT-VIEWER"),
        ({"runtime": "python3.10"}, "E3-LEAVING"),
    ],
)
def test_what_documents_disagree_on_is_a_warning(args, rule):
    deployment = run(**args)
    assert len(deployment.warnings) == 1
    assert f"[{rule}]" in deployment.warnings[0]
    assert deployment.children("edge") == CHILDREN


def test_defaults_warn_of_nothing_on_any_event():
    for event in ("viewer-request", "origin-request", "origin-response", "viewer-response"):
        assert run(event=event).warnings == []


def test_a_function_without_a_version_never_reaches_the_distribution(monkeypatch):
    token = "aws:lambda/function:Function"
    unversioned = f"arn:aws:lambda:us-east-1:{AWS_ACCOUNT}:function:edge:$LATEST"
    monkeypatch.setitem(OUTPUTS, token, lambda _: {"arn": unversioned.rpartition(":")[0], "qualifiedArn": unversioned})
    with pytest.raises(ProgramError, match=r"\[E2\]"):
        run()


def test_a_url_from_elsewhere_is_refused_when_it_is_known():
    def program():
        EdgeTrigger("edge", {**ARGS, "function_url": pulumi.Output.from_input("https://example.com/")})

    with pytest.raises(ProgramError, match="CF-FUNCTION-URL"):
        deploy(program)
