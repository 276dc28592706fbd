"""What CloudFront refuses in a distribution, in its words.

Sources: Amazon CloudFront API Reference, errors of CreateDistribution; Amazon CloudFront Developer Guide,
"Restrictions on Lambda@Edge", "Restrictions on all edge functions", "Quotas", "Use managed cache policies" and the
pages on the managed origin request and response headers policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

from localcloud.control.aws.base import find_function, role_by_arn
from localcloud.control.kind import Cloud, CloudError, Given
from localcloud.policies import trusts
from localcloud.store import Resource

_ACCESS_CONTROL = "aws:cloudfront/originAccessControl:OriginAccessControl"
_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"

_MANAGED = {
    "cachePolicyId": {
        "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "b2884449-e4de-46a7-ac36-70bc7f1ddd6d", "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
        "4cc15a8a-d715-48a4-82b8-cc0b614638fe", "08627262-05a9-4f76-9ded-b50ca2e3a84f",
        "2e54312d-136d-493c-8eb9-b001f22f67d2", "1c6db51a-a33f-469a-8245-dae26771f530",
    },
    "originRequestPolicyId": {
        "b689b0a8-53d0-40ab-baf2-68738e2966ac", "216adef6-5c7f-47e4-b989-5492eafa07d3",
        "bf0718e1-ba1e-49d1-88b1-f726733018ae", "33f36d7e-f396-46d9-90e0-52428a34d9dc",
        "59781a5b-3903-41f3-afcb-af62929ccde1", "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
        "acba4595-bd28-49b8-b9fe-13317c0390fa", "775133bc-15f2-49f9-abea-afb2e0bf67d2",
    },
    "responseHeadersPolicyId": {
        "67f7725c-6f97-4210-82d7-5512b31e9d03", "e61eb60c-9c35-4d20-a928-2b84e02af89c",
        "60669652-455b-4ae9-85a4-c4c02393f86c", "5cc3b908-e619-4b99-88e5-2cf7f45965bd",
        "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
    },
}  # fmt: skip
_POLICIES = {
    "cachePolicyId": ("NoSuchCachePolicy", "cache policy", "aws:cloudfront/cachePolicy:CachePolicy"),
    "originRequestPolicyId": (
        "NoSuchOriginRequestPolicy",
        "origin request policy",
        "aws:cloudfront/originRequestPolicy:OriginRequestPolicy",
    ),
    "responseHeadersPolicyId": (
        "NoSuchResponseHeadersPolicy",
        "response headers policy",
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
    ),
}

_READS = ({"GET", "HEAD"}, {"GET", "HEAD", "OPTIONS"})
_ALL = {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
_URL_HOST = re.compile(r"[a-z0-9]+\.lambda-url\.[a-z0-9-]+\.on\.aws")
_S3_HOST = re.compile(r".+\.s3([.-][a-z0-9-]+)*\.amazonaws\.com(\.cn)?")
_EDGE_ARN = re.compile(
    r"arn:aws:lambda:(?P<region>[\w-]+):\d{12}:function:(?P<name>[\w-]+)(?::(?P<qualifier>[$\w-]+))?"
)
_EDGE_REGION = "us-east-1"
_EDGE_TIMEOUT_S = 30
_EDGE_STORAGE_MB = 512
_ORIGIN_SECONDS = 120


def check_distribution(cloud: Cloud, inputs: Given, own_id: str) -> None:
    """Raise CloudError for the first thing that CloudFront would refuse; `own_id` is empty for a new distribution."""
    for origin in inputs["origins"]:
        _check_origin(cloud, origin)
    targets = [place["originId"] for place in (*inputs["origins"], *inputs.get("originGroups", []))]
    if len(targets) != len(set(targets)):
        raise CloudError("InvalidArgument", "The parameter Origin Id must be unique in a distribution.")
    for behavior in behaviors(inputs):
        if behavior["targetOriginId"] not in targets:
            raise CloudError("NoSuchOrigin", "One or more of your origins or origin groups do not exist.", 404)
        _check_methods(behavior)
        _check_policies(cloud, behavior)
        _check_functions(behavior)
        for association in behavior.get("lambdaFunctionAssociations", []):
            _check_edge(cloud, association)
    _check_names(cloud, inputs, own_id)
    if inputs.get("defaultRootObject", "").startswith("/"):
        raise CloudError("InvalidDefaultRootObject", "The parameter DefaultRootObject must not begin with a slash.")


def behaviors(distribution: Given) -> Iterator[dict[str, Any]]:
    """The default cache behaviour and the ordered ones."""
    yield distribution.get("defaultCacheBehavior", {})
    yield from distribution.get("orderedCacheBehaviors", [])


def _check_origin(cloud: Cloud, origin: Given) -> None:
    host = origin["domainName"]
    if "/" in host or ":" in host:
        sentence = "The parameter origin name cannot contain a colon or a slash."
        raise CloudError("InvalidArgument", f"{sentence} DomainName: {host}")
    control = _access_control(cloud, origin)
    kind = control.properties["originAccessControlOriginType"] if control else ""
    if kind == "lambda" and not _URL_HOST.fullmatch(host):
        # Our own words after AWS's pattern for S3: its sentence for Lambda is in no document.
        sentence = f"The parameter Origin DomainName does not refer to a valid Lambda function URL. DomainName: {host}"
        raise CloudError("InvalidArgument", sentence)
    custom = origin.get("customOriginConfig")
    if not custom and not origin.get("vpcOriginConfig") and kind in ("", "s3") and not _S3_HOST.fullmatch(host):
        raise CloudError("InvalidArgument", "The parameter Origin DomainName does not refer to a valid S3 bucket.")
    for name, code in (
        ("originReadTimeout", "InvalidOriginReadTimeout"),
        ("originKeepaliveTimeout", "InvalidOriginKeepaliveTimeout"),
    ):
        if not 1 <= (custom or {}).get(name, 1) <= _ORIGIN_SECONDS:
            sentence = f"The {name} of origin {origin['originId']} must be between 1 and {_ORIGIN_SECONDS} seconds."
            raise CloudError(code, sentence)


def _access_control(cloud: Cloud, origin: Given) -> Resource | None:
    id_ = origin.get("originAccessControlId")
    control = cloud.store.get(_ACCESS_CONTROL, id_) if id_ else None
    if id_ and control is None:
        raise CloudError("NoSuchOriginAccessControl", "The specified origin access control does not exist.", 404)
    return control


def _check_methods(behavior: Given) -> None:
    allowed, cached = set(behavior["allowedMethods"]), set(behavior["cachedMethods"])
    if allowed not in (*_READS, _ALL):
        raise CloudError(
            "InvalidArgument", "The parameter AllowedMethods contains a set of methods that is not supported."
        )
    if cached not in _READS or not cached <= allowed:
        raise CloudError(
            "InvalidArgument", "The parameter CachedMethods contains a set of methods that is not supported."
        )


def _check_policies(cloud: Cloud, behavior: Given) -> None:
    forwarded, cache = behavior.get("forwardedValues"), behavior.get("cachePolicyId")
    if forwarded and cache:
        sentence = (
            "The parameter ForwardedValues cannot be used when a cache policy is associated to the cache behavior."
        )
        raise CloudError("InvalidArgument", sentence)
    if not forwarded and not cache:
        raise CloudError("InvalidArgument", "The parameter ForwardedValues is required.")
    for name, (code, words, type_) in _POLICIES.items():
        id_ = behavior.get(name)
        if id_ and id_ not in _MANAGED[name] and cloud.store.get(type_, id_) is None:
            raise CloudError(code, f"The specified {words} does not exist.", 404)


def _check_functions(behavior: Given) -> None:
    """One function an event, and not two kinds of functions on the viewer's side."""
    edge = [item["eventType"] for item in behavior.get("lambdaFunctionAssociations", [])]
    light = [item["eventType"] for item in behavior.get("functionAssociations", [])]
    for event in {*edge, *light}:
        if (edge + light).count(event) > 1:
            sentence = f"A cache behavior can have at most one edge function association for the event type {event}."
            raise CloudError("InvalidLambdaFunctionAssociation", sentence)
    if any(event.startswith("origin") for event in light):
        raise CloudError(
            "InvalidFunctionAssociation", "CloudFront Functions take viewer-request and viewer-response only."
        )
    if light and any(event.startswith("viewer") for event in edge):
        sentence = "CloudFront Functions and Lambda@Edge cannot be combined in viewer events of one cache behavior."
        raise CloudError("InvalidLambdaFunctionAssociation", sentence)


