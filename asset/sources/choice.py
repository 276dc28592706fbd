"""Picks the source of the interpreter by its name."""

from __future__ import annotations

from asset.sources import Interpreter, Request, archive, deb, host, wheel
from rules.finding import Finding, UserError

_SOURCES = {
    "host": lambda request: host.locate(request.architecture),
    "wheel": wheel.locate,
    "deb": deb.locate,
    "archive": archive.locate,
}


def locate(name: str, request: Request) -> Interpreter:
    """The interpreter from the source of that name; raises UserError for an unknown name or what the source lacks."""
    if name not in _SOURCES:
        accepts = ", ".join([*_SOURCES, "none"])
        raise UserError([Finding("ASSET-INTERPRETER", "interpreter", "source", name, accepts, "name one of these")])
    return _SOURCES[name](request)
