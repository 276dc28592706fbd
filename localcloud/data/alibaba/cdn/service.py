"""Alibaba Cloud CDN: one accelerated domain in front of its origin, as its domain configurations say.

Neither an upload nor a changed configuration purges what is kept: its time must pass, or somebody must call
RefreshObjectCaches (`api`). The functions that compress (`gzip`, `brotli`) are not imitated.
Source: Alibaba Cloud CDN documentation, "Parameters for configuring features for domain names", "Refresh and prefetch
resources".
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote, unquote

from multidict import CIMultiDict

from localcloud.data.cache import Cache, Entry
from localcloud.data.messages import HOP_BY_HOP, Request, Response, without
from localcloud.data.object_http import byte_range, mark_partial, precondition
from localcloud.store import Resource, Store

from .rules import Configuration, time_to_live

DOMAIN = "alicloud:cdn/domainNew:DomainNew"
DOMAIN_CONFIG = "alicloud:cdn/domainConfig:DomainConfig"

ORIGIN_ROLE = "AliyunCDNAccessingPrivateOSSRole"
"""The account-wide role that the CDN reads private buckets with."""

Fetch = Callable[[Request], Awaitable[Response | None]]

_OF_VIEWER = frozenset({"range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"})
"""Headers that the CDN answers to by itself."""


class Cdn:
    """Every accelerated domain of the state; `fetch` reaches the origins that this data plane serves."""

    def __init__(self, store: Store, fetch: Fetch) -> None:
        self._store = store
        self._fetch = fetch
        self.cache = Cache()
        self._varies: dict[tuple[str, str], str] = {}

    async def handle(self, request: Request, domain: Resource) -> Response:
        """Answer a request to an accelerated domain or its CNAME."""
        name = str(domain.properties["domainName"])
        configuration = self._configuration(name)
        if request.method in {"GET", "HEAD"}:
            response = await self._cached_or_fetched(request, domain, configuration)
        else:
            response = await self._from_origin(request, domain, configuration)
            _mark(response, None)
        for rule in configuration.all("set_resp_header"):
            _set_header(response.headers, rule)
        return response

    def refresh(self, domain: str, target: str, *, below: bool = False) -> None:
        """Forget what is kept of one path with its query, or of everything below a path."""
        wanted = normalised(target)
        self.cache.drop(lambda key: key[0] == domain and (key[1].startswith(wanted) if below else key[1] == wanted))

    def forget_missing(self) -> None:
        """Drop what is kept of domains that are gone. A changed configuration purges nothing, as on the cloud."""
        domains = {str(domain.properties["domainName"]) for domain in self._store.list(DOMAIN)}
        self.cache.drop(lambda key: key[0] not in domains)

    async def _cached_or_fetched(self, request: Request, domain: Resource, configuration: Configuration) -> Response:
        """An answer to GET or HEAD, whole or in part: the origin is always asked for the whole by GET."""
        key = (str(domain.properties["domainName"]), normalised(request.target))
        entry = self.cache.get((*key, _chosen(self._varies.get(key, ""), request)))
        if entry is None:
            asked = replace(request, method="GET", headers=without(request.headers, _OF_VIEWER))
            response = await self._from_origin(asked, domain, configuration)
            ttl = time_to_live(request.path, response, configuration)
            vary = self._varies[key] = response.headers.get("Vary", "")
            if "*" not in vary:
                self.cache.put((*key, _chosen(vary, request)), response, ttl)
            _mark(response, Entry(response.status, response.headers, b"", time.monotonic(), ttl))
        else:
            response = entry.response()
            _mark(response, entry, hit=True)
        return _for_viewer(request, response)

    async def _from_origin(self, request: Request, domain: Resource, configuration: Configuration) -> Response:
        response = await self._fetch(_origin_request(request, domain, configuration))
        if response is None:
            headers = CIMultiDict({"Content-Type": "text/html", "Server": "Tengine"})
            response = Response(502, headers, b"<html><body><h1>502 Bad Gateway</h1></body></html>\n")
        response.headers = without(response.headers, HOP_BY_HOP)
        await response.read()
        return response

    def _configuration(self, domain: str) -> Configuration:
        found = self._store.find(DOMAIN_CONFIG, domainName=domain)
        return Configuration(
            tuple(
                (
                    str(config.properties["functionName"]),
                    {str(item["argName"]): str(item["argValue"]) for item in config.properties["functionArgs"]},
                )
                for config in found
            )
        )


def _origin_request(request: Request, domain: Resource, configuration: Configuration) -> Request:
    sources = sorted(domain.properties["sources"], key=lambda source: int(source.get("priority") or 20))
    host = configuration.value("set_req_host_header", "domain_name") or str(domain.properties["domainName"])
    headers = without(request.headers, HOP_BY_HOP | {"host", "x-forwarded-for"})
    headers["Host"] = host
    headers["X-Forwarded-For"] = request.client_ip
    headers["Via"] = "local.cdn"
    private = configuration.value("l2_oss_key", "private_oss_auth") == "on"
    return replace(
        request,
        host=str(sources[0]["content"]).lower(),
        path=_rewritten(request.path, configuration),
        headers=headers,
        role=ORIGIN_ROLE if private else "",
    )


def _rewritten(path: str, configuration: Configuration) -> str:
    for rule in configuration.all("back_to_origin_url_rewrite"):
        changed, count = re.subn(rule["source_url"], rule["target_url"].replace("$", "\\"), path)
        if count:
            path = changed
            if rule.get("flag") == "break":
                return path
    return path


def _set_header(headers: CIMultiDict[str], rule: dict[str, str]) -> None:
    if rule.get("header_operation_type") == "delete" or rule.get("value") == "null":
        headers.popall(rule["key"], None)
    else:
        headers[rule["key"]] = rule["value"]


def normalised(target: str) -> str:
    """Path and query in one spelling: percent-encoded where it must be."""
    path, mark, query = target.partition("?")
    return quote(unquote(path), safe="/-_.~!$&'()*+,;=:@") + mark + query


def _chosen(vary: str, request: Request) -> tuple[tuple[str, str], ...]:
    """The request's values of the headers that a response varies by."""
    names = sorted(name.strip().lower() for name in vary.split(",") if name.strip())
    return tuple((name, request.headers.get(name, "")) for name in names)


