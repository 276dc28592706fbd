"""What the source of a handler on Function Compute answers with, as far as reading it tells."""

from __future__ import annotations

from rules.rule import Rule

_RESERVED = frozenset({"connection", "content-length", "date", "keep-alive", "server", "upgrade"})
_STATUS = "x-fc-status"
"""The one header of Function Compute's own that a handler may set: it marks a failure."""


def _reserved(headers: list[str]) -> list[str]:
    return [name for name in headers if name in _RESERVED or (name.startswith("x-fc-") and name != _STATUS)]


TABLE = (
    Rule(
        id="FC-HEADERS",
        facts=("handler_headers",),
        holds=lambda headers: not _reserved(headers),
        shown=_reserved,
        accepts="without headers that Function Compute sets itself; what a handler writes there reaches nobody",
        remedy="leave them out of the response",
        source="Function Compute, HTTP triggers",
        warning=True,
    ),
)
"""Rules about the handler's source. It cannot be seen from there what is answered, so that they only warn."""
