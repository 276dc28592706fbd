"""What Lambda@Edge accepts of a function and of its association with a CloudFront event."""

from __future__ import annotations

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
