"""One build from the event to the report."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from handlers.site_build import download, edge, files, order, output, project, sandbox, state, unpack
from handlers.site_build.client import Client
from handlers.site_build.lease import Lease
from handlers.site_build.log import Log
from handlers.site_build.order import Order
from handlers.site_build.problem import SiteBuildError, of_disk
from handlers.site_build.publish import Publisher, Result
from handlers.site_build.signers import Keys
from handlers.site_build.store import Service, Store, oss_service, s3_service
from runtime import Context

_LONGEST_S = 3600.0
"""Where the function's own timeout is longer, or not told."""
_FOR_PUBLISHING = 0.25
"""Part of the time that is kept back from the build."""
_FOR_END_S = 5.0
"""Kept back for the answer."""


def run(event: Any, context: Context) -> dict[str, Any]:
    """The report of a build as a JSON object. Raises SiteBuildError."""
    sandbox.protect()
    wanted = order.parse(event, os.environ, context.request_id)
    job = _Job(wanted, context)
    try:
        return job.run()
    except SiteBuildError as error:
        if not error.worth_retry:
            state.note_failed(job.site, wanted.site.key, wanted.event_id)
        raise
    except OSError as error:
        raise of_disk(error) from error
    finally:
        job.client.close()


@dataclass
class _Job:
    order: Order
    context: Context
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        seconds = min(self.context.remaining_ms() / 1000, _LONGEST_S) - _FOR_END_S
        self.deadline = time.monotonic() + seconds
        self.build_deadline = time.monotonic() + seconds * (1 - _FOR_PUBLISHING)
        self.client = client = Client(self._keys, self.deadline)
        service = _service(self.context, os.environ)
        self.source = Store(service, client, self.order.source.bucket)
        self.site = Store(service, client, self.order.site.bucket)
        self.edge = _edge(self.context, os.environ, client, self.order.url)

    def _keys(self) -> Keys:
        found = self.context.credentials
        if not found.access_key_id or not found.access_key_secret:
            raise SiteBuildError(
                "The function has no credentials; give it a role that may read the source and write the site."
            )
        return Keys(found.access_key_id, found.access_key_secret, found.security_token)

    def run(self) -> dict[str, Any]:
        prefix = self.order.site.key
        with self.log.phase("look"):
            if state.has_failed(self.site, prefix, self.order.event_id):
                raise SiteBuildError(
                    "This event has failed before for a reason that a retry does not change; see the log of its first "
                    "attempt, correct the project, and upload it again."
                )
            key, etag = self._look()
            last = state.read(self.site, prefix)
        fingerprint = self.order.fingerprint(etag)
        is_to_prune = self.order.prune and not last.files.keys() <= last.current
        if last.fingerprint == fingerprint and not self.order.force and not is_to_prune:
            self.log.say("unchanged: this source is published already")
            return self._report("unchanged", etag, Result((), len(last.current), (), (), 0, ()))
        with tempfile.TemporaryDirectory(prefix="site-build-", ignore_cleanup_errors=True) as name:
            return self._build(Path(name), key, etag, fingerprint)

    def _look(self) -> tuple[str, str]:
        """The source's key and ETag, as they are now; a trigger may tell the key percent-encoded."""
        key = self.order.source.key
        for name in dict.fromkeys((key, unquote(key))):
            headers = self.source.head(name)
            if headers is not None and headers.get("etag"):
                return name, headers["etag"]
        raise SiteBuildError(
            f"There is no object {self.order.source} in {self.source.name}; upload the project there, or correct "
            "source.bucket and source.key."
        )

    def _build(self, work: Path, key: str, etag: str, fingerprint: str) -> dict[str, Any]:
        work.chmod(0o711)
        uid = sandbox.own_uid()
        archive, home, tree = work / "archive", work / "home", work / "project"
        with self.log.phase("download"):
            size = download.fetch(self.source, key, etag, archive)
            self.log.say(f"download: {self.order.source}, {size:,} bytes")
        with self.log.phase("unpack"):
            for folder in (home, home / "tmp", tree):
                folder.mkdir(mode=0o700)
                if uid is not None:
                    os.chown(folder, uid, uid)
            unpacked = unpack.unpack(archive, tree, uid)
            archive.unlink()
            told = f", {unpacked.skipped} entries left out" if unpacked.skipped else ""
            self.log.say(f"unpack: {unpacked.files} files, {unpacked.size:,} bytes{told}")
        found = project.find(tree, self.order.command)
        self._run(found, home, uid)
        with self.log.phase("collect"):
            written = output.collect(found.folder, self.order.output, uid)
            prepared = files.prepare(written, unpacked.names, work / "stored")
        if all(file.name != "index.html" for file in prepared):
            self.log.say("note: the site has no index.html at its root, so its first address shows nothing")
        if self.order.url and self.edge is None:
            self.log.say("note: SITE_DISTRIBUTION is not set, so CloudFront keeps old pages until their time is over")
        return self._publish(key, etag, fingerprint, prepared)

    def _run(self, found: project.Project, home: Path, uid: int | None) -> None:
        box = sandbox.Sandbox(home, uid, self.log)
        env = dict(self.order.env)
        if found.install:
            with self.log.phase("install"):
                # What the event says of NODE_ENV is for the build: installed is whatever the build needs.
                install_env = {name: value for name, value in env.items() if name != "NODE_ENV"}
                box.run("install", found.install, found.folder, install_env, self.build_deadline)
        with self.log.phase("build"):
            if self.order.command:
                env["PATH"] = f"{found.folder}/node_modules/.bin:{os.environ.get('PATH', os.defpath)}"
            box.run("build", found.build, found.folder, env, self.build_deadline)

    def _publish(self, key: str, etag: str, fingerprint: str, prepared: list[files.SiteFile]) -> dict[str, Any]:
        site = self.order.site
        lease = Lease(self.site, f"{site.key}{state.FOLDER}", self.deadline)
        with self.log.phase("wait"):
            lease.acquire()
        try:
            now = self.source.head(key) or {}
            if now.get("etag") != etag:
                # Its own event builds what is there now, and publishes it later or has done so already.
                self.log.say("superseded: the source was replaced or removed during the build")
                return self._report("superseded", etag, Result((), 0, (), (), 0, ()))
            publisher = Publisher(self.site, site.key, self.order.url, self.edge, self.log)
            result = publisher.publish(prepared, fingerprint, lease, prune=self.order.prune)
        finally:
            lease.release()
        self.log.say(f"published: {len(result.uploaded)} uploaded, {result.unchanged} unchanged")
        return self._report("published", etag, result)

    def _report(self, status: str, etag: str, result: Result) -> dict[str, Any]:
        told = asdict(result)
        counts = {name: len(told[name]) for name in ("uploaded", "removed", "kept", "refreshed")}
        report = {
            "status": status,
            "source": {**asdict(self.order.source), "etag": etag.strip('"').lower()},
            "site": {"bucket": self.order.site.bucket, "prefix": self.order.site.key, "url": self.order.url},
            "counts": {**counts, "unchanged": result.unchanged},
            "bytes_sent": result.bytes_sent,
            "seconds": {**self.log.seconds, "total": round(sum(self.log.seconds.values()), 3)},
            "uploaded": _some(result.uploaded),
            "removed": _some(result.removed),
            "refreshed": _some(result.refreshed),
        }
        self.log.report(report)
        return report


def _some(names: tuple[str, ...]) -> list[str]:
    """As many as a report can hold; the counts tell how many there are."""
    return list(names[:1000])


def _service(context: Context, environ: Mapping[str, str]) -> Service:
    if not context.region:
        raise SiteBuildError("The platform tells no region; set FC_REGION or AWS_REGION in the function's environment.")
    if context.cloud == "aws":
        return s3_service(context.region, environ.get("AWS_ENDPOINT_URL_S3", ""))
    return oss_service(context.region, environ.get("OSS_ENDPOINT", ""))


def _edge(context: Context, environ: Mapping[str, str], client: Client, url: str) -> edge.Edge | None:
    if not url:
        return None
    if context.cloud == "aws":
        distribution = environ.get("SITE_DISTRIBUTION", "")
        endpoint = environ.get("AWS_ENDPOINT_URL_CLOUDFRONT") or edge.CloudFront.endpoint
        return edge.CloudFront(client, distribution, endpoint) if distribution else None
    return edge.AlibabaCdn(client, environ.get("CDN_ENDPOINT") or edge.AlibabaCdn.endpoint)
