"""What Lambda@Edge accepts of a function and of its association with a CloudFront event."""

from __future__ import annotations

from rules.documents import trust_rule
from rules.names import handler_rules
from rules.package import ZIP
from rules.rule import Rule, between, listed, matches, one_of

REGION = "us-east-1"
"""The one Region in which a Lambda@Edge function may be created (rule E1)."""
ORIGIN_REQUEST = "origin-request"
EVENTS = ("viewer-request", ORIGIN_REQUEST, "origin-response", "viewer-response")
RUNTIMES = ("nodejs22.x", "nodejs24.x", "python3.11", "python3.12", "python3.13", "python3.14")
LEAVING_RUNTIMES = ("python3.10",)
"""Deprecated since 2026-10-31; from 2027-02-01 on no function can be created on them."""

_RESTRICTIONS = "CloudFront Developer Guide, Restrictions on Lambda@Edge"
_QUOTAS = "CloudFront Developer Guide, Quotas on Lambda@Edge"
_CHOOSING = "CloudFront Developer Guide, Differences between CloudFront Functions and Lambda@Edge"
_RUNTIMES = "Lambda Developer Guide, Lambda runtimes"
_MEBIBYTE = 1024 * 1024


def _at_origin(event: str) -> bool:
    return event.startswith("origin-")


TABLE = (
    *ZIP,
    *handler_rules("E"),
    Rule(
        id="E2",
        facts=("edge_version_arn",),
        holds=matches(r"arn:aws:lambda:us-east-1:\d{12}:function:[A-Za-z0-9_-]+:\d+"),
        accepts="the ARN of a numbered version in us-east-1, neither $LATEST nor an alias",
        remedy="publish the function and associate its qualified ARN",
        source=_RESTRICTIONS,
    ),
    Rule(
        id="E3",
        facts=("runtime",),
        holds=one_of(RUNTIMES + LEAVING_RUNTIMES),
        accepts=f"a supported Node.js or Python runtime: {listed(RUNTIMES)}",
        remedy="choose one of these; Lambda@Edge takes no custom runtime",
        source=f"{_RESTRICTIONS}; {_RUNTIMES}",
    ),
    Rule(
        id="E3-LEAVING",
        facts=("runtime",),
        holds=lambda runtime: runtime not in LEAVING_RUNTIMES,
        accepts=f"a runtime that is not being withdrawn: {listed(RUNTIMES)}",
        remedy="move to a newer version before 2027-02-01, when creating on it ends",
        source=_RUNTIMES,
        warning=True,
    ),
    Rule(
        id="E-EVENT",
        facts=("event",),
        holds=one_of(EVENTS),
        accepts=listed(EVENTS),
        remedy="choose one of the four CloudFront events",
        source="CloudFront Developer Guide, CloudFront events that can trigger a Lambda@Edge function",
    ),
    Rule(
        id="E-TIMEOUT",
        facts=("timeout_s",),
        holds=between(1, 30),
        accepts="a whole number from 1 to 30 (seconds)",
        remedy="choose a time in that range",
        source=_QUOTAS,
    ),
    Rule(
        id="E-TIMEOUT-VIEWER",
        facts=("timeout_s", "event"),
        holds=lambda timeout, event: _at_origin(event) or timeout <= 5,
        accepts="at most 5 (seconds) at a viewer event by older documents, 30 by newer ones",
        remedy="stay at 5 or below, or try it on your account first",
        source=f"{_QUOTAS}, editions of 2023 and 2026",
        warning=True,
    ),
    Rule(
        id="E-MEMORY",
        facts=("memory_mb",),
        holds=between(128, 10_240),
        accepts="a whole number from 128 to 10240 (MB)",
        remedy="choose a size in that range",
        source=_QUOTAS,
    ),
    Rule(
        id="E-MEMORY-VIEWER",
        facts=("memory_mb", "event"),
        holds=lambda memory, event: _at_origin(event) or memory <= 128,
        accepts="128 (MB) at a viewer event by one document, the quota of Lambda by another",
        remedy="stay at 128, or try it on your account first",
        source=f"{_CHOOSING}; {_QUOTAS}",
        warning=True,
    ),
    Rule(
        id="E-ZIP-SIZE",
        facts=("zip_bytes",),
        holds=between(1, 50 * _MEBIBYTE),
        accepts="at most 52428800 bytes (50 MB)",
        remedy="pack only what the edge handler imports",
        source=_QUOTAS,
    ),
)

PYTHON_HANDLER = (
    Rule(
        id="EDGE-PYTHON",
        facts=("runtime",),
        holds=lambda runtime: not isinstance(runtime, str) or not runtime.startswith("nodejs"),
        accepts=f"a Python runtime, since the edge handler is Python: {listed(RUNTIMES[2:])}",
        remedy="choose one of these",
    ),
)
"""What this project's own edge zip needs beyond the cloud's rules."""


