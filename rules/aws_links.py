"""Rules about several resources together: what a distribution runs at the edge, and who lets it in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rules import certificates, edge, edge_source, lambda_
from rules.aws_resources import (
    CODE_RULES,
    DISTRIBUTION,
    FUNCTION,
    OBJECTS,
    code_facts,
    environment,
    of_package,
    or_else,
    present,
)
from rules.given import Given
from rules.kind import Derived, Part, pick
from rules.links import Linked, Source, of, referred, region, source
from rules.rule import Report, check
from rules.trusts import trusts

_ASSOCIATION = re.compile(r"(?P<place>.*lambda_function_associations\[\d+\])\.lambda_arn")
_BUCKET = "aws:s3/bucket:Bucket"
_ROLE = "aws:iam/role:Role"
_PROVISIONED = "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig"
_RUNTIME_MANAGEMENT = "aws:lambda/runtimeManagementConfig:RuntimeManagementConfig"


_EDGE_FUNCTION = Part(
    (
        *edge.FUNCTION,
        *pick(edge.TABLE, "E3", "E3-LEAVING", "E-TIMEOUT", "E-TIMEOUT-VIEWER", "E-MEMORY", "E-MEMORY-VIEWER"),
        *pick(edge.TABLE, "E-ZIP-SIZE"),
        *edge_source.TABLE,
    ),
    {
        "edge_region": Derived("region", lambda given: region(given, "aws_region")),
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
        **{name: of_package("code", name) for name in ("zip_bytes", "handler_headers", "body_bytes")},
    },
)


_STORED_CODE = Part(pick(lambda_.TABLE, *CODE_RULES), code_facts("source"))


def linked_findings(resources: Sequence[Linked]) -> Report:
    """Hold the AWS resources of one stack against the rules about several of them together."""
    return sum((each(resources) for each in (_at_edge, _certificates, _code)), Report())


def _at_edge(resources: Sequence[Linked]) -> Report:
    report = Report()
    functions: dict[str, Linked] = {}
    for distribution in of(resources, DISTRIBUTION):
        for path, sources in distribution.links.items():
            found = _ASSOCIATION.fullmatch(path)
            if not found:
                continue
            report += _taken_as(sources, distribution, path)
            function = _function_at(distribution, path)
            if function is not None:
                functions[function.label] = function
                event = _event(distribution.given, found["place"])
                report += _EDGE_FUNCTION.check(_with_event(function.given, event), function.label)
    for function in functions.values():
        report += _around_edge(resources, function)
    return report


def _taken_as(sources: Sequence[Source], distribution: Linked, path: str) -> Report:
    """Whether an output that is passed on as such is a version; what is made of outputs is judged by its value."""
    facts = {"output": next((_taken(each) for each in sources if each.output), None)}
    return check(edge.SOURCE, facts, distribution.label, {"output": path})


def _function_at(distribution: Linked, path: str) -> Linked | None:
    """The function that an association runs, also where its ARN was made of the function's outputs."""
    found = source(distribution, path, FUNCTION)
    return found.resource if found is not None else None


def _taken(source: Source) -> str:
    """What stands in an association, such as `arn of aws:lambda/function:Function`."""
    return f"{source.output} of {source.resource.type}"


def _with_event(given: Given, event: str) -> Given:
    return Given(given.values, {**given.around, "event": event}, given.packages)


def _event(given: Given, place: str) -> str:
    inside = re.sub(r"\[\d+\]", "[]", place)
    for path, association in given.inside(inside):
        if path == place:
            return association.get("event_type") or ""
    return ""


def _around_edge(resources: Sequence[Linked], function: Linked) -> Report:
    """The role, the concurrency and the runtime management of a function at the edge."""
    report = Report()
    role = referred(function, "role", resources, _ROLE, "arn")
    if role is not None:
        report += trusts(edge.TRUST, role, "assume_role_policy")
    for each in of(resources, _PROVISIONED):
        if _uses(each, "function_name", function):
            facts = {"provisioned": each.given.get("provisioned_concurrent_executions")}
            report += check(edge.PROVISIONED, facts, each.label)
    for each in of(resources, _RUNTIME_MANAGEMENT):
        if _uses(each, "function_name", function):
            report += Part(edge.RUNTIME_MANAGEMENT).check(each.given, each.label)
    return report


def _uses(resource: Linked, path: str, function: Linked) -> bool:
    found = referred(resource, path, [function], FUNCTION, "name")
    return found is not None and found.label == function.label


def _certificates(resources: Sequence[Linked]) -> Report:
    """The certificates of distributions must be where CloudFront looks for them."""
    report = Report()
    for distribution in of(resources, DISTRIBUTION):
        for each in distribution.links.get("viewer_certificate.acm_certificate_arn", ()):
            if each.resource.type.startswith("aws:acm/"):
                facts = {"certificate_region": region(each.resource.given, "aws_region")}
                report += check(certificates.AT_THE_EDGE, facts, each.resource.label, {"certificate_region": "region"})
    return report


def _code(resources: Sequence[Linked]) -> Report:
    """Code in a bucket must be in the function's Region, and be what the function can start."""
    report = Report()
    for function in of(resources, FUNCTION):
        stored = source(function, "s3_key", *OBJECTS) or source(function, "s3_bucket", *OBJECTS)
        holder = function if stored is None else stored.resource
        bucket = referred(holder, "s3_bucket" if holder is function else "bucket", resources, _BUCKET, "bucket")
        if bucket is not None:
            facts = {
                "bucket_region": region(bucket.given, "aws_region"),
                "function_region": region(function.given, "aws_region"),
            }
            report += check(lambda_.CODE_BUCKET, facts, bucket.label, {"bucket_region": "region"})
        if stored is not None:
            given = Given(function.given.values, function.given.around, stored.resource.given.packages)
            report += _STORED_CODE.check(given, function.label)
    return report


TABLE = (
    *edge.FUNCTION,
    *edge.SOURCE,
    *edge.PROVISIONED,
    *edge.RUNTIME_MANAGEMENT,
    *edge.TRUST,
    *lambda_.CODE_BUCKET,
    *certificates.AT_THE_EDGE,
)
"""Every rule about several resources of AWS together, but for those about what a function URL lets in."""
