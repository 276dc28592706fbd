"""Headers that an edge function may not see, add or change.

Source: Amazon CloudFront Developer Guide, "Restrictions on edge functions" (disallowed and read-only headers).
"""

from __future__ import annotations

from multidict import CIMultiDict

from .pages import EdgeFailure

_DISALLOWED = frozenset(
    {
        "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
        "trailer", "upgrade", "x-accel-buffering", "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect",
        "x-amzn-auth", "x-amzn-cf-billing", "x-amzn-cf-id", "x-amzn-cf-xff", "x-amzn-errortype",
        "x-amzn-fle-profile", "x-amzn-header-count", "x-amzn-header-order", "x-amzn-lambda-integration-tag",
        "x-amzn-requestid", "x-cache", "x-forwarded-proto", "x-real-ip", "cloudfront-viewer-cert-pem",
        "client-cert", "client-cert-chain",
    }
)  # fmt: skip
_DISALLOWED_PREFIXES = ("x-amz-cf-", "x-edge-")

# fmt: off
_READ_ONLY = {
    "viewer-request": frozenset({"cdn-loop", "content-length", "host", "transfer-encoding", "via"}),
    "origin-request": frozenset(
        {
            "accept-encoding",
            "cdn-loop",
            "content-length",
            "if-modified-since",
            "if-none-match",
            "if-range",
            "if-unmodified-since",
            "transfer-encoding",
            "via",
        }
    ),
    "origin-response": frozenset({"transfer-encoding", "via"}),
    "viewer-response": frozenset({"content-encoding", "content-length", "transfer-encoding", "via", "warning"}),
}
# fmt: on


def hidden(name: str) -> bool:
    """Whether a header is kept from functions and may not be added by them."""
    return name.lower() in _DISALLOWED or name.lower().startswith(_DISALLOWED_PREFIXES)


def check_headers(before: CIMultiDict[str], after: CIMultiDict[str], event_type: str) -> None:
    """Raise EdgeFailure (502) when a function added a disallowed header or touched a read-only one."""
    if any(hidden(name) for name in after):
        raise failed_validation("The function tried to add a blacklisted header.")
    for name in _READ_ONLY[event_type]:
        if before.getall(name, []) != after.getall(name, []):
            raise failed_validation("The function tried to add, delete, or change a read-only header.")
    if event_type == "viewer-request" and "CloudFront-Viewer-Country" in after:
        raise failed_validation("The function tried to add a blacklisted header.")


def failed_validation(detail: str) -> EdgeFailure:
    """What CloudFront answers when it does not take what a function returned."""
    return EdgeFailure(502, f"The Lambda function result failed validation: {detail}", "LambdaValidationError")
