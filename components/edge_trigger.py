"""CloudFront in front of a function URL, with a Lambda@Edge function on its events."""

from typing import Any, Final, NotRequired, TypedDict
from urllib.parse import urlsplit

import pulumi
from pulumi_aws import cloudfront, iam, lambda_

from components.constants import (
    ALL_METHODS,
    ALL_VIEWER_EXCEPT_HOST,
    CACHED_METHODS,
    CACHING_DISABLED,
    MINIMUM_TLS,
    SECURITY_HEADERS,
)
from components.package import edge_facts
from components.policies import edge_logs, edge_trust
from components.validation import checked, validate
from rules import cloudfront as cloudfront_rules
from rules import edge as edge_rules
from rules import edge_source
from rules.edge import ORIGIN_REQUEST

_DEFAULTS: Final = {"event": ORIGIN_REQUEST, "memory_mb": 128, "timeout_s": 5, "origin_timeout_s": 30}
_ORIGIN_ID: Final = "function-url"


class EdgeTriggerArgs(TypedDict):
    """Arguments of EdgeTrigger."""

    zip_path: str
    """A finished zip with the edge handler; the path is relative to the project."""
    handler: pulumi.Input[str]
    """What Lambda@Edge calls, `package.module.function`."""
    runtime: pulumi.Input[str]
    """A managed Node.js or Python runtime, such as python3.13; Lambda@Edge takes no custom one."""
    function_name: pulumi.Input[str]
    """Name or ARN of the function behind `function_url`, in the provider's Region."""
    function_url: pulumi.Input[str]
    """URL of the origin, `https://<url-id>.lambda-url.<region>.on.aws/`, with authorization type AWS_IAM."""
    event: NotRequired[str]
    """viewer-request, origin-request, origin-response or viewer-response. Defaults to origin-request."""
    memory_mb: NotRequired[pulumi.Input[int]]
    """Memory of the edge function in MB. Defaults to 128, which every event accepts."""
    timeout_s: NotRequired[pulumi.Input[int]]
    """Seconds that the edge function may take, 1 to 30. Defaults to 5, which every event accepts."""
    origin_timeout_s: NotRequired[pulumi.Input[int]]
    """Seconds that CloudFront waits for the function URL, 1 to 120; at least the function's timeout. Defaults to 30."""
    domain_name: NotRequired[pulumi.Input[str]]
    """A name of your own for the distribution, which `certificate_arn` covers. Point it to `domain`."""
    certificate_arn: NotRequired[pulumi.Input[str]]
    """ARN of an ACM certificate in us-east-1. With it viewers need TLS 1.2; CloudFront's own certificate, used without
    it, makes CloudFront accept TLS 1.0 whatever is asked of it."""


