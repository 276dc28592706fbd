"""What CloudFront accepts of a distribution in front of a function URL."""

from __future__ import annotations

from rules.names import DOMAIN
from rules.rule import Rule, between, matches, one_of

_ALTERNATE_NAMES = "CloudFront Developer Guide, Requirements for using alternate domain names"

TABLE = (
    Rule(
        id="CF-ORIGIN-TIMEOUT",
        facts=("origin_timeout_s",),
        holds=between(1, 120),
        accepts="a whole number from 1 to 120 (seconds)",
        remedy="choose a time in that range; CloudFront answers 504 for an origin that takes longer",
        source="CloudFront Developer Guide, Quotas",
    ),
    Rule(
        id="CF-FUNCTION-URL",
        facts=("function_url",),
        holds=matches(r"https://[a-z0-9]+\.lambda-url\.[a-z0-9-]+\.on\.aws/?"),
        accepts="a function URL, https://<url-id>.lambda-url.<region>.on.aws/",
        remedy="pass the `function_url` of a FunctionUrl",
        source="Lambda Developer Guide, Invoking Lambda function URLs",
    ),
    Rule(
        id="CF-DOMAIN",
        facts=("domain_name",),
        holds=matches(rf"(\*\.)?{DOMAIN}"),
        accepts="a host name in lower case, such as www.example.com",
        remedy="write the name without scheme, port or path",
        source=_ALTERNATE_NAMES,
    ),
    Rule(
        id="CF-DOMAIN-CERTIFICATE",
        facts=("domain_name", "has_certificate"),
        holds=lambda _domain, has_certificate: has_certificate,
        accepts="left out, unless `certificate_arn` covers it",
        remedy="pass the ARN of an ACM certificate for that name",
        source=_ALTERNATE_NAMES,
    ),
    Rule(
        id="CF-CERTIFICATE-DOMAIN",
        facts=("certificate_arn", "has_domain"),
        holds=lambda _arn, has_domain: has_domain,
        accepts="left out, unless `domain_name` says for which name it is",
        remedy="pass the domain name that the certificate covers",
        source=_ALTERNATE_NAMES,
    ),
    Rule(
        id="CF-CERTIFICATE-REGION",
        facts=("certificate_arn",),
        holds=matches(r"arn:aws:acm:us-east-1:\d{12}:certificate/[A-Za-z0-9-]+"),
        accepts="the ARN of an ACM certificate in us-east-1",
        remedy="request or import the certificate in us-east-1, where CloudFront looks for it",
        source="CloudFront Developer Guide, Requirements for using SSL/TLS certificates with CloudFront",
    ),
)

