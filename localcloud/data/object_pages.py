"""One page of a bucket's list, by prefix and delimiter, for OSS and S3: what it holds, and where the next begins."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from localcloud.objects import Objects, StoredObject, after_prefix

_BATCH = 1000


@dataclass
class Page:
    """Objects and common prefixes of one answer, in order."""

    objects: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    """The last key or common prefix."""
    truncated: bool = False

    @property
    def count(self) -> int:
        return len(self.objects) + len(self.prefixes)

    @property
    def token(self) -> str | None:
        """What continues the list behind this page; None at its end, and behind a page that was to be empty."""
        return base64.b64encode(self.last.encode()).decode() if self.truncated and self.last else None


def page(
    stored: Objects, bucket: str, *, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000
) -> Page:
    """Up to `limit` entries after a key or common prefix."""
    found = Page()
    position = _behind(after, prefix, delimiter)
    while True:
        batch = stored.list(bucket, prefix, position, _BATCH)
        for item in batch:
            group = _group(item.key, prefix, delimiter)
            if group and group == found.last:
                continue
            if found.count == limit:
                found.truncated = True
                return found
            if group:
                found.prefixes.append(group)
            else:
                found.objects.append(item)
            found.last = group or item.key
        if len(batch) < _BATCH:
            return found
        position = _behind(found.last, prefix, delimiter) if found.last else batch[-1].key
        position = max(position, batch[-1].key)


def start_of(query: Mapping[str, str]) -> str:
    """What a page of a list of version 2 comes after; raises ValueError for a token that is none."""
    token = query.get("continuation-token")
    return base64.b64decode(token, validate=True).decode() if token else query.get("start-after", "")


def url_encoded(text: str) -> str:
    """A key or prefix as `encoding-type=url` shows it."""
    return quote(text, safe="/-_.~")


def _group(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that a key is shown as; empty when it is shown itself."""
    if not delimiter:
        return ""
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return prefix + head + delimiter if found else ""


def _behind(after: str, prefix: str, delimiter: str) -> str:
    """Where to go on: a common prefix stands for all keys below it."""
    is_group = bool(after) and after.startswith(prefix) and _group(after, prefix, delimiter) == after
    return after_prefix(after) if is_group else after