class EdgeTrigger(pulumi.ComponentResource):
    """A distribution that signs its requests to a function URL, and an edge function on one of its four events.

    The edge function is always associated with origin-request, with the body, since it is there that the body's digest
    is set without which Lambda refuses a signed POST or PUT; it also runs on `event` where that is another one.
    Nothing is cached, and every viewer header but Host reaches the function.

    On destroy the edge function is left behind: its replicas keep it from being deleted until hours after the
    distribution is gone. Its name is random, so a later deployment does not meet it.
    """

    url: pulumi.Output[str]
    """`https://<distribution>.cloudfront.net/`."""
    domain: pulumi.Output[str]
    """Domain name of the distribution, for a DNS alias."""
    distribution_id: pulumi.Output[str]
    """Id of the distribution."""
    distribution_arn: pulumi.Output[str]
    """ARN of the distribution."""
    edge_version_arn: pulumi.Output[str]
    """ARN of the edge function's published version in us-east-1."""

    def __init__(self, name: str, args: EdgeTriggerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        component = f"EdgeTrigger {name!r}"
        values = validate(
            component,
            EdgeTriggerArgs,
            args,
            (*edge_rules.TABLE, *edge_source.TABLE, *cloudfront_rules.TABLE),
            defaults=_DEFAULTS,
            derived={
                **edge_facts(args.get("zip_path"), args.get("handler")),
                "has_certificate": args.get("certificate_arn") is not None,
                "has_domain": args.get("domain_name") is not None,
            },
        )
        super().__init__("isthmus:index:EdgeTrigger", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)

        role = iam.Role(f"{name}-role", assume_role_policy=edge_trust(), opts=child)
        function = lambda_.Function(
            name,
            region=edge_rules.REGION,
            runtime=values["runtime"],
            handler=values["handler"],
            code=pulumi.FileArchive(values["zip_path"]),
            role=role.arn,
            memory_size=values["memory_mb"],
            timeout=values["timeout_s"],
            publish=True,
            skip_destroy=True,
            opts=child,
        )
        iam.RolePolicy(f"{name}-logs-policy", role=role.name, policy=function.arn.apply(edge_logs), opts=child)
        version_arn = checked(component, "edge_version_arn", function.qualified_arn, edge_rules.TABLE)

        access = cloudfront.OriginAccessControl(
            f"{name}-access",
            origin_access_control_origin_type="lambda",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=child,
        )
        distribution = cloudfront.Distribution(
            f"{name}-distribution",
            comment=name,
            enabled=True,
            is_ipv6_enabled=True,
            http_version="http2and3",
            aliases=[values["domain_name"]] if "domain_name" in values else None,
            origins=[_origin(values, access)],
            default_cache_behavior=_behavior(values["event"], version_arn),
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate=_certificate(values.get("certificate_arn")),
            opts=child,
        )
        self._let_in(name, values["function_name"], distribution)

        self.url = pulumi.Output.concat("https://", distribution.domain_name, "/")
        self.domain = distribution.domain_name
        self.distribution_id = distribution.id
        self.distribution_arn = distribution.arn
        self.edge_version_arn = version_arn
        self.register_outputs(
            {
                "url": self.url,
                "domain": self.domain,
                "distribution_id": self.distribution_id,
                "distribution_arn": self.distribution_arn,
                "edge_version_arn": self.edge_version_arn,
            }
        )

    def _let_in(self, name: str, function_name: pulumi.Input[str], distribution: cloudfront.Distribution) -> None:
        """Allow this distribution, and no other caller, to use the URL.

        A function URL needs both permissions since October 2025. Source: Lambda Developer Guide, Control access to
        Lambda function URLs.
        """
        child = pulumi.ResourceOptions(parent=self)
        lambda_.Permission(
            f"{name}-invoke-url",
            action="lambda:InvokeFunctionUrl",
            function=function_name,
            principal="cloudfront.amazonaws.com",
            source_arn=distribution.arn,
            function_url_auth_type="AWS_IAM",
            opts=child,
        )
        lambda_.Permission(
            f"{name}-invoke-function",
            action="lambda:InvokeFunction",
            function=function_name,
            principal="cloudfront.amazonaws.com",
            source_arn=distribution.arn,
            invoked_via_function_url=True,
            opts=child,
        )


def _origin(values: dict[str, Any], access: cloudfront.OriginAccessControl) -> cloudfront.DistributionOriginArgsDict:
    url = pulumi.Output.from_input(values["function_url"])
    return {
        "origin_id": _ORIGIN_ID,
        "domain_name": url.apply(lambda known: urlsplit(known).netloc),
        "origin_access_control_id": access.id,
        "custom_origin_config": {
            "http_port": 80,
            "https_port": 443,
            "origin_protocol_policy": "https-only",
            "origin_ssl_protocols": ["TLSv1.2"],
            "origin_read_timeout": values["origin_timeout_s"],
        },
    }


def _behavior(event: str, version_arn: pulumi.Output[str]) -> cloudfront.DistributionDefaultCacheBehaviorArgsDict:
    events = dict.fromkeys([ORIGIN_REQUEST, event])
    return {
        "target_origin_id": _ORIGIN_ID,
        "viewer_protocol_policy": "redirect-to-https",
        "allowed_methods": list(ALL_METHODS),
        "cached_methods": list(CACHED_METHODS),
        "compress": True,
        "cache_policy_id": CACHING_DISABLED,
        "origin_request_policy_id": ALL_VIEWER_EXCEPT_HOST,
        "response_headers_policy_id": SECURITY_HEADERS,
        "lambda_function_associations": [
            {"event_type": each, "lambda_arn": version_arn, "include_body": each == ORIGIN_REQUEST} for each in events
        ],
    }


def _certificate(
    certificate_arn: pulumi.Input[str] | None,
) -> cloudfront.DistributionViewerCertificateArgsDict:
    if certificate_arn is None:
        return {"cloudfront_default_certificate": True}
    return {
        "acm_certificate_arn": certificate_arn,
        "ssl_support_method": "sni-only",
        "minimum_protocol_version": MINIMUM_TLS,
    }
