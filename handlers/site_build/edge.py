"""Lets a CDN forget exactly the addresses whose content has changed.

Sources: Alibaba Cloud CDN, "RefreshObjectCaches"; Amazon CloudFront API Reference, "CreateInvalidation".
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit
from xml.sax.saxutils import escape

from handlers.site_build import signers
from handlers.site_build.client import Answer, Call, Client, Endpoint
from handlers.site_build.problem import SiteBuildError
from handlers.site_build.signers import Keys, Seal, Target

_CDN_URLS, _CLOUDFRONT_PATHS = 1000, 3000
"""How many one call takes."""
_ACTION = ("RefreshObjectCaches", "2018-05-10")


class Edge(Protocol):
    """A CDN in front of the site."""

    def refresh(self, urls: Sequence[str]) -> None:
        """Forget these addresses, percent-encoded ones; raises SiteBuildError."""
        ...


def addresses(url: str, names: Sequence[str]) -> list[str]:
    """Where a reader sees these files of the site: an index page also under its folder's address."""
    found: list[str] = []
    for name in names:
        found.append(url + quote(name))
        folder, _, base = name.rpartition("/")
        if base == "index.html":
            found.append(url + (f"{quote(folder)}/" if folder else ""))
    return found


@dataclass(frozen=True)
class AlibabaCdn:
    """Alibaba Cloud CDN."""

    client: Client
    endpoint: str = "https://cdn.aliyuncs.com"

    def refresh(self, urls: Sequence[str]) -> None:
        for some in _batches(urls, _CDN_URLS):
            body = urlencode({"ObjectPath": "\n".join(some), "ObjectType": "File"}).encode()
            _require(self.client.send(self._call(body, len(some))), "the CDN", "cdn:RefreshObjectCaches on the domain")

    def _call(self, body: bytes, count: int) -> Call:
        endpoint = Endpoint.of(self.endpoint)
        target = Target("POST", endpoint.netloc, "/")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}

        def sign(keys: Keys) -> Mapping[str, str]:
            return signers.acs3(target, _ACTION, headers, Seal(keys, "", time.time()), body)

        return Call("The CDN", endpoint, "POST", "/", sign, body, f"the refresh of {count} addresses")


@dataclass(frozen=True)
class CloudFront:
    """Amazon CloudFront."""

    client: Client
    distribution: str
    endpoint: str = "https://cloudfront.amazonaws.com"

    def refresh(self, urls: Sequence[str]) -> None:
        for some in _batches([urlsplit(url).path for url in urls], _CLOUDFRONT_PATHS):
            answer = self.client.send(self._call(_invalidation(some), len(some)))
            _require(answer, "CloudFront", "cloudfront:CreateInvalidation on the distribution")

    def _call(self, body: bytes, count: int) -> Call:
        endpoint = Endpoint.of(self.endpoint)
        path = f"/2020-05-31/distribution/{quote(self.distribution)}/invalidation"
        target = Target("POST", endpoint.netloc, path)
        digest = hashlib.sha256(body).hexdigest()

        def sign(keys: Keys) -> Mapping[str, str]:
            headers = {"Content-Type": "application/xml"}
            return signers.aws(target, "cloudfront", headers, Seal(keys, "us-east-1", time.time()), digest)

        return Call("CloudFront", endpoint, "POST", path, sign, body, f"the invalidation of {count} paths")


def _invalidation(paths: Sequence[str]) -> bytes:
    items = "".join(f"<Path>{escape(path)}</Path>" for path in paths)
    # The same reference for the same paths at the same second: a retry is no second invalidation.
    reference = hashlib.sha256(f"{int(time.time())}\n{items}".encode()).hexdigest()
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">'
        f"<Paths><Quantity>{len(paths)}</Quantity><Items>{items}</Items></Paths>"
        f"<CallerReference>{reference}</CallerReference></InvalidationBatch>"
    ).encode()


def _require(answer: Answer, who: str, right: str) -> None:
    if answer.status // 100 != 2:
        raise SiteBuildError(
            f"The site is published, but {who} refused to forget the old pages ({answer.status} {answer.code}), so "
            f"readers may see them until their time in the cache is over; give the function's role {right}, see that "
            "the day's quota is not used up, and send the event again."
        )


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