HOST_FORWARDING = {
    "216adef6-5c7f-47e4-b989-5492eafa07d3": "AllViewer",
    "bf0718e1-ba1e-49d1-88b1-f726733018ae": "HostHeaderOnly",
}
"""Managed origin request policies that hand the viewer's Host header to the origin."""
_METHODS = (
    {"GET", "HEAD"},
    {"GET", "HEAD", "OPTIONS"},
    {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"},
)
_API = "CloudFront API Reference"
_EDGE_LIMITS = "CloudFront Developer Guide, Restrictions on all edge functions"
_OAC_LAMBDA = "CloudFront Developer Guide, Restrict access to an AWS Lambda function URL origin"


def _is_function_url(host: object) -> bool:
    return isinstance(host, str) and ".lambda-url." in host


def _at_most_one_each(events: list[str]) -> bool:
    return len(events) == len(set(events))


def _kinds_are_apart(at_edge: list[str], functions: list[str]) -> bool:
    return not functions or not any(event.startswith("viewer-") for event in at_edge)


ORIGIN = (
    Rule(
        id="CF-ORIGIN-HOST",
        facts=("domain_name",),
        holds=lambda host: isinstance(host, str) and bool(host) and not set(host) & set("/: "),
        accepts="a host name, without scheme, port, path or slash",
        remedy="take the host out of the URL, such as urlsplit(url).netloc",
        source=f"{_API}, Origin",
    ),
    Rule(
        id="CF-ORIGIN-KEEPALIVE",
        facts=("keepalive_s",),
        holds=between(1, 120),
        accepts="a whole number from 1 to 120 (seconds)",
        remedy="choose a time in that range",
        source="CloudFront Developer Guide, Quotas",
    ),
    Rule(
        id="CF-ORIGIN-ATTEMPTS",
        facts=("connection_attempts",),
        holds=between(1, 3),
        accepts="1, 2 or 3",
        remedy="choose one of these",
        source=f"{_API}, Origin",
    ),
    Rule(
        id="CF-ORIGIN-CONNECT",
        facts=("connection_timeout",),
        holds=between(1, 10),
        accepts="a whole number from 1 to 10 (seconds)",
        remedy="choose a time in that range",
        source=f"{_API}, Origin",
    ),
    Rule(
        id="CF-ORIGIN-PROTOCOL",
        facts=("origin_protocol_policy", "domain_name"),
        holds=lambda policy, host: policy == "https-only" or not _is_function_url(host),
        accepts="https-only for a function URL",
        remedy="choose https-only: a function URL answers HTTPS only",
        source=_OAC_LAMBDA,
    ),
)
"""Rules about one origin."""

BEHAVIOR = (
    Rule(
        id="E17",
        facts=("edge_events",),
        holds=_at_most_one_each,
        accepts="at most one function for each event of a behaviour",
        remedy="merge the functions of one event into one, or use another behaviour",
        source=_EDGE_LIMITS,
    ),
    Rule(
        id="E17-KINDS",
        facts=("edge_events", "function_events"),
        holds=_kinds_are_apart,
        shown=lambda at_edge, functions: f"Lambda@Edge at {at_edge}, CloudFront Functions at {functions}",
        accepts="either Lambda@Edge or CloudFront Functions at the viewer events of a behaviour, in no mix",
        remedy="move the Lambda@Edge function to an origin event, or write both in one kind",
        source=_EDGE_LIMITS,
    ),
    Rule(
        id="CF-FUNCTION-EVENTS",
        facts=("function_events",),
        holds=lambda events: _at_most_one_each(events) and set(events) <= {"viewer-request", "viewer-response"},
        accepts="CloudFront Functions at viewer-request and viewer-response, one each",
        remedy="use Lambda@Edge for origin events",
        source=_EDGE_LIMITS,
    ),
    Rule(
        id="E19",
        facts=("smooth_streaming", "edge_events"),
        holds=lambda smooth_streaming, events: not smooth_streaming or not events,
        accepts="false where edge functions run",
        remedy="leave Smooth Streaming out, or the edge functions",
        source=_EDGE_LIMITS,
    ),
    Rule(
        id="CF-CACHE-POLICY",
        facts=("cache_settings",),
        holds=lambda settings: len(settings) == 1,
        accepts="exactly one of cache_policy_id and forwarded_values",
        remedy="name a cache policy; forwarded_values is the older way",
        source=f"{_API}, DefaultCacheBehavior",
    ),
    Rule(
        id="CF-METHODS",
        facts=("allowed_methods",),
        holds=lambda methods: set(methods) in _METHODS,
        accepts="GET and HEAD, these with OPTIONS, or all seven methods",
        remedy="choose one of the three sets",
        source=f"{_API}, AllowedMethods",
    ),
    Rule(
        id="CF-VIEWER-PROTOCOL",
        facts=("viewer_protocol_policy",),
        holds=one_of(("allow-all", "https-only", "redirect-to-https")),
        accepts="allow-all, https-only or redirect-to-https",
        remedy="choose redirect-to-https unless HTTP must work",
        source=f"{_API}, DefaultCacheBehavior",
    ),
)
"""Rules about one cache behaviour."""

DISTRIBUTION = (
    Rule(
        id="CF-TARGETS",
        facts=("missing_targets",),
        holds=lambda missing: not missing,
        accepts="ids of origins or origin groups of this distribution",
        remedy="correct `target_origin_id`, or add the origin",
        source=f"{_API}, DefaultCacheBehavior",
    ),
    Rule(
        id="CF-ORIGIN-IDS",
        facts=("origin_ids",),
        holds=_at_most_one_each,
        accepts="ids that are each used once",
        remedy="give each origin an id of its own",
        source=f"{_API}, Origin",
    ),
    Rule(
        id="CF-HOST",
        facts=("host_policies",),
        holds=lambda policies: not policies,
        accepts="policies that do not forward Host to a function URL, which refuses a foreign one",
        remedy="use the managed policy AllViewerExceptHostHeader (b689b0a8-53d0-40ab-baf2-68738e2966ac)",
        source="CloudFront Developer Guide, Use managed origin request policies",
    ),
    Rule(
        id="CF-ALIAS-CERTIFICATE",
        facts=("aliases", "certificate_kind"),
        holds=lambda aliases, kind: not aliases or kind != "default",
        accepts="left out with CloudFront's own certificate, which covers *.cloudfront.net only",
        remedy="pass the ARN of an ACM certificate in us-east-1 that covers these names",
        source=_ALTERNATE_NAMES,
    ),
    Rule(
        id="CF-SSL-SUPPORT",
        facts=("certificate_kind", "has_ssl_support"),
        holds=lambda kind, has_support: kind != "own" or has_support,
        shown=lambda _kind, _has_support: "a certificate of your own without ssl_support_method",
        accepts="a certificate of your own with `ssl_support_method`",
        remedy='add `ssl_support_method="sni-only"`',
        source=f"{_API}, ViewerCertificate",
    ),
    Rule(
        id="CF-ROOT-OBJECT",
        facts=("default_root_object",),
        holds=lambda name: not str(name).startswith("/"),
        accepts="a name without a leading slash, such as index.html",
        remedy="take the slash away",
        source="CloudFront Developer Guide, Specify a default root object",
    ),
)

ACCESS_CONTROL = (
    Rule(
        id="CF-OAC-TYPE",
        facts=("origin_access_control_origin_type",),
        holds=one_of(("lambda", "s3", "mediastore", "mediapackagev2")),
        accepts="lambda, s3, mediastore or mediapackagev2",
        remedy="choose `lambda` for a function URL",
        source=f"{_API}, OriginAccessControlConfig",
    ),
    Rule(
        id="CF-OAC-SIGNING",
        facts=("signing_behavior",),
        holds=one_of(("always", "never", "no-override")),
        accepts="always, never or no-override",
        remedy="choose `always`, unless viewers sign requests themselves",
        source=f"{_API}, OriginAccessControlConfig",
    ),
    Rule(
        id="CF-OAC-PROTOCOL",
        facts=("signing_protocol",),
        holds=one_of(("sigv4",)),
        accepts="sigv4",
        remedy="choose sigv4, the only one",
        source=f"{_API}, OriginAccessControlConfig",
    ),
)

STACK = (
    Rule(
        id="CF-OAC-PERMISSIONS",
        facts=("missing_permissions",),
        holds=lambda missing: not missing,
        accepts="let in by both lambda:InvokeFunctionUrl and lambda:InvokeFunction for cloudfront.amazonaws.com",
        remedy="add an aws.lambda_.Permission for each missing action, with the distribution's ARN as source_arn",
        source=_OAC_LAMBDA,
    ),
    Rule(
        id="CF-OAC-URL-AUTH",
        facts=("url_auth",),
        holds=one_of(["AWS_IAM"]),
        accepts="AWS_IAM behind an origin access control that always signs",
        remedy="set `authorization_type` to AWS_IAM, or everyone reaches the URL past CloudFront",
        source=_OAC_LAMBDA,
    ),
    Rule(
        id="CF-ORIGIN-SHORT",
        facts=("read_timeout_s", "function_timeout_s"),
        holds=lambda read, function: read >= function,
        shown=lambda read, function: f"{read} for a function that may take {function}",
        accepts="at least the timeout of the function behind the URL, else CloudFront answers 504 before it is done",
        remedy="raise `origin_read_timeout`, or lower the function's timeout",
        source="CloudFront Developer Guide, Response timeout; Lambda Developer Guide, Lambda quotas",
        warning=True,
    ),
)
"""Rules about a distribution together with the function URL and the permissions beside it."""
