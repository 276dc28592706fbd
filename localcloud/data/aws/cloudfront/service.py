"""CloudFront: one request through behaviour, edge functions, cache, origin access control and back.

The viewer always counts as https: the local plane speaks plain http, so viewer protocol policies neither
redirect nor refuse. There is no compression at the edge. What is kept stays until its time has passed or somebody
calls CreateInvalidation (`api`).
Source: Amazon CloudFront Developer Guide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from localcloud.data.aws.lambda_.function import Target, find_version
from localcloud.data.aws.lambda_.service import LambdaService
from localcloud.data.cache import Cache, Key, directives, origin_ttl
from localcloud.data.keyring import Keyring
from localcloud.data.messages import HOP_BY_HOP, Request, Response, without
from localcloud.store import Resource, Store

from . import edge_events as edge
from .origin import Origin, Origins, origin_from_event
from .pages import EDGE_FAILED, METHOD_REFUSED, UNRESOLVED, EdgeFailure, error_page, request_id
from .policies import CachePolicy, add_response_headers, cache_policy, forwarding, matches

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"

Fetch = Callable[[Request], Awaitable[Response | None]]

_DEFAULT_READ_SECONDS = 30
_ERROR_TTL = 10.0
_CACHED_ERRORS = frozenset({404, 405, 410, 414, 500, 501, 502, 503, 504, 403, 400})


class CloudFront:
    """Every distribution of the state; `fetch` reaches the origins that this data plane serves."""

    def __init__(self, store: Store, lambdas: LambdaService, keyring: Keyring, fetch: Fetch) -> None:
        self._store = store
        self._lambdas = lambdas
        self._fetch = fetch
        self._origins = Origins(store, keyring)
        self.cache = Cache()

    async def handle(self, request: Request, distribution: Resource) -> Response:
        """Answer a viewer of a distribution."""
        visit = _Visit(distribution, _behaviour(distribution.properties, request.path), request_id(), request.host)
        try:
            response, result = await self._serve(visit, request)
        except EdgeFailure as failure:
            response, result = error_page(failure, visit.request_id), failure.result
        response.headers["X-Cache"] = f"{result} from cloudfront"
        response.headers["Via"] = f"1.1 {visit.node} (CloudFront)"
        response.headers["X-Amz-Cf-Pop"] = "LOC50-P1"
        response.headers["X-Amz-Cf-Id"] = visit.request_id
        return response

    def invalidate(self, distribution: str, path: str) -> None:
        """Forget what is kept of a path, or with `*` at its end of all that begin so."""
        if path.endswith("*"):
            self.cache.drop(lambda key: key[0] == distribution and _with_query(key).startswith(path[:-1]))
        elif "?" in path:
            self.cache.drop(lambda key: key[0] == distribution and _with_query(key) == path)
        else:
            self.cache.drop(lambda key: key[0] == distribution and key[2] == path)

    def forget_missing(self) -> None:
        """Drop what is kept of distributions that are gone. A changed one keeps it, as on the cloud."""
        known = {distribution.id for distribution in self._store.list(DISTRIBUTION)}
        self.cache.drop(lambda key: key[0] not in known)

    async def _serve(self, visit: _Visit, viewer: Request) -> tuple[Response, str]:
        if not visit.distribution.properties.get("enabled", True):
            raise EdgeFailure(403, "The distribution is disabled.")
        if viewer.method not in visit.behaviour.get("allowedMethods", ("GET", "HEAD")):
            raise EdgeFailure(403, METHOD_REFUSED)
        viewer.headers = without(viewer.headers)
        generated = await self._request_trigger(visit, edge.VIEWER_REQUEST, viewer, None)
        if generated is not None:
            return generated, "LambdaGeneratedResponse"
        root = visit.distribution.properties.get("defaultRootObject")
        if viewer.path == "/" and root:
            viewer.path = f"/{root}"
        response, result = await self._cached_or_fetched(visit, viewer)
        response, failed = await self._custom_error(visit, viewer, response)
        add_response_headers(self._store, visit.behaviour, response.headers)
        if response.status < 400 and not failed:
            await self._response_trigger(visit, edge.VIEWER_RESPONSE, viewer, None, response)
        return response, "Error" if response.status >= 400 and result == "Miss" else result

    async def _cached_or_fetched(self, visit: _Visit, viewer: Request) -> tuple[Response, str]:
        policy = cache_policy(self._store, visit.behaviour)
        key = _cache_key(visit, viewer, policy) if policy.caches and viewer.method in {"GET", "HEAD"} else None
        entry = self.cache.get(key) if key else None
        if entry is not None:
            response = entry.response()
            response.headers["Age"] = str(entry.age)
            return response, "Hit"
        response, result = await self._from_origin(visit, viewer, policy)
        if key is not None:
            await response.read()
            self.cache.put(key, response, _ttl(response, policy))
        return response, result

    async def _from_origin(self, visit: _Visit, viewer: Request, policy: CachePolicy) -> tuple[Response, str]:
        origin = self._origins.find(visit.distribution, str(visit.behaviour["targetOriginId"]))
        rules = forwarding(self._store, visit.behaviour)
        request = self._origins.request(viewer, origin, (policy.key, rules), visit.node, visit.request_id)
        described = origin.event_json()
        generated = await self._request_trigger(visit, edge.ORIGIN_REQUEST, request, described)
        if generated is not None:
            return generated, "LambdaGeneratedResponse"
        origin = origin_from_event(origin, visit.origin_given)
        self._origins.address(request, origin)
        response = await self._read_origin(visit, request, origin)
        response.headers = without(response.headers, HOP_BY_HOP)
        await self._response_trigger(visit, edge.ORIGIN_RESPONSE, request, described, response)
        return response, "Miss"

    async def _read_origin(self, visit: _Visit, request: Request, origin: Origin) -> Response:
        self._origins.sign(request, origin, visit.distribution)
        seconds = origin.read_seconds or _DEFAULT_READ_SECONDS
        try:
            response = await asyncio.wait_for(self._fetch(request), seconds)
        except TimeoutError as error:
            told = (
                f"CloudFront attempted to establish a connection with the origin, but it did not answer in {seconds} s."
            )
            raise EdgeFailure(504, told) from error
        if response is None:
            raise EdgeFailure(502, UNRESOLVED)
        return response

    async def _custom_error(self, visit: _Visit, viewer: Request, response: Response) -> tuple[Response, bool]:
        for rule in visit.distribution.properties.get("customErrorResponses") or []:
            if int(rule["errorCode"]) == response.status and rule.get("responsePagePath"):
                page = replace(viewer, method="GET", path=str(rule["responsePagePath"]), query="", body=b"")
                inner = replace(visit, behaviour=_behaviour(visit.distribution.properties, page.path))
                found, _ = await self._cached_or_fetched(inner, page)
                found.status = int(rule.get("responseCode") or response.status)
                return found, True
        return response, False

    async def _request_trigger(
        self, visit: _Visit, event_type: str, request: Request, origin: dict[str, Any] | None
    ) -> Response | None:
        """Run the function of a request event; the response that it generated, or None to go on."""
        association = visit.association(event_type)
        if association is None:
            return None
        include_body = bool(association.get("includeBody"))
        described = edge.request_json(request, event_type, include_body=include_body, origin=origin)
        result = await self._run(visit, event_type, association, {"request": described})
        if edge.is_response(result):
            return edge.generated_response(result, event_type)
        visit.origin_given = edge.apply_request(request, result, event_type)
        return None

    async def _response_trigger(
        self, visit: _Visit, event_type: str, request: Request, origin: dict[str, Any] | None, response: Response
    ) -> None:
        association = visit.association(event_type)
        if association is None:
            return
        described = edge.request_json(request, event_type, include_body=False, origin=origin)
        cf = {"request": described, "response": edge.response_json(response)}
        edge.apply_response(response, await self._run(visit, event_type, association, cf), event_type)

    async def _run(self, visit: _Visit, event_type: str, association: dict[str, Any], cf: dict[str, Any]) -> Any:
        target = Target.parse(str(association["lambdaArn"]))
        version = find_version(self._store, target)
        if version is None or not target.qualifier.isdigit():
            raise EdgeFailure(503, EDGE_FAILED, "LambdaExecutionError")
        payload = edge.encode(edge.make_event(visit.config(event_type), cf))
        result = await self._lambdas.invoke(version, payload, arn=str(association["lambdaArn"]), at_edge=True)
        if result.failed:
            raise EdgeFailure(503, EDGE_FAILED, "LambdaExecutionError")
        return edge.parse_result(result.outcome.payload)


@dataclass
class _Visit:
    """One viewer request on its way through a distribution."""

    distribution: Resource
    behaviour: dict[str, Any]
    request_id: str
    host: str
    origin_given: dict[str, Any] | None = None
    """The `origin` that an origin-request function returned."""

    @property
    def node(self) -> str:
        return f"{self.distribution.id.lower():0<32.32}.cloudfront.net"

    def association(self, event_type: str) -> dict[str, Any] | None:
        for association in self.behaviour.get("lambdaFunctionAssociations") or []:
            if association["eventType"] == event_type:
                return association
        return None

    def config(self, event_type: str) -> dict[str, str]:
        return {
            "distributionDomainName": str(self.distribution.properties.get("domainName", "")),
            "distributionId": self.distribution.id,
            "eventType": event_type,
            "requestId": self.request_id,
        }


def _behaviour(distribution: dict[str, Any], path: str) -> dict[str, Any]:
    for behaviour in distribution.get("orderedCacheBehaviors") or []:
        if matches(str(behaviour["pathPattern"]), path):
            return behaviour
    return distribution["defaultCacheBehavior"]


def _with_query(key: Key) -> str:
    return f"{key[2]}?{key[3]}" if key[3] else str(key[2])


def _cache_key(visit: _Visit, viewer: Request, policy: CachePolicy) -> tuple[object, ...]:
    headers = tuple(
        sorted((name.lower(), value) for name, value in viewer.headers.items() if policy.key.headers.takes(name))
    )
    query = "&".join(part for part in viewer.query.split("&") if policy.key.query.takes(part.partition("=")[0]))
    cookies = tuple(
        part.strip()
        for value in viewer.headers.getall("Cookie", [])
        for part in value.split(";")
        if policy.key.cookies.takes(part.strip().partition("=")[0])
    )
    return (visit.distribution.id, viewer.method, viewer.path, query, headers, cookies)


def _ttl(response: Response, policy: CachePolicy) -> float:
    """How long a response is kept (Developer Guide, "Manage how long content stays in the cache")."""
    if response.status in _CACHED_ERRORS:
        return _ERROR_TTL
    told = directives(response.headers)
    if response.status >= 400 or "Set-Cookie" in response.headers:
        return 0
    if {"no-store", "no-cache", "private"} & told.keys():
        return policy.min_ttl
    asked = origin_ttl(response.headers)
    if asked is None:
        return max(policy.default_ttl, policy.min_ttl)
    return min(max(asked, policy.min_ttl), policy.max_ttl)
