"""What the source of a Python edge handler answers with, as far as reading it tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rules.rule import Rule

DISALLOWED = frozenset(
    {
        *("connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("trailer", "upgrade", "x-accel-buffering", "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect"),
        *("x-amzn-auth", "x-amzn-cf-billing", "x-amzn-cf-id", "x-amzn-cf-xff", "x-amzn-errortype"),
        *("x-amzn-fle-profile", "x-amzn-header-count", "x-amzn-header-order", "x-amzn-lambda-integration-tag"),
        *("x-amzn-requestid", "x-cache", "x-forwarded-proto", "x-real-ip", "cloudfront-viewer-cert-pem"),
        *("client-cert", "client-cert-chain"),
    }
)
"""Headers that no edge function may add."""
_DISALLOWED_PREFIXES = ("x-amz-cf-", "x-edge-")
READ_ONLY = {
    "viewer-request": {"cdn-loop", "content-length", "host", "transfer-encoding", "via"},
    "origin-request": {
        *("accept-encoding", "cdn-loop", "content-length", "if-modified-since", "if-none-match", "if-range"),
        *("if-unmodified-since", "transfer-encoding", "via"),
    },
    "origin-response": {"transfer-encoding", "via"},
    "viewer-response": {"warning", "via", "content-length", "content-encoding", "transfer-encoding"},
}
"""By event the headers that can be read but not written."""
_SOURCE = "CloudFront Developer Guide, Restrictions on all edge functions"


def written_headers(source: str) -> list[str]:
    """Names, in lower case, that a module writes into something called `headers`; empty for what is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    return sorted({name.lower() for node in ast.walk(tree) for name in _written(node)})


def _written(node: ast.AST) -> Iterator[str]:
    """`…headers["name"] = …`, `"headers": {"name": …}` and `headers = {"name": …}`."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _is_headers(target.value):
                yield from _texts([target.slice])
            if _is_headers(target) and isinstance(node.value, ast.Dict):
                yield from _texts(node.value.keys)
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(value, ast.Dict) and "headers" in _texts([key]):
                yield from _texts(value.keys)


def _is_headers(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "headers"
    if isinstance(node, ast.Attribute):
        return node.attr == "headers"
    return isinstance(node, ast.Subscript) and "headers" in _texts([node.slice])


def _texts(nodes: list[ast.expr | None] | list[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def largest_body(source: str) -> int:
    """Bytes of the largest text that a module itself gives as `"body": "…"` or `…["body"] = "…"`; 0 for none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return 0
    return max((len(text.encode()) for node in ast.walk(tree) for text in _bodies(node)), default=0)


def _bodies(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign):
        names = [
            name for target in node.targets if isinstance(target, ast.Subscript) for name in _texts([target.slice])
        ]
        if "body" in names:
            yield from _texts([node.value])
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if "body" in _texts([key]):
                yield from _texts([value])


def _disallowed(headers: list[str]) -> list[str]:
    return [name for name in headers if name in DISALLOWED or name.startswith(_DISALLOWED_PREFIXES)]


def _read_only(headers: list[str], event: str) -> list[str]:
    return [name for name in headers if name in READ_ONLY.get(event, ())]


_MEBIBYTE = 1024 * 1024
_VIEWER_BODY = 40 * 1024


def _body_fits(size: int, event: str) -> bool:
    return size <= (_MEBIBYTE if event.startswith("origin-") else _VIEWER_BODY)


TABLE = (
    Rule(
        id="E-HEADERS",
        facts=("handler_headers",),
        holds=lambda headers: not _disallowed(headers),
        shown=_disallowed,
        accepts="without headers that edge functions may not add; CloudFront answers 502 where one is in a result",
        remedy="leave them out of the result; in a request to another server they may stay",
        source=_SOURCE,
        warning=True,
    ),
    Rule(
        id="E-HEADERS-READ-ONLY",
        facts=("handler_headers", "event"),
        holds=lambda headers, event: not _read_only(headers, event),
        shown=_read_only,
        accepts="without headers that can only be read at this event; CloudFront answers 502 where one is changed",
        remedy="write them at another event, or not at all",
        source=_SOURCE,
        warning=True,
    ),
    Rule(
        id="E-BODY-SIZE",
        facts=("body_bytes", "event"),
        holds=_body_fits,
        shown=lambda size, event: f"{size} bytes at {event}",
        accepts="at most 40960 bytes (40 KB) at a viewer event and 1048576 (1 MB) at an origin event, headers included",
        remedy="let the origin serve what is larger",
        source="CloudFront Developer Guide, Quotas on Lambda@Edge",
        warning=True,
    ),
)
"""Rules about the handler's source. It cannot be seen from there what reaches CloudFront, so that they only warn."""
