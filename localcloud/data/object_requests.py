"""The bodies that OSS and S3 take alike: CompleteMultipartUpload and the deletion of many objects.

What is wrong with one is told by exceptions without words: each cloud has its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from localcloud.objects import Part

from . import xml
from .object_http import names_etag

_MAX_KEYS = 1000
"""Source: OSS developer reference, "DeleteMultipleObjects"; Amazon S3 API Reference, "DeleteObjects"."""


class PartOrderError(Exception):
    """The parts are not named in ascending order."""


class UnknownPartError(Exception):
    """There is no part with this number and entity tag."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def chosen_parts(body: bytes, arrived: Sequence[Part]) -> list[Part]:
    """The parts that a CompleteMultipartUpload names, one at least.

    Raises MalformedXmlError, PartOrderError or UnknownPartError.
    """
    root = xml.parse(body, "CompleteMultipartUpload")
    try:
        named = [(int(item.findtext("PartNumber") or ""), item.findtext("ETag") or "") for item in root.iter("Part")]
    except ValueError as error:
        raise xml.MalformedXmlError from error
    if not named:
        raise xml.MalformedXmlError
    if any(later <= earlier for (earlier, _), (later, _) in itertools.pairwise(named)):
        raise PartOrderError
    known = {part.number: part for part in arrived}
    return [_matching(known.get(number), number, etag) for number, etag in named]


def keys_to_delete(body: bytes) -> tuple[list[str], bool]:
    """The keys that a deletion of many names, and whether it wants no list of them; raises MalformedXmlError."""
    root = xml.parse(body, "Delete")
    keys = [element.findtext("Key") or "" for element in root.iter("Object")]
    if not 1 <= len(keys) <= _MAX_KEYS or not all(keys):
        raise xml.MalformedXmlError
    return keys, (root.findtext("Quiet") or "").lower() == "true"


def _matching(part: Part | None, number: int, etag: str) -> Part:
    if part is None or not names_etag(etag, part.etag):
        raise UnknownPartError(number)
    return part
