"""The runtime inside the zip: one handler on AWS Lambda and on Alibaba Cloud Function Compute (FC).

Public face: `Context` (second argument of every handler), `Request` (one view of an HTTP event of either cloud) and
`response` (one way to answer it). Everything else in this package is its own business.
"""

from __future__ import annotations

from runtime.context import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.web import Request, response

__all__ = ["Context", "Request", "response"]


def __getattr__(name: str) -> object:
    # The HTTP view is imported by the handlers that use it: a raw event does not pay for it.
    if name in {"Request", "response"}:
        from runtime import web

        return getattr(web, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
