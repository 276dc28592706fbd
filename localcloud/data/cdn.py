"""Alibaba Cloud CDN: one accelerated domain in front of its origin, as its domain configurations say.

What an update changes is visible at once: it clears the cache, because nobody could call RefreshObjectCaches
here. Source: Alibaba Cloud CDN documentation, "Parameters for configuring features for domain names".
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from email.utils import formatdate, parsedate_to_datetime
from fnmatch import fnmatchcase

from multidict import CIMultiDict

from localcloud.store import Resource, Store

from .cache import Cache, Entry, directives, origin_ttl
from .messages import HOP_BY_HOP, Request, Response, without

DOMAIN = "alicloud:cdn/domainNew:DomainNew"
DOMAIN_CONFIG = "alicloud:cdn/domainConfig:DomainConfig"

ORIGIN_ROLE = "AliyunCDNAccessingPrivateOSSRole"
"""The account-wide role that the CDN reads private buckets with."""

Fetch = Callable[[Request], Awaitable[Response | None]]


@dataclass(frozen=True)
class Configuration:
    """The configured functions of a domain: name and arguments, one entry a configuration."""

    functions: tuple[tuple[str, dict[str, str]], ...]

    def all(self, name: str) -> list[dict[str, str]]:
        return [arguments for function, arguments in self.functions if function == name]

    def value(self, name: str, argument: str) -> str:
        """The argument of the first configuration with that name, or an empty string."""
        return next((arguments.get(argument, "") for arguments in self.all(name)), "")


class Cdn:
    """Every accelerated domain of the state; `fetch` reaches the origins that this data plane serves."""

    def __init__(self, store: Store, fetch: Fetch) -> None:
        self._store = store
        self._fetch = fetch
        self.cache = Cache()

    async def handle(self, request: Request, domain: Resource) -> Response:
        """Answer a request to an accelerated domain or its CNAME."""
        name = str(domain.properties["domainName"])
        configuration = self._configuration(name)
        key = (name, request.method, request.target)
        entry = self.cache.get(key) if request.method in {"GET", "HEAD"} else None
        if entry is not None:
            response = entry.response()
            _mark(response, entry, hit=True)
        else:
            response = await self._from_origin(request, domain, configuration, key)
        for rule in configuration.all("set_resp_header"):
            _set_header(response.headers, rule)
        return response

    async def _from_origin(
        self, request: Request, domain: Resource, configuration: Configuration, key: object
    ) -> Response:
        response = await self._fetch(_origin_request(request, domain, configuration))
        if response is None:
            headers = CIMultiDict({"Content-Type": "text/html", "Server": "Tengine"})
            response = Response(502, headers, b"<html><body><h1>502 Bad Gateway</h1></body></html>\n")
        response.headers = without(response.headers, HOP_BY_HOP)
        await response.read()
        ttl = time_to_live(request.path, response, configuration) if request.method in {"GET", "HEAD"} else 0
        self.cache.put(key, response, ttl)
        _mark(response, Entry(response.status, response.headers, b"", time.monotonic(), ttl), hit=False)
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


def time_to_live(path: str, response: Response, configuration: Configuration) -> float:
    """Seconds to keep a response: the origin's refusal to be cached, then the rules by weight, then the origin.

    Source: Alibaba Cloud CDN documentation, "Add a cache rule". Without any word from rules or origin a tenth of
    the age since Last-Modified counts, between 10 s and an hour.
    """
    if response.status != 200:
        return 0
    rule = _rule(path, configuration)
    refused = bool({"no-cache", "no-store", "private"} & directives(response.headers).keys())
    if refused and not (rule and rule.get("swift_no_cache_low") == "on"):
        return 0
    asked = origin_ttl(response.headers)
    if rule and not (asked is not None and rule.get("swift_origin_cache_high") == "on"):
        return float(rule["ttl"])
    return asked if asked is not None else _guess(response.headers)


def _rule(path: str, configuration: Configuration) -> dict[str, str] | None:
    extension = path.rpartition(".")[2].lower() if "." in path.rpartition("/")[2] else ""
    found = [rule for rule in configuration.all("path_based_ttl_set") if _under(path, rule["path"])]
    found += [
        rule
        for rule in configuration.all("filetype_based_ttl_set")
        if extension in rule["file_type"].lower().split(",")
    ]
    return max(found, key=lambda rule: int(rule.get("weight") or 1), default=None)


def _under(path: str, pattern: str) -> bool:
    if "*" in pattern:
        return fnmatchcase(path, pattern)
    return path == pattern or path.startswith(pattern.rstrip("/") + "/")


def _guess(headers: CIMultiDict[str]) -> float:
    if "Last-Modified" in headers:
        age = time.time() - parsedate_to_datetime(headers["Last-Modified"]).timestamp()
        return min(max(age * 0.1, 10), 3600)
    return 10 if "ETag" in headers else 0


def _set_header(headers: CIMultiDict[str], rule: dict[str, str]) -> None:
    if rule.get("header_operation_type") == "delete" or rule.get("value") == "null":
        headers.popall(rule["key"], None)
    else:
        headers[rule["key"]] = rule["value"]


def _mark(response: Response, entry: Entry, *, hit: bool) -> None:
    """The headers by which one sees what the CDN did."""
    word = "200-0,H" if hit else f"{response.status}-0,M"
    response.headers["Via"] = f"cache1.l2local[0,0,{word}], cache1.local[0,0,{word}]"
    response.headers["X-Cache"] = "HIT TCP_MEM_HIT dirn:-2:-2" if hit else "MISS TCP_MISS dirn:-2:-2"
    response.headers["X-Swift-SaveTime"] = formatdate(time.time() - entry.age, usegmt=True)
    response.headers["X-Swift-CacheTime"] = str(int(entry.ttl))
    response.headers["Timing-Allow-Origin"] = "*"
    response.headers["EagleId"] = secrets.token_hex(14)
    response.headers["Server"] = "Tengine"
    if hit:
        response.headers["Age"] = str(entry.age)
