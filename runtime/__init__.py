"""The runtime inside the zip: one handler on AWS Lambda and on Alibaba Cloud Function Compute (FC).

Public face: `Context` (second argument of every handler), `Request` (one view of an HTTP event of either cloud),
`response` (one way to answer it) and `on_shutdown` (a hook for the end of the process); beside it `runtime.asgi` and
`runtime.wsgi` for whole applications. Everything else in this package is its own business.
"""

from __future__ import annotations

from runtime.context import Context
from runtime.hooks import on_shutdown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.web import Request, response

__all__ = ["Context", "Request", "on_shutdown", "response"]


def __getattr__(name: str) -> object:
    # The HTTP view is imported by the handlers that use it: a raw event does not pay for it.
    if name in {"Request", "response"}:
        from runtime import web

        return getattr(web, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
