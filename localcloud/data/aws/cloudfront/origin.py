"""The way from a distribution to an origin: what is sent, where to, and signed by origin access control."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from multidict import CIMultiDict

from localcloud.data.aws.sigv4 import CONTENT_HASH, UNSIGNED_PAYLOAD, sign
from localcloud.data.keyring import AccessKey, Keyring, Principal
from localcloud.data.messages import Request
from localcloud.store import Resource, Store

from .pages import EdgeFailure
from .policies import Forwarding

ORIGIN_ACCESS_CONTROL = "aws:cloudfront/originAccessControl:OriginAccessControl"

_ALWAYS_FORWARDED = frozenset({"content-type", "content-length", "range"})
_NEVER_FORWARDED = frozenset({"x-amz-date", "x-amz-security-token", "x-amz-cf-id", "x-forwarded-for", "via", "cookie"})


@dataclass(frozen=True)
class Origin:
    """One origin of a distribution."""

    domain: str
    path: str
    headers: tuple[tuple[str, str], ...]
    access_control: str
    custom: dict[str, Any] | None
    """The custom origin settings; None for a bucket."""

    @property
    def read_seconds(self) -> int:
        return int((self.custom or {}).get("originReadTimeout") or 0)

    def event_json(self) -> dict[str, Any]:
        """The `origin` of an origin event."""
        headers = {name.lower(): [{"key": name, "value": value}] for name, value in self.headers}
        common = {"customHeaders": headers, "domainName": self.domain, "path": self.path}
        if self.custom is None:
            return {"s3": {**common, "authMethod": "none", "region": _region(self.domain)}}
        settings = {
            "keepaliveTimeout": int(self.custom.get("originKeepaliveTimeout") or 5),
            "port": int(self.custom.get("httpsPort") or 443),
            "protocol": "http" if self.custom.get("originProtocolPolicy") == "http-only" else "https",
            "readTimeout": self.read_seconds or 30,
            "sslProtocols": list(self.custom.get("originSslProtocols") or []),
        }
        return {"custom": {**common, **settings}}


class Origins:
    """Finds, addresses and signs for the origins of distributions."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring
        self._keys: dict[str, AccessKey] = {}

    def find(self, distribution: Resource, origin_id: str) -> Origin:
        """The origin with an id; raises EdgeFailure (502) when the distribution has none."""
        for settings in distribution.properties.get("origins") or []:
            if settings["originId"] == origin_id:
                return _origin(settings)
        raise EdgeFailure(502, f"The distribution has no origin with the id {origin_id}.")

    def request(
        self, viewer: Request, origin: Origin, rules: tuple[Forwarding, Forwarding], node: str, request_id: str
    ) -> Request:
        """What CloudFront sends for a viewer's request before any edge function changes it."""
        headers = _forwarded_headers(viewer, rules)
        headers.setdefault("Host", origin.domain)
        headers.setdefault("User-Agent", "Amazon CloudFront")
        headers["X-Forwarded-For"] = ", ".join([*viewer.headers.getall("X-Forwarded-For", []), viewer.client_ip])
        headers["Via"] = f"1.1 {node} (CloudFront)"
        headers["X-Amz-Cf-Id"] = request_id
        query = "&".join(
            part for part in viewer.query.split("&") if any(rule.query.takes(part.partition("=")[0]) for rule in rules)
        )
        return replace(viewer, host=origin.domain, query=query, headers=headers)

    def address(self, request: Request, origin: Origin) -> None:
        """Send the request to the origin as it stands now, with its path prefix and custom headers."""
        if request.headers.get("Host") == request.host:
            request.headers["Host"] = origin.domain
        request.host = origin.domain
        request.path = origin.path.rstrip("/") + request.path
        for name, value in origin.headers:
            request.headers[name] = value

    def sign(self, request: Request, origin: Origin, distribution: Resource) -> None:
        """Sign as the origin access control says.

        The content hash is the request's own, or that of an unsigned payload: CloudFront does not hash bodies
        (Developer Guide, "Restrict access to an AWS Lambda function URL origin").
        """
        control = self._store.get(ORIGIN_ACCESS_CONTROL, origin.access_control)
        if control is None or control.properties["signingBehavior"] == "never":
            return
        if control.properties["signingBehavior"] == "no-override" and "Authorization" in request.headers:
            return
        request.headers.popall("Authorization", None)
        request.headers.setdefault(CONTENT_HASH, UNSIGNED_PAYLOAD)
        service = str(control.properties["originAccessControlOriginType"])
        sign(request, self._key(str(distribution.properties["arn"])), service, _region(origin.domain))

    def _key(self, distribution_arn: str) -> AccessKey:
        if distribution_arn not in self._keys:
            principal = Principal("cloudfront.amazonaws.com", "cloudfront.amazonaws.com", distribution_arn)
            self._keys[distribution_arn] = self._keyring.issue(principal)
        return self._keys[distribution_arn]


def origin_from_event(origin: Origin, given: dict[str, Any] | None) -> Origin:
    """The origin as an origin-request function returned it; another domain than before loses the signing."""
    settings = (given or {}).get("custom") or (given or {}).get("s3")
    if not settings:
        return origin
    headers = tuple(
        (str(item.get("key") or name), str(item["value"]))
        for name, items in (settings.get("customHeaders") or {}).items()
        for item in items
    )
    domain = str(settings.get("domainName") or origin.domain)
    control = origin.access_control if domain == origin.domain else ""
    return replace(origin, domain=domain, path=str(settings.get("path") or ""), headers=headers, access_control=control)


def _origin(settings: dict[str, Any]) -> Origin:
    headers = tuple((str(item["name"]), str(item["value"])) for item in settings.get("customHeaders") or [])
    return Origin(
        domain=str(settings["domainName"]).lower(),
        path=str(settings.get("originPath") or ""),
        headers=headers,
        access_control=str(settings.get("originAccessControlId") or ""),
        custom=settings.get("customOriginConfig"),
    )


def _forwarded_headers(viewer: Request, rules: tuple[Forwarding, Forwarding]) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in viewer.headers.items():
        lower = name.lower()
        taken = lower in _ALWAYS_FORWARDED or any(rule.headers.takes(lower) for rule in rules)
        if taken and lower not in _NEVER_FORWARDED:
            headers.add(name, value)
    cookies = [
        part.strip()
        for value in viewer.headers.getall("Cookie", [])
        for part in value.split(";")
        if any(rule.cookies.takes(part.strip().partition("=")[0]) for rule in rules)
    ]
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    return headers


def _region(domain: str) -> str:
    """The region in `<id>.lambda-url.<region>.on.aws` or `<bucket>.s3.<region>.amazonaws.com`."""
    for marker in (".lambda-url.", ".s3."):
        _, found, rest = domain.partition(marker)
        if found:
            return rest.partition(".")[0]
    return "us-east-1"