def _for_viewer(request: Request, response: Response) -> Response:
    """What a viewer gets of a whole response: nothing new, a part, or all of it."""
    headers = response.headers
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified")
    if response.status != 200:
        return _without_body(request, response)
    seconds = parsedate_to_datetime(modified).timestamp() if modified else 0
    status = precondition(request.headers, etag.strip('"'), seconds)
    if status:
        headers.popall("Content-Length", None)
        return Response(status, headers)
    given = request.headers.get("Range")
    span = byte_range(given, len(response.body)) if given else None
    if given and span is None and given.startswith("bytes="):
        headers["Content-Range"] = f"bytes */{len(response.body)}"
        headers["Content-Length"] = "0"
        return Response(416, headers)
    if span is not None:
        mark_partial(response, *span, len(response.body))
        response.body = response.body[span[0] : span[1]]
    return _without_body(request, response)


def _without_body(request: Request, response: Response) -> Response:
    response.headers["Content-Length"] = str(len(response.body))
    if request.method == "HEAD":
        response.body = b""
    return response


def _mark(response: Response, entry: Entry | None, *, hit: bool = False) -> None:
    """The headers by which one sees what the CDN did; without an entry nothing can be kept."""
    word = "200-0,H" if hit else f"{response.status}-0,M"
    age, ttl = (entry.age, int(entry.ttl)) if entry else (0, 0)
    response.headers["Via"] = f"cache1.l2local[0,0,{word}], cache1.local[0,0,{word}]"
    response.headers["X-Cache"] = "HIT TCP_MEM_HIT dirn:-2:-2" if hit else "MISS TCP_MISS dirn:-2:-2"
    response.headers["X-Swift-SaveTime"] = formatdate(time.time() - age, usegmt=True)
    response.headers["X-Swift-CacheTime"] = str(ttl)
    response.headers["Timing-Allow-Origin"] = "*"
    response.headers["EagleId"] = secrets.token_hex(14)
    response.headers["Server"] = "Tengine"
    if hit:
        response.headers["Age"] = str(age)
