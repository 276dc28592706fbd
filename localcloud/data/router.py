"""Host name to service: the index of every name in the state, built anew when the state has changed."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from multidict import CIMultiDict

from localcloud.events import BUCKET
from localcloud.store import Resource, Store

from .alibaba.cdn import api as cdn_api
from .alibaba.cdn import service as cdn
from .alibaba.fc import function as fc_function
from .alibaba.oss import errors as oss_errors
from .alibaba.oss.access import bucket_name, bucket_region
from .aws.cloudfront import api as cloudfront_api
from .aws.cloudfront import service as cloudfront
from .aws.lambda_ import function as lambda_function
from .aws.lambda_ import function_url
from .aws.s3 import service as s3
from .keyring import ALIBABA_ACCOUNT
from .messages import Request, Response

Service = Callable[[Request, Any], Awaitable[Response]]

SUFFIX = ".localhost"
"""What is appended to a real name so that curl and browsers connect to this machine (RFC 6761, section 6.3)."""

_OSS_REGION = re.compile(r"oss-[a-z0-9-]+\.aliyuncs\.com")


@dataclass(frozen=True)
class Route:
    service: str
    resource: Resource | None


class Router:
    """Finds the service of a request; services of the same process reach each other through `fetch`."""

    def __init__(self, store: Store, services: dict[str, Service], changed: Callable[[], None]) -> None:
        self._store = store
        self._services = services
        self._changed = changed
        self._revision: int | None = None
        self._routes: dict[str, Route] = {}

    async def handle(self, request: Request, port: int) -> Response:
        """Answer a request from outside; an unknown name gets a page with the known ones."""
        self.refresh()
        return await self.fetch(request) or _unknown(request, self.names(), port)

    async def fetch(self, request: Request) -> Response | None:
        """The response of the service that owns the host name, or None."""
        route = self._routes.get(request.host) or _oss_region(request.host)
        if route is None:
            return None
        if route.service == "oss":
            route = self._oss_route(request, route)
            if route is None:
                return oss_errors.no_such_bucket(request)
        return await self._services[route.service](request, route.resource)

    def takes_upload(self, method: str, host: str) -> bool:
        """Whether the body of a request is an object or a part of one, which may be large."""
        route = self._routes.get(host)
        return method == "PUT" and route is not None and route.service in {"oss", "s3"}

    def names(self) -> list[str]:
        """Every host name that is answered, sorted."""
        self.refresh()
        return sorted(self._routes)

    def refresh(self) -> None:
        """Take over what the control plane has written since the last request."""
        revision = self._store.revision()
        if revision != self._revision:
            self._revision = revision
            self._routes = routes(self._store)
            self._changed()

    def _oss_route(self, request: Request, connected: Route) -> Route | None:
        """OSS picks the bucket by the Host header, wherever the connection was made to."""
        host = request.headers.get("Host", request.host).partition(":")[0].removesuffix(SUFFIX)
        if host == request.host:
            return connected if connected.resource or _OSS_REGION.fullmatch(host) else None
        other = self._routes.get(host)
        return other if other is not None and other.service == "oss" else None


def routes(store: Store) -> dict[str, Route]:
    """Every host name of the state, lower-case, with its service and resource."""
    found: dict[str, Route] = {}
    if store.list(cloudfront.DISTRIBUTION):
        found[cloudfront_api.HOST] = Route("cloudfront-api", None)
    for distribution in store.list(cloudfront.DISTRIBUTION):
        for name in (distribution.properties.get("domainName"), *(distribution.properties.get("aliases") or [])):
            found[str(name)] = Route("cloudfront", distribution)
    for url in store.list(function_url.FUNCTION_URL):
        found[_host(url.properties["functionUrl"])] = Route("function-url", url)
    for function in store.list(lambda_function.FUNCTION):
        region = str(function.properties.get("arn", "")).split(":")[3:4] or [""]
        found[f"lambda.{region[0]}.amazonaws.com"] = Route("lambda", None)
    found |= _alibaba_routes(store)
    for bucket in store.list(s3.BUCKET):
        for key in ("bucketRegionalDomainName", "bucketDomainName"):
            found[str(bucket.properties.get(key) or "")] = Route("s3", bucket)
    found.pop("", None)
    return {name.lower(): route for name, route in found.items()}


def _alibaba_routes(store: Store) -> dict[str, Route]:
    found: dict[str, Route] = {}
    for trigger in store.list(fc_function.TRIGGER):
        url = (trigger.properties.get("httpTrigger") or {}).get("urlInternet")
        if url:
            found[_host(url)] = Route("fc", trigger)
    for function in store.list(fc_function.FUNCTION):
        known = fc_function.find_function(store, function.id)
        if known is not None:
            found[fc_api_host(known.region)] = Route("fc-api", None)
    for bucket in store.list(BUCKET):
        region = bucket_region(bucket)
        for endpoint in (f"oss-{region}", f"oss-{region}-internal"):
            found[f"{bucket_name(bucket)}.{endpoint}.aliyuncs.com"] = Route("oss", bucket)
    if store.list(cdn.DOMAIN):
        found[cdn_api.HOST] = Route("cdn-api", None)
    for domain in store.list(cdn.DOMAIN):
        for key in ("domainName", "cname"):
            found[str(domain.properties.get(key) or "")] = Route("cdn", domain)
    return found


def fc_api_host(region: str) -> str:
    return f"{ALIBABA_ACCOUNT}.{region}.fc.aliyuncs.com"


def reachable(url: str, port: int) -> str:
    """The form of a real URL that this machine can open: `.localhost:PORT` appended to the name, over http."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    return parts._replace(scheme="http", netloc=f"{parts.hostname}{SUFFIX}:{port}", path=parts.path or "/").geturl()


def real_name(host: str) -> str:
    """The cloud's name in a Host header."""
    return host.partition(":")[0].lower().removesuffix(SUFFIX)


def _host(url: str) -> str:
    return urlsplit(str(url)).hostname or ""


def _oss_region(host: str) -> Route | None:
    """OSS answers for every name of its own, whether or not there is such a bucket."""
    known = _OSS_REGION.fullmatch(host.partition(".")[2]) or _OSS_REGION.fullmatch(host)
    return Route("oss", None) if known else None


def _unknown(request: Request, names: list[str], port: int) -> Response:
    items = "".join(f'<li><a href="http://{name}{SUFFIX}:{port}/">{html.escape(name)}</a></li>\n' for name in names)
    body = (
        "<!doctype html><meta charset=utf-8><title>Unknown address</title>\n"
        f"<h1>No resource of the local clouds has the name {html.escape(request.host)}</h1>\n"
        f"<p>Known addresses:</p>\n<ul>\n{items}</ul>\n"
    )
    return Response(404, CIMultiDict({"Content-Type": "text/html; charset=utf-8"}), body.encode())
