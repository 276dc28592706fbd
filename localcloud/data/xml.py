"""XML documents of the services, written and read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from multidict import CIMultiDict

from .messages import Response

Field = tuple[str, Any]

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_MAX_BYTES = 4 << 20


class MalformedXmlError(Exception):
    """The body is not the document that was expected."""


def document(name: str, content: Iterable[Field] | str, attributes: str = "") -> bytes:
    """A document of fields or of a text; a field's value is a text or a list of fields again, None is left out."""
    return (_HEAD + _element(name, content, 0, attributes)).encode()


def response(name: str, content: Iterable[Field] | str, attributes: str = "") -> Response:
    """A document as the answer to a call that succeeded."""
    body = document(name, content, attributes)
    return Response(200, CIMultiDict({"Content-Type": "application/xml", "Content-Length": str(len(body))}), body)


def iso_time(moment: float) -> str:
    """Seconds since the epoch as the services write a time; the milliseconds are always zero."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def parse(body: bytes, root: str) -> ET.Element:
    """The root element, without namespaces; raises MalformedXmlError."""
    # A document type could define entities that grow without bound.
    if len(body) > _MAX_BYTES or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise MalformedXmlError
    try:
        parsed = ET.fromstring(body)  # noqa: S314 - no document type, so no entities
    except ET.ParseError as error:
        raise MalformedXmlError from error
    for element in parsed.iter():
        element.tag = element.tag.rpartition("}")[2]
    if parsed.tag != root:
        raise MalformedXmlError
    return parsed


def _element(name: str, value: Any, depth: int, attributes: str = "") -> str:
    indent = "  " * depth
    if isinstance(value, str | int):
        return f"{indent}<{name}>{escape(str(value))}</{name}>\n"
    inner = "".join(_element(key, item, depth + 1) for key, item in value if item is not None)
    return f"{indent}<{name}{attributes}>\n{inner}{indent}</{name}>\n"
