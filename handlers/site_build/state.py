"""What was published last, kept beside the site in an object that is written last of all."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field

from handlers.site_build.problem import SiteBuildError
from handlers.site_build.store import Store

FOLDER = ".isthmus/"
"""Below the site's prefix: everything that is no part of the site. It names files and hashes only, for the CDN may
show it to anybody."""
_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_VERSION = 1


@dataclass
class State:
    """The site as the last build left it."""

    fingerprint: str = ""
    """Of the order that was published."""
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Name → ETag that the store gave, and `SiteFile.digest`; with files that vanished but were not removed."""
    current: frozenset[str] = frozenset()
    """The names that belong to the site as it is."""


def read(store: Store, prefix: str) -> State:
    """An empty state where there is none, or none that can be read: then everything counts as changed."""
    body = store.get(f"{prefix}{FOLDER}state.json")
    try:
        told = json.loads(body or b"null")
        if not isinstance(told, dict) or told.get("version") != _VERSION:
            return State()
        files = {str(name): (str(etag), str(digest)) for name, (etag, digest) in told["files"].items()}
        return State(str(told["fingerprint"]), files, frozenset(map(str, told["current"])))
    except (ValueError, KeyError, TypeError, AttributeError):
        return State()


def write(store: Store, prefix: str, state: State) -> None:
    """Raises SiteBuildError."""
    told = {
        "version": _VERSION,
        "fingerprint": state.fingerprint,
        "files": state.files,
        "current": sorted(state.current),
    }
    store.put(f"{prefix}{FOLDER}state.json", json.dumps(told, sort_keys=True).encode(), _JSON)


def has_failed(store: Store, prefix: str, event_id: str) -> bool:
    """Whether this very event has failed for a reason that no retry changes."""
    return bool(event_id) and store.get(f"{prefix}{FOLDER}failed") == _mark(event_id)


def note_failed(store: Store, prefix: str, event_id: str) -> None:
    """Remember it for the retry that the cloud will make; without the note it is only slower."""
    with suppress(SiteBuildError):
        store.put(f"{prefix}{FOLDER}failed", _mark(event_id), {"Content-Type": "text/plain"})


def _mark(event_id: str) -> bytes:
    return hashlib.sha256(event_id.encode()).hexdigest().encode()