def _check_edge(cloud: Cloud, association: Given) -> None:
    arn = association["lambdaArn"]
    match = _EDGE_ARN.fullmatch(arn)
    if match is None or not (match["qualifier"] or "").isdigit():
        _refuse_edge(
            "The function ARN must reference a specific function version. "
            f"(The ARN must end with the version number.) ARN: {arn}"
        )
    if match["region"] != _EDGE_REGION:
        _refuse_edge(f"The function must be in region '{_EDGE_REGION}'. ARN: {arn}")
    if association.get("includeBody") and not association["eventType"].endswith("request"):
        _refuse_edge(
            f"IncludeBody is only allowed on viewer-request and origin-request, not {association['eventType']}."
        )
    function = find_function(cloud, match["name"], _EDGE_REGION)
    version = function.private["versions"].get(match["qualifier"]) if function else None
    if function is None or version is None:
        _refuse_edge(
            "Lambda@Edge cannot retrieve the specified Lambda function. Update the IAM policy to add permission: "
            f"lambda:GetFunction for resource: {arn} and try again."
        )
    _check_edge_version(version["properties"], arn)
    _check_edge_role(cloud, version["properties"]["role"])


def _check_edge_version(configured: Given, arn: str) -> None:
    runtime = configured.get("runtime", "")
    if not runtime.startswith(("python", "nodejs")):
        _refuse_edge(f"The function has an invalid runtime: {runtime}. Function: {arn}")
    has = {
        "environment variables": bool((configured.get("environment") or {}).get("variables")),
        "a layer": bool(configured.get("layers")),
        "a VPC configuration": bool((configured.get("vpcConfig") or {}).get("subnetIds")),
        "a dead letter queue": bool(configured.get("deadLetterConfig")),
        "the arm64 architecture": configured.get("architectures") == ["arm64"],
        "active tracing": (configured.get("tracingConfig") or {}).get("mode") == "Active",
    }
    for thing, present in has.items():
        if present:
            _refuse_edge(f"The function cannot have {thing}. Function: {arn}")
    largest = "is larger than the maximum allowed for functions that are triggered by a CloudFront event"
    timeout, storage = configured.get("timeout", 3), (configured.get("ephemeralStorage") or {}).get("size", 512)
    if timeout > _EDGE_TIMEOUT_S:
        _refuse_edge(f"The function timeout {largest}: {timeout} Max allowed: {_EDGE_TIMEOUT_S} Function: {arn}")
    if storage > _EDGE_STORAGE_MB:
        _refuse_edge(
            f"The function ephemeral storage {largest}: {storage} Max allowed: {_EDGE_STORAGE_MB} Function: {arn}"
        )


