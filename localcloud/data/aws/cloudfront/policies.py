"""What a behaviour forwards to the origin, what it caches by and for how long, and which headers it adds.

Source of the managed policies: Amazon CloudFront Developer Guide, "Use managed cache policies", "Use managed
origin request policies", "Use managed response headers policies".
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from multidict import CIMultiDict

from localcloud.store import Store

CACHE_POLICY = "aws:cloudfront/cachePolicy:CachePolicy"
ORIGIN_REQUEST_POLICY = "aws:cloudfront/originRequestPolicy:OriginRequestPolicy"
RESPONSE_HEADERS_POLICY = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"


@dataclass(frozen=True)
class Choice:
    """Which of many names: `none`, `whitelist`, `allExcept` or `all`."""

    behaviour: str = "none"
    items: frozenset[str] = frozenset()

    def takes(self, name: str) -> bool:
        listed = name.lower() in self.items
        return self.behaviour == "all" or (
            (self.behaviour == "whitelist" and listed) or (self.behaviour == "allExcept" and not listed)
        )


@dataclass(frozen=True)
class Forwarding:
    """Viewer headers, cookies and query parameters that reach the origin."""

    headers: Choice = Choice()
    cookies: Choice = Choice()
    query: Choice = Choice()


@dataclass(frozen=True)
class CachePolicy:
    min_ttl: float
    default_ttl: float
    max_ttl: float
    key: Forwarding = Forwarding()

    @property
    def caches(self) -> bool:
        return self.max_ttl > 0


_ALL = Choice("all")
_VALIDATED = Choice(
    "whitelist", frozenset({"host", "origin", "x-http-method", "x-http-method-override", "x-method-override"})
)

_MANAGED_CACHE = {
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": CachePolicy(0, 0, 0),
    "658327ea-f89d-4fab-a63d-7e88639e58f6": CachePolicy(1, 86_400, 31_536_000),
    "83da9c7e-98b4-4e11-a168-04f0df8e2c65": CachePolicy(0, 0, 31_536_000, Forwarding(_VALIDATED, _ALL)),
    "4cc15a8a-d715-48a4-82b8-cc0b614638fe": CachePolicy(0, 0, 31_536_000, Forwarding(_VALIDATED, _ALL, _ALL)),
}
_MANAGED_FORWARDING = {
    "b689b0a8-53d0-40ab-baf2-68738e2966ac": Forwarding(Choice("allExcept", frozenset({"host"})), _ALL, _ALL),
    "216adef6-5c7f-47e4-b989-5492eafa07d3": Forwarding(_ALL, _ALL, _ALL),
    "bf0718e1-ba1e-49d1-88b1-f726733018ae": Forwarding(Choice("whitelist", frozenset({"host"}))),
}
_SECURITY_HEADERS = {
    "X-XSS-Protection": "1; mode=block",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000",
}
_MANAGED_RESPONSE = {
    "67f7725c-6f97-4210-82d7-5512b31e9d03": _SECURITY_HEADERS,
    "e61eb60c-9c35-4d20-a928-2b84e02af89c": {**_SECURITY_HEADERS, "Access-Control-Allow-Origin": "*"},
}
_ALWAYS_OVERRIDDEN = frozenset({"X-Content-Type-Options"})


def cache_policy(store: Store, behaviour: dict[str, Any]) -> CachePolicy:
    """The cache policy of a behaviour; without one, its own TTLs as the deprecated settings have them."""
    identifier = str(behaviour.get("cachePolicyId") or "")
    if identifier in _MANAGED_CACHE:
        return _MANAGED_CACHE[identifier]
    own = store.get(CACHE_POLICY, identifier)
    if own is None:
        return _with_ttls(behaviour, Forwarding())
    return _with_ttls(own.properties, _forwarding(own.properties["parametersInCacheKeyAndForwardedToOrigin"]))


def forwarding(store: Store, behaviour: dict[str, Any]) -> Forwarding:
    """What the origin request policy of a behaviour forwards, besides what the cache key holds."""
    identifier = str(behaviour.get("originRequestPolicyId") or "")
    if identifier in _MANAGED_FORWARDING:
        return _MANAGED_FORWARDING[identifier]
    own = store.get(ORIGIN_REQUEST_POLICY, identifier)
    return _forwarding(own.properties) if own else Forwarding()


def add_response_headers(store: Store, behaviour: dict[str, Any], headers: CIMultiDict[str]) -> None:
    """Apply the response headers policy: a header of the origin stays unless the policy overrides it."""
    identifier = str(behaviour.get("responseHeadersPolicyId") or "")
    for name, value in _MANAGED_RESPONSE.get(identifier, {}).items():
        if name in _ALWAYS_OVERRIDDEN:
            headers[name] = value
        headers.setdefault(name, value)
    own = store.get(RESPONSE_HEADERS_POLICY, identifier)
    if own is not None:
        for item in (own.properties.get("customHeadersConfig") or {}).get("items") or []:
            if item.get("override"):
                headers[item["header"]] = item["value"]
            headers.setdefault(item["header"], item["value"])


def matches(pattern: str, path: str) -> bool:
    """Whether a path pattern (`*`, `?`, case-sensitive, with or without leading `/`) matches."""
    plain = pattern.lstrip("/").replace("[", "[[]")
    return fnmatchcase(path.lstrip("/"), plain)


def _with_ttls(settings: dict[str, Any], key: Forwarding) -> CachePolicy:
    shortest, usual, longest = (float(settings.get(name) or 0) for name in ("minTtl", "defaultTtl", "maxTtl"))
    return CachePolicy(shortest, usual, longest, key)


def _forwarding(properties: dict[str, Any]) -> Forwarding:
    return Forwarding(
        _choice(properties.get("headersConfig"), "headerBehavior", "headers"),
        _choice(properties.get("cookiesConfig"), "cookieBehavior", "cookies"),
        _choice(properties.get("queryStringsConfig"), "queryStringBehavior", "queryStrings"),
    )


def _choice(config: dict[str, Any] | None, behaviour: str, items: str) -> Choice:
    config = config or {}
    names = frozenset(name.lower() for name in (config.get(items) or {}).get("items") or [])
    kind = str(config.get(behaviour) or "none")
    if kind.startswith("allViewer"):
        return _ALL
    return Choice(kind, names)
