"""Brings the built files into the site: only what changed, in an order in which no page ever lacks a part.

First what no page of the old site refers to (new names), then changed parts, then pages, and the site's own
index.html last; then, when asked, what vanished goes; then the CDN forgets what it may still hold; and the state is
written when all this is done. A publish that stops anywhere is thus taken up by the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from handlers.site_build import state as states
from handlers.site_build.edge import Edge, addresses
from handlers.site_build.files import SiteFile, is_page
from handlers.site_build.lease import Lease
from handlers.site_build.log import Log
from handlers.site_build.problem import SiteBuildError
from handlers.site_build.state import FOLDER, State
from handlers.site_build.store import Listed, Store

AT_ONCE = 32
"""Requests in flight; beyond that one processor of a small function is busy with signing."""
_INDEX = "index.html"


@dataclass(frozen=True)
class Result:
    """What was done, as names relative to the site."""

    uploaded: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    """Vanished from the build, but not removed."""
    bytes_sent: int
    refreshed: tuple[str, ...]
    """Addresses that the CDN was told to forget."""


@dataclass(frozen=True)
class Publisher:
    """Publishes to one site."""

    store: Store
    prefix: str
    url: str
    edge: Edge | None
    log: Log

    def publish(self, files: Sequence[SiteFile], fingerprint: str, lease: Lease, *, prune: bool) -> Result:
        """Upload, remove, refresh, note; the lease must be held. Raises SiteBuildError."""
        with self.log.phase("compare"):
            listed = self._listed()
            state = states.read(self.store, self.prefix)
        changed = [file for file in files if not _is_there(file, listed, state)]
        names = frozenset(file.name for file in files)
        vanished = sorted(name for name in state.files if name not in names and name in listed)
        with self.log.phase("upload"):
            etags = self._upload(changed, listed, lease)
        removed = vanished if prune else []
        with self.log.phase("remove"):
            self._remove(removed, lease)
        urls = self._stale(changed, removed, listed)
        with self.log.phase("refresh"):
            if self.edge is not None and urls:
                self.log.say(f"refresh: {len(urls)} addresses")
                self.edge.refresh(urls)
        kept = [] if prune else vanished
        noted = {file.name: (etags.get(file.name) or listed[file.name].etag, file.digest()) for file in files}
        noted |= {name: state.files[name] for name in kept}
        with self.log.phase("note"):
            states.write(self.store, self.prefix, State(fingerprint, noted, names))
        return Result(
            uploaded=tuple(file.name for file in changed),
            unchanged=len(files) - len(changed),
            removed=tuple(removed),
            kept=tuple(kept),
            bytes_sent=sum(file.size for file in changed),
            refreshed=tuple(urls) if self.edge is not None else (),
        )

    def _listed(self) -> dict[str, Listed]:
        found = self.store.list(self.prefix)
        return {
            key.removeprefix(self.prefix): item
            for key, item in found.items()
            if not key.startswith(f"{self.prefix}{FOLDER}")
        }

    def _upload(self, changed: Sequence[SiteFile], listed: Mapping[str, Listed], lease: Lease) -> dict[str, str]:
        etags: dict[str, str] = {}
        if not changed:
            return etags
        with ThreadPoolExecutor(min(AT_ONCE, len(changed)), "upload") as pool:
            for name, wave in _waves(changed, listed):
                if wave:
                    lease.confirm()
                    self.log.say(f"upload: {len(wave)} {name}, {sum(file.size for file in wave):,} bytes")
                    etags |= self._wave(pool, wave)
        return etags

    def _wave(self, pool: ThreadPoolExecutor, wave: Sequence[SiteFile]) -> dict[str, str]:
        """The first failure stops what has not begun; what has begun is waited for, so that nothing comes later."""
        failed = threading.Event()

        def put(file: SiteFile) -> tuple[str, str]:
            if failed.is_set():
                return file.name, ""
            try:
                return file.name, self.store.put_file(self.prefix + file.name, file.path, file.headers)
            except BaseException:
                failed.set()
                raise

        futures = [pool.submit(put, file) for file in wave]
        errors = [error for future in futures if (error := future.exception()) is not None]
        if errors:
            raise next((error for error in errors if isinstance(error, SiteBuildError)), errors[0])
        return dict(future.result() for future in futures)

    def _remove(self, names: Sequence[str], lease: Lease) -> None:
        if not names:
            return
        lease.confirm()
        self.log.say(f"remove: {len(names)} files")
        with ThreadPoolExecutor(min(AT_ONCE, len(names)), "remove") as pool:
            list(pool.map(lambda name: self.store.delete(self.prefix + name), names))

    def _stale(self, changed: Sequence[SiteFile], removed: Sequence[str], listed: Mapping[str, Listed]) -> list[str]:
        """What the CDN may hold: contents that were there, and that new pages were not."""
        if not self.url:
            return []
        names = [file.name for file in changed if file.name in listed or is_page(file.name)]
        return addresses(self.url, sorted([*names, *removed]))


def _is_there(file: SiteFile, listed: Mapping[str, Listed], state: State) -> bool:
    """The object is the very one that a publish has put there, and would be put there again the same."""
    there, noted = listed.get(file.name), state.files.get(file.name)
    return there is not None and noted == (there.etag, file.digest()) and there.size == file.size


def _waves(changed: Sequence[SiteFile], listed: Mapping[str, Listed]) -> list[tuple[str, list[SiteFile]]]:
    parts = [file for file in changed if not file.is_page]
    pages = [file for file in changed if file.is_page]
    return [
        ("new files", [file for file in parts if file.name not in listed]),
        ("changed files", [file for file in parts if file.name in listed]),
        ("pages", [file for file in pages if file.name != _INDEX]),
        ("first page", [file for file in pages if file.name == _INDEX]),
    ]