def _check_edge_role(cloud: Cloud, arn: str) -> None:
    role = role_by_arn(cloud, arn)
    document = role.properties.get("assumeRolePolicy") if role else None
    if not all(trusts(document, f"{service}.amazonaws.com") for service in ("lambda", "edgelambda")):
        _refuse_edge(
            "The function execution role must be assumable with edgelambda.amazonaws.com as well as "
            f"lambda.amazonaws.com principals. Update the IAM role and try again. Role: {arn}"
        )


def _refuse_edge(sentence: str) -> NoReturn:
    raise CloudError("InvalidLambdaFunctionAssociation", sentence)


def _check_names(cloud: Cloud, inputs: Given, own_id: str) -> None:
    aliases = set(inputs.get("aliases", []))
    certificate = inputs["viewerCertificate"]
    arn = certificate.get("acmCertificateArn")
    if arn and arn.split(":")[3:4] != [_EDGE_REGION]:
        sentence = (
            f"The specified SSL certificate doesn't exist, isn't in {_EDGE_REGION} region, isn't valid, or doesn't "
            "include a valid certificate chain."
        )
        raise CloudError("InvalidViewerCertificate", sentence)
    if aliases and not (arn or certificate.get("iamCertificateId")):
        sentence = (
            "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted "
            "certificate that validates your authorization to use the domain name."
        )
        raise CloudError("InvalidViewerCertificate", sentence)
    for other in cloud.store.list(_DISTRIBUTION):
        if other.id != own_id and aliases & set(other.properties.get("aliases", [])):
            sentence = "One or more of the CNAMEs you provided are already associated with a different resource."
            raise CloudError("CNAMEAlreadyExists", sentence, 409)
