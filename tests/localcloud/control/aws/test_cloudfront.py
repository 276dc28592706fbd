"""CloudFront: real shapes, which functions of the edge it takes, refusals in AWS's words.

Does not prove that AWS itself says the same.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.localcloud.control.aws.resources import confirm, function, role
from tests.localcloud.control.client import Client, Deployed, refused

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
CONTROL = "aws:cloudfront/originAccessControl:OriginAccessControl"


def edge(aws: Client, name: str = "edge", /, **more: Any) -> Deployed:
    arn = (
        more.pop("role", None)
        or role(aws, f"{name}-role", "lambda.amazonaws.com", "edgelambda.amazonaws.com").outputs["arn"]
    )
    return function(aws, name, **{"role": arn, "region": "us-east-1", "runtime": "python3.13", **more})


def distribution(*associations: dict[str, Any], **more: Any) -> dict[str, Any]:
    behavior = {
        "targetOriginId": "a",
        "viewerProtocolPolicy": "https-only",
        "allowedMethods": ["GET", "HEAD"],
        "cachedMethods": ["GET", "HEAD"],
        "cachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "lambdaFunctionAssociations": list(associations),
    }
    return {
        "enabled": True,
        "origins": [{"originId": "a", "domainName": "b.s3.ap-northeast-1.amazonaws.com", **more.pop("origin", {})}],
        "defaultCacheBehavior": {**behavior, **more.pop("behavior", {})},
        "restrictions": {"geoRestriction": {"restrictionType": "none"}},
        "viewerCertificate": {"cloudfrontDefaultCertificate": True},
        **more,
    }


def on(made: Deployed, arn: str | None = None, event: str = "origin-request", **more: Any) -> dict[str, Any]:
    return {"eventType": event, "lambdaArn": arn or made.outputs["qualifiedArn"], **more}


class TestCloudFront:
    def test_a_distribution_has_the_real_shapes(self, aws: Client) -> None:
        made = aws.create(DISTRIBUTION, "d", distribution(on(edge(aws), includeBody=True)))
        assert re.fullmatch(r"E[A-Z0-9]{13}", made.id)
        assert made.outputs["arn"] == f"arn:aws:cloudfront::123456789012:distribution/{made.id}"
        assert re.fullmatch(r"d[a-z0-9]{13}\.cloudfront\.net", made.outputs["domainName"])
        assert made.outputs["hostedZoneId"] == "Z2FDTNDATAQYW2"
        assert made.outputs["status"] == "Deployed"
        updated = aws.update(made, distribution(comment="c"))
        assert updated.outputs["domainName"] == made.outputs["domainName"]
        assert updated.outputs["etag"] != made.outputs["etag"]

    @pytest.mark.parametrize(
        ("build", "words"),
        [
            (lambda aws: on(edge(aws, region="ap-northeast-1")), "The function must be in region 'us-east-1'"),
            (lambda aws: on(e := edge(aws), e.outputs["arn"]), "must reference a specific function version"),
            (
                lambda aws: on(e := edge(aws), e.outputs["arn"] + ":$LATEST"),
                "must reference a specific function version",
            ),
            (
                lambda aws: on(e := edge(aws), e.outputs["arn"] + ":9"),
                "lambda:GetFunction for resource: .*:9 and try again",
            ),
            (lambda aws: on(edge(aws, runtime="provided.al2023")), "invalid runtime: provided.al2023"),
            (lambda aws: on(edge(aws, environment={"variables": {"AB": "1"}})), "cannot have environment variables"),
            (lambda aws: on(edge(aws, layers=["arn:aws:lambda:x"])), "cannot have a layer"),
            (lambda aws: on(edge(aws, timeout=31)), "timeout is larger than the maximum .*: 31 Max allowed: 30"),
            (lambda aws: on(edge(aws, architectures=["arm64"])), "cannot have the arm64 architecture"),
            (
                lambda aws: on(edge(aws, role=role(aws).outputs["arn"])),
                "must be assumable with edgelambda.amazonaws.com as well as lambda.amazonaws.com",
            ),
            (lambda aws: on(edge(aws), event="viewer-response", includeBody=True), "IncludeBody is only allowed"),
        ],
    )
    def test_an_edge_function_must_fit(self, aws: Client, build: Any, words: str) -> None:
        with refused(f"CreateDistribution.*InvalidLambdaFunctionAssociation: .*{words}"):
            aws.create(DISTRIBUTION, "d", distribution(build(aws)))

    def test_an_event_has_one_function(self, aws: Client) -> None:
        made = edge(aws)
        with refused("at most one edge function association"):
            aws.create(DISTRIBUTION, "d", distribution(on(made), on(made)))
        mixed = {"functionAssociations": [{"eventType": "viewer-request", "functionArn": "arn:x"}]}
        with refused("cannot be combined in viewer events"):
            aws.create(DISTRIBUTION, "d", distribution(on(made, event="viewer-response"), behavior=mixed))

    @pytest.mark.parametrize(
        ("inputs", "words"),
        [
            (distribution(behavior={"targetOriginId": "z"}), "NoSuchOrigin"),
            (distribution(behavior={"cachePolicyId": "none"}), "NoSuchCachePolicy"),
            (distribution(behavior={"responseHeadersPolicyId": "none"}), "NoSuchResponseHeadersPolicy"),
            (distribution(behavior={"cachePolicyId": ""}), "The parameter ForwardedValues is required"),
            (distribution(behavior={"allowedMethods": ["GET", "POST"]}), "The parameter AllowedMethods"),
            (distribution(origin={"originAccessControlId": "none"}), "NoSuchOriginAccessControl"),
            (distribution(origin={"domainName": "example.com"}), "does not refer to a valid S3 bucket"),
            (distribution(origin={"domainName": "https://x"}), "cannot contain a colon"),
            (distribution(defaultRootObject="/index.html"), "InvalidDefaultRootObject"),
            (distribution(aliases=["www.example.com"]), "you must attach a trusted certificate"),
            (
                distribution(viewerCertificate={"acmCertificateArn": "arn:aws:acm:eu-west-1:1:c"}),
                "isn't in us-east-1 region",
            ),
        ],
    )
    def test_what_cloudfront_does_not_take_is_refused(self, aws: Client, inputs: dict[str, Any], words: str) -> None:
        with refused(words):
            aws.create(DISTRIBUTION, "d", inputs)

    def test_an_access_control_for_lambda_needs_a_function_url(self, aws: Client) -> None:
        wanted = {"originAccessControlOriginType": "lambda", "signingBehavior": "always", "signingProtocol": "sigv4"}
        control = aws.create(CONTROL, "c", wanted)
        assert control.inputs["description"] == "Managed by Pulumi"
        with refused("does not refer to a valid Lambda function URL"):
            aws.create(DISTRIBUTION, "d", distribution(origin={"originAccessControlId": control.id}))
        host = {"domainName": "abc.lambda-url.ap-northeast-1.on.aws", "originAccessControlId": control.id}
        confirm(aws, made := aws.create(DISTRIBUTION, "d", distribution(origin=host)))
        with refused("OriginAccessControlInUse: Cannot delete the origin access control because it's in use"):
            aws.delete(control)
        aws.delete(made)
        aws.delete(control)

    def test_a_policy_in_use_stays_and_names_are_unique(self, aws: Client) -> None:
        type_ = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
        headers = {"securityHeadersConfig": {"contentTypeOptions": {"override": True}}, "name": "secure"}
        policy = aws.create(type_, "h", headers)
        with refused("ResponseHeadersPolicyAlreadyExists: A response headers policy with this name already exists"):
            aws.create(type_, "i", headers)
        confirm(aws, aws.create(DISTRIBUTION, "d", distribution(behavior={"responseHeadersPolicyId": policy.id})))
        with refused("ResponseHeadersPolicyInUse: Cannot delete the response headers policy because it is attached"):
            aws.delete(policy)
        assert "one of `corsConfig," in aws.reasons(type_, {"name": "empty"})

    def test_an_associated_edge_function_stays_until_it_is_let_go(self, aws: Client) -> None:
        made = edge(aws)
        cdn = aws.create(DISTRIBUTION, "d", distribution(on(made)))
        with refused(f"Lambda was unable to delete {made.outputs['qualifiedArn']} because it is a replicated function"):
            aws.delete(made)
        aws.delete(cdn)
        aws.delete(made)
