"""Rules about a function URL behind a distribution: what reaches it, and who lets it in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rules import cloudfront
from rules.aws_resources import (
    ACCESS_CONTROL,
    BEHAVIORS,
    CACHE_POLICY,
    DISTRIBUTION,
    FUNCTION,
    FUNCTION_URL,
    ORIGIN_REQUEST_POLICY,
    PERMISSION,
)
from rules.given import UNKNOWN, Given
from rules.kind import pick
from rules.links import Linked, of, referred, source
from rules.rule import Report, check

_INVOKE = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
_CLOUDFRONT = "cloudfront.amazonaws.com"
_RESOURCE_POLICY = "aws:lambda/resourcePolicy:ResourcePolicy"
_CALLEES = {FUNCTION_URL: "function_name", "aws:lambda/alias:Alias": "function_name"}
"""Types whose outputs also name a function, and their input that tells which."""
_POLICIES = {"origin_request_policy_id": ORIGIN_REQUEST_POLICY, "cache_policy_id": CACHE_POLICY}
_ALL_VIEWER = ("allViewer", "allViewerAndWhitelistCloudFront")
_DEFAULT_READ_TIMEOUT_S = 30


def linked_findings(resources: Sequence[Linked], *, is_whole: bool) -> Report:
    """Hold every distribution with a function URL behind it against these rules.

    In a whole stack, one that looks nothing up elsewhere, an origin that is not known yet must be the one URL there is.
    """
    report = Report()
    urls = list(of(resources, FUNCTION_URL))
    for distribution in of(resources, DISTRIBUTION):
        for place, origin in distribution.given.inside("origins[]"):
            if _is_function_url(distribution, place, origin):
                report += _forwarding(distribution, origin.get("origin_id"))
            url = _url_of(distribution, place, origin, urls if is_whole else [])
            if url is not None and _is_signed(distribution, place):
                report += _let_in(resources, distribution, url, origin)
    return report


def _is_signed(distribution: Linked, place: str) -> bool:
    control = source(distribution, f"{place}.origin_access_control_id", ACCESS_CONTROL)
    return control is not None and _is_for_url(control.resource.given) and _signs(control.resource.given)


def _is_for_url(control: Given) -> bool:
    return control.get("origin_access_control_origin_type") == "lambda"


def _signs(control: Given) -> bool:
    return control.get("signing_behavior") == "always"


def _is_function_url(distribution: Linked, place: str, origin: Given) -> bool:
    control = source(distribution, f"{place}.origin_access_control_id", ACCESS_CONTROL)
    return (
        ".lambda-url." in str(origin.get("domain_name"))
        or source(distribution, f"{place}.domain_name", FUNCTION_URL) is not None
        or (control is not None and _is_for_url(control.resource.given))
    )


def _url_of(distribution: Linked, place: str, origin: Given, urls: list[Linked]) -> Linked | None:
    found = source(distribution, f"{place}.domain_name", FUNCTION_URL)
    if found is not None:
        return found.resource
    is_open = origin.raw("domain_name") is UNKNOWN and not distribution.links.get(f"{place}.domain_name")
    return urls[0] if is_open and len(urls) == 1 else None


def _forwarding(distribution: Linked, origin_id: Any) -> Report:
    """Policies of this stack that forward Host to the origin with this id."""
    report = Report()
    for path in BEHAVIORS:
        for place, behavior in distribution.given.inside(path):
            if origin_id is None or behavior.get("target_origin_id") != origin_id:
                continue
            for field, type_ in _POLICIES.items():
                policy = source(distribution, f"{place}.{field}", type_)
                names = [policy.resource.label] if policy is not None and _forwards_host(policy.resource.given) else []
                facts = {"host_policies": names}
                report += check(_HOST, facts, distribution.label, {"host_policies": f"{place}.{field}"})
    return report


_HOST = pick(cloudfront.DISTRIBUTION, "CF-HOST")


_HEADERS = ("headers_config", "parameters_in_cache_key_and_forwarded_to_origin.headers_config")
"""Where an origin request policy and the key of a cache policy list headers."""


def _forwards_host(policy: Given) -> bool:
    return any(_takes_host(headers) for path in _HEADERS for _, headers in policy.inside(path))


def _takes_host(headers: Given) -> bool:
    names = headers.get("headers.items")
    listed = {str(name).lower() for name in names} if isinstance(names, list) else set()
    behavior = headers.get("header_behavior")
    if behavior == "allExcept":
        return names is not None and "host" not in listed
    return behavior in _ALL_VIEWER or (behavior == "whitelist" and "host" in listed)


def _let_in(resources: Sequence[Linked], distribution: Linked, url: Linked, origin: Given) -> Report:
    """A function URL behind a distribution that signs needs AWS_IAM, and both permissions for that distribution."""
    facts = {
        "missing_permissions": _missing(resources, distribution, url),
        "url_auth": url.given.get("authorization_type"),
        **_timeouts(resources, url, origin),
    }
    names = {
        "missing_permissions": f"permissions for {distribution.label}",
        "url_auth": "authorization_type",
        "read_timeout_s": "read timeout",
    }
    return check(cloudfront.STACK, facts, url.label, names)


def _missing(resources: Sequence[Linked], distribution: Linked, url: Linked) -> list[str]:
    if any(of(resources, _RESOURCE_POLICY)):
        return []
    callees = _callees(resources, url, "function_name")
    granting = [
        each.given
        for each in of(resources, PERMISSION)
        if _is_for_cloudfront(each.given)
        and _is_from(each, distribution)
        and _are_same(callees, _callees(resources, each, "function"))
    ]
    if any(given.raw("action") is UNKNOWN for given in granting):
        return []
    granted = {action for given in granting for action in _actions(given.get("action"))}
    return [action for action in _INVOKE if action not in granted]


def _actions(action: object) -> tuple[str, ...]:
    return _INVOKE if str(action) in {"*", "lambda:*", "lambda:Invoke*"} else (str(action),)


def _is_for_cloudfront(permission: Given) -> bool:
    return permission.raw("principal") is UNKNOWN or str(permission.get("principal")) in {_CLOUDFRONT, "*"}


def _is_from(permission: Linked, distribution: Linked) -> bool:
    """Whether a permission may be for this distribution: it names this one, none, or one that cannot be told."""
    if not permission.given.has("source_arn"):
        return True
    links = permission.links.get("source_arn", ())
    from_stack = [each.resource.label for each in links if each.resource.type == DISTRIBUTION]
    return not from_stack or distribution.label in from_stack


def _callees(resources: Sequence[Linked], resource: Linked, path: str) -> set[str] | None:
    """Labels and names of the functions that an input may mean; None where that cannot be told yet."""
    function = referred(resource, path, resources, FUNCTION, "name")
    if function is not None:
        name = function.given.get("name")
        return {function.label, *([str(name)] if name else [])}
    for each in resource.links.get(path, ()):
        if each.resource.type in _CALLEES:
            return _callees(resources, each.resource, _CALLEES[each.resource.type])
    value = resource.given.get(path)
    return None if value is None else {str(value), str(value).rpartition(":function:")[2]}


def _are_same(one: set[str] | None, other: set[str] | None) -> bool:
    return one is None or other is None or bool(one & other)


def _timeouts(resources: Sequence[Linked], url: Linked, origin: Given) -> dict[str, Any]:
    """Read timeout of the origin and timeout of the function behind it, where that is a function of this stack."""
    function = referred(url, "function_name", resources, FUNCTION, "name")
    if function is None:
        return {}
    read = origin.get("custom_origin_config.origin_read_timeout")
    is_left_out = not origin.has("custom_origin_config.origin_read_timeout")
    return {
        "read_timeout_s": _DEFAULT_READ_TIMEOUT_S if is_left_out else read,
        "function_timeout_s": function.given.get("timeout"),
    }


TABLE = cloudfront.STACK