def _absent(id_: str, fact: str, what: str) -> Rule:
    return Rule(
        id=id_,
        facts=(fact,),
        holds=lambda given: not given,
        shown=lambda _: "given",
        accepts=f"left out at the edge: Lambda@Edge takes no {what}",
        remedy="leave it out of the edge function",
        source=_RESTRICTIONS,
    )


_MANY_TAGS = "CloudFront Developer Guide, Restrictions on all edge functions"

FUNCTION = (
    Rule(
        id="E1",
        facts=("edge_region",),
        holds=one_of([REGION]),
        accepts="us-east-1, whatever the Region of the rest",
        remedy='give the edge function `region="us-east-1"`',
        source=_RESTRICTIONS,
    ),
    Rule(
        id="E2-PUBLISH",
        facts=("publish",),
        holds=one_of([True]),
        accepts="true at the edge, where only numbered versions run",
        remedy="publish the function and associate its `qualified_arn`",
        source=_RESTRICTIONS,
    ),
    Rule(
        id="E4",
        facts=("package_type",),
        holds=one_of(["Zip"]),
        accepts="Zip at the edge, which takes no container images",
        remedy="deploy the handler as a zip",
        source=_RESTRICTIONS,
    ),
    _absent("E5", "has_environment", "environment variables"),
    _absent("E6", "has_layers", "layers"),
    _absent("E7", "has_vpc_config", "VPC configuration"),
    _absent("E8", "has_dead_letter_config", "dead letter queue"),
    Rule(
        id="E9",
        facts=("tracing_mode",),
        holds=lambda mode: mode != "Active",
        accepts="PassThrough or left out at the edge, which has no X-Ray",
        remedy="leave `tracing_config` out of the edge function",
        source=_RESTRICTIONS,
    ),
    Rule(
        id="E10",
        facts=("architectures",),
        holds=lambda architectures: architectures == ["x86_64"],
        accepts='["x86_64"] at the edge',
        remedy="build for x86_64, or leave `architectures` out",
        source=_RESTRICTIONS,
    ),
    Rule(
        id="E11",
        facts=("ephemeral_storage_mb",),
        holds=between(512, 512),
        accepts="512 (MB) at the edge",
        remedy="leave `ephemeral_storage` out of the edge function",
        source=_RESTRICTIONS,
    ),
    _absent("E14", "has_source_kms_key_arn", "customer managed key for its zip"),
    Rule(
        id="E19-TAGS",
        facts=("has_tags",),
        holds=lambda given: not given,
        shown=lambda _: "given",
        accepts="left out at the edge by one document; Lambda itself takes tags in us-east-1 by another",
        remedy="leave `tags` out if CloudFront refuses the function",
        source=f"{_MANY_TAGS}; Lambda Developer Guide, Using tags on Lambda functions",
        warning=True,
    ),
)
"""Rules about a function that a distribution associates with an event."""

ASSOCIATION = (
    Rule(
        id="E18",
        facts=("include_body", "event"),
        holds=lambda include_body, event: not include_body or not str(event).endswith("-response"),
        shown=lambda _include_body, event: f"true at {event}",
        accepts="false at response events, which have no request body",
        remedy="leave it out, or associate the function with a request event",
        source="CloudFront Developer Guide, Accessing the request body by choosing the include body option",
    ),
)
"""Rules about one association of a distribution's behaviour."""

SOURCE = (
    Rule(
        id="E2-SOURCE",
        facts=("output",),
        holds=lambda output: output == "qualified_arn of aws:lambda/function:Function",
        accepts="the qualified_arn of a published function, neither its unqualified ARN nor an alias",
        remedy="pass `qualified_arn` of the function",
        source=_RESTRICTIONS,
    ),
)
PROVISIONED = (
    Rule(
        id="E12",
        facts=("provisioned",),
        holds=lambda _: False,
        accepts="left out at the edge, which takes no provisioned concurrency",
        remedy="remove the provisioned concurrency of the edge function",
        source=_RESTRICTIONS,
    ),
)
RUNTIME_MANAGEMENT = (
    Rule(
        id="E13",
        facts=("update_runtime_on",),
        holds=one_of(["Auto"]),
        accepts="Auto at the edge",
        remedy="let Lambda update the runtime of the edge function",
        source=_RESTRICTIONS,
    ),
)
TRUST = (
    trust_rule(
        "E15",
        "trust",
        ("lambda.amazonaws.com", "edgelambda.amazonaws.com"),
        "CloudFront Developer Guide, Set up IAM permissions and roles for Lambda@Edge",
    ),
)
