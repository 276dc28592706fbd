"""Rules about several resources together: what a distribution runs at the edge, and who lets it in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from rules import alibaba_resources, certificates, cloudfront, edge, lambda_, ram
from rules.aws_resources import (
    ACCESS_CONTROL,
    DISTRIBUTION,
    FUNCTION,
    FUNCTION_URL,
    PERMISSION,
    environment,
    or_else,
    present,
)
from rules.given import UNKNOWN, Given
from rules.kind import Derived, Part, pick
from rules.rule import Report, Rule, check

_ASSOCIATION = re.compile(r"(?P<place>.*lambda_function_associations\[\d+\])\.lambda_arn")
_INVOKE = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
_CLOUDFRONT = "cloudfront.amazonaws.com"
_RESOURCE_POLICY = "aws:lambda/resourcePolicy:ResourcePolicy"
_PROVISIONED = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
_RUNTIME_MANAGEMENT = "aws:lambda/runtimeManagementConfig:RuntimeManagementConfig"


class Source(Protocol):
    """An output of another resource."""

    @property
    def resource(self) -> Linked: ...
    @property
    def output(self) -> str: ...


class Linked(Protocol):
    """A resource and, by the path of an input, the output that stands there."""

    @property
    def type(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def given(self) -> Given: ...
    @property
    def links(self) -> Mapping[str, Source]: ...


def _region(given: Given) -> str | None:
    return given.get("region") or (None if given.has("region") else given.around.get("aws_region") or None)


_EDGE_FUNCTION = Part(
    (
        *edge.FUNCTION,
        *pick(edge.TABLE, "E3", "E3-LEAVING", "E-TIMEOUT", "E-TIMEOUT-VIEWER", "E-MEMORY", "E-MEMORY-VIEWER"),
    ),
    {
        "edge_region": Derived("region", _region),
        "publish": or_else("publish", default=False),
        "package_type": or_else("package_type", "Zip"),
        "has_environment": Derived("environment", lambda given: bool(environment("environment.variables").read(given))),
        **{
            f"has_{name}": present(name)
            for name in ("layers", "vpc_config", "dead_letter_config", "source_kms_key_arn", "tags")
        },
        "tracing_mode": "tracing_config.mode",
        "ephemeral_storage_mb": "ephemeral_storage.size",
        "memory_mb": "memory_size",
        "timeout_s": "timeout",
        "event": Derived("event", lambda given: given.around.get("event")),
    },
)


def linked_findings(resources: Sequence[Linked]) -> Report:
    """Hold the resources of one stack against the rules about several of them together."""
    return sum((each(resources) for each in (_at_edge, _let_in, _trusted, _in_region)), Report())


def _at_edge(resources: Sequence[Linked]) -> Report:
    report = Report()
    functions: dict[str, Linked] = {}
    for distribution in _of(resources, DISTRIBUTION):
        for path, source in distribution.links.items():
            found = _ASSOCIATION.fullmatch(path)
            if not found:
                continue
            report += check(edge.SOURCE, {"output": _taken(source)}, distribution.label, {"output": path})
            if source.resource.type == FUNCTION:
                function = source.resource
                functions[function.label] = function
                event = _event(distribution.given, found["place"])
                report += _EDGE_FUNCTION.check(_with_event(function.given, event), function.label)
    for function in functions.values():
        report += _around_edge(resources, function)
    return report


def _taken(source: Source) -> str:
    """What stands in an association, such as `arn of aws:lambda/function:Function`."""
    return f"{source.output} of {source.resource.type}"


def _with_event(given: Given, event: str) -> Given:
    return Given(given.values, {**given.around, "event": event})


def _event(given: Given, place: str) -> str:
    inside = re.sub(r"\[\d+\]", "[]", place)
    for path, association in given.inside(inside):
        if path == place:
            return association.get("event_type") or ""
    return ""


def _around_edge(resources: Sequence[Linked], function: Linked) -> Report:
    """The role, the concurrency and the runtime management of a function at the edge."""
    report = Report()
    role = function.links.get("role")
    if role is not None and role.resource.type in _ROLES:
        report += _trusts(edge.TRUST, role.resource, "assume_role_policy")
    for each in _of(resources, _PROVISIONED):
        if _uses(each, "function_name", function):
            facts = {"provisioned": each.given.get("provisioned_concurrent_executions")}
            report += check(edge.PROVISIONED, facts, each.label)
    for each in _of(resources, _RUNTIME_MANAGEMENT):
        if _uses(each, "function_name", function):
            report += Part(edge.RUNTIME_MANAGEMENT).check(each.given, each.label)
    return report


def _trusts(table: tuple[Rule, ...], role: Linked, field: str) -> Report:
    return check(table, {"trust": role.given.get(field)}, role.label, {"trust": field})


def _let_in(resources: Sequence[Linked]) -> Report:
    """A function URL behind a distribution that signs needs both permissions and AWS_IAM.

    Which URL an origin is cannot be told before it exists, so one that is right is enough for all of a stack.
    """
    urls = list(_of(resources, FUNCTION_URL))
    if not urls or not any(map(_signs, _of(resources, ACCESS_CONTROL))) or any(_of(resources, _RESOURCE_POLICY)):
        return Report()
    granted = {each.given.get("action") for each in _of(resources, PERMISSION) if _for_cloudfront(each.given)}
    auths = [url.given.get("authorization_type") for url in urls]
    facts = {
        "missing_permissions": [] if None in granted else [action for action in _INVOKE if action not in granted],
        "url_auth": "AWS_IAM" if set(auths) - {"NONE"} else "NONE",
        **_timeouts(resources, urls),
    }
    names = {"missing_permissions": "permissions", "url_auth": "authorization_type", "read_timeout_s": "read timeout"}
    return check(cloudfront.STACK, facts, urls[0].label, names)


def _signs(control: Linked) -> bool:
    given = control.given
    return given.get("origin_access_control_origin_type") == "lambda" and given.get("signing_behavior") == "always"


def _for_cloudfront(permission: Given) -> bool:
    return permission.raw("principal") is UNKNOWN or permission.get("principal") == _CLOUDFRONT


def _timeouts(resources: Sequence[Linked], urls: list[Linked]) -> dict[str, Any]:
    """Read timeout of the one signed origin and timeout of the one function with a URL, where there is one of each."""
    functions = [url.links["function_name"].resource for url in urls if "function_name" in url.links]
    origins = [
        origin.get("custom_origin_config.origin_read_timeout") or 30
        for each in _of(resources, DISTRIBUTION)
        for _, origin in each.given.inside("origins[]")
        if origin.has("origin_access_control_id") and origin.has("custom_origin_config")
    ]
    if len(urls) != 1 or len(functions) != 1 or len(origins) != 1:
        return {}
    return {"read_timeout_s": origins[0], "function_timeout_s": functions[0].given.get("timeout")}


def _trusted(resources: Sequence[Linked]) -> Report:
    """Roles of this stack must let in the service that they are given to."""
    report = Report()
    for resource in resources:
        for path, source in resource.links.items():
            table, field = _TRUST.get((resource.type, path), ((), ""))
            if source.resource.type in _ROLES:
                report += _trusts(table, source.resource, field)
    return report


_ROLES = ("aws:iam/role:Role", alibaba_resources.ROLE)
_RAM_FIELD = "assume_role_policy_document"
_TRUST = {
    (FUNCTION, "role"): (lambda_.TRUST, "assume_role_policy"),
    (alibaba_resources.FUNCTION, "role"): (ram.FC_TRUST, _RAM_FIELD),
    (alibaba_resources.TRIGGER, "invocation_role"): (ram.OSS_TRUST, _RAM_FIELD),
}


def _in_region(resources: Sequence[Linked]) -> Report:
    """Certificates of distributions and code of functions must be where these look for them."""
    report = Report()
    for distribution in _of(resources, DISTRIBUTION):
        source = distribution.links.get("viewer_certificate.acm_certificate_arn")
        if source is not None and source.resource.type.startswith("aws:acm/"):
            certificate = source.resource
            facts = {"certificate_region": _region(certificate.given)}
            report += check(certificates.AT_THE_EDGE, facts, certificate.label, {"certificate_region": "region"})
    for function in _of(resources, FUNCTION):
        source = function.links.get("s3_bucket")
        if source is not None:
            bucket = source.resource
            facts = {"bucket_region": _region(bucket.given), "function_region": _region(function.given)}
            report += check(lambda_.CODE_BUCKET, facts, bucket.label, {"bucket_region": "region"})
    return report


def _of(resources: Sequence[Linked], type_: str) -> Iterator[Linked]:
    return (each for each in resources if each.type == type_)


def _uses(resource: Linked, path: str, function: Linked) -> bool:
    source = resource.links.get(path)
    name = resource.given.get(path)
    return (source is not None and source.resource.label == function.label) or (
        name is not None and name == function.given.get("name")
    )


TABLE = (
    *edge.FUNCTION,
    *edge.SOURCE,
    *edge.PROVISIONED,
    *edge.RUNTIME_MANAGEMENT,
    *edge.TRUST,
    *lambda_.TRUST,
    *lambda_.CODE_BUCKET,
    *certificates.AT_THE_EDGE,
    *cloudfront.STACK,
)
"""Every rule about several resources of AWS together."""
