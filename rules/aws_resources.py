"""Which input of an AWS resource is which fact of the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rules import certificates, cloudfront, documents, edge, lambda_, s3
from rules.given import UNKNOWN, Given
from rules.kind import Derived, Part, pick

FUNCTION: Final = "aws:lambda/function:Function"
FUNCTION_URL: Final = "aws:lambda/functionUrl:FunctionUrl"
PERMISSION: Final = "aws:lambda/permission:Permission"
DISTRIBUTION: Final = "aws:cloudfront/distribution:Distribution"
OBJECTS: Final = ("aws:s3/bucketObjectv2:BucketObjectv2", "aws:s3/bucketObject:BucketObject")
ORIGIN_REQUEST_POLICY: Final = "aws:cloudfront/originRequestPolicy:OriginRequestPolicy"
CACHE_POLICY: Final = "aws:cloudfront/cachePolicy:CachePolicy"
ACCESS_CONTROL: Final = "aws:cloudfront/originAccessControl:OriginAccessControl"
BEHAVIORS: Final = ("default_cache_behavior", "ordered_cache_behaviors[]")
_CODE_PLACES: Final = ("code", "image_uri", "s3_bucket")


def environment(path: str) -> Derived:
    """The variables at a path; what is not known yet counts as empty, so that names are checked nonetheless."""

    def read(given: Given) -> dict[str, Any] | None:
        variables = given.raw(path)
        if not isinstance(variables, Mapping):
            return None
        return {name: "" if value is UNKNOWN else value for name, value in variables.items()}

    return Derived(path, read)


def present(path: str) -> Derived:
    """Whether an input is given."""
    return Derived(path, lambda given: given.has(path))


def or_else(path: str, default: Any) -> Derived:
    """An input, or what the cloud takes where it is left out."""
    return Derived(path, lambda given: given.get(path) if given.has(path) else default)


def events(path: str) -> Derived:
    """The events of a behaviour's associations that are known."""
    return Derived(
        path, lambda given: [each.get("event_type") for _, each in given.inside(f"{path}[]") if each.get("event_type")]
    )


def of_package(path: str, fact: str) -> Derived:
    """What is known of the zip or archive that an input holds."""
    return Derived(path, lambda given: given.packages.get(path, {}).get(fact))


def bootstrap_mode(path: str) -> Derived:
    """The mode of `bootstrap` at the root of an input's zip, 0 where it is missing; None where the zip has no modes."""

    def read(given: Given) -> int | None:
        package = given.packages.get(path, {})
        if package.get("has_bootstrap") is False:
            return 0
        return package.get("bootstrap_mode") or None

    return Derived(path, read)


def only_if(fact: Derived, applies: Callable[[Given], bool]) -> Derived:
    """The same fact where it matters at all."""
    return Derived(fact.field, lambda given: fact.read(given) if applies(given) else None)


def _starts_bootstrap(given: Given) -> bool:
    """Whether the function starts through its own `bootstrap`; a layer may bring one, too."""
    return str(given.get("runtime")).startswith("provided") and not given.has("layers")


def _architecture(given: Given) -> str | None:
    known = given.get("architectures") if given.has("architectures") else ["x86_64"]
    return known[0] if known else None


def code_facts(path: str) -> dict[str, str | Derived]:
    """The facts about a Lambda function's zip, which an input holds."""
    return {
        "zip_path": of_package(path, "zip_path"),
        "zip_error": of_package(path, "zip_error"),
        "zip_bytes": of_package(path, "zip_bytes"),
        "unpacked_bytes": of_package(path, "unpacked_bytes"),
        "bootstrap_mode": only_if(bootstrap_mode(path), _starts_bootstrap),
        "bootstrap_first_line": only_if(of_package(path, "bootstrap_first_line"), _starts_bootstrap),
        "bootstrap_machine": only_if(of_package(path, "bootstrap_machine"), _starts_bootstrap),
        "zip_architecture": of_package(path, "zip_architecture"),
        "architecture": Derived("architectures", _architecture),
    }


def _archive(given: Given) -> str | None:
    """`modeless` where there is a `bootstrap` in a zip that tells no modes, or in what Pulumi packs; else `file`."""
    package = given.packages.get("code")
    if package is None or "archive" not in package:
        return None
    has_modes = package["archive"] == "file" and package.get("bootstrap_mode")
    return "modeless" if package.get("has_bootstrap", package["archive"] == "tree") and not has_modes else "file"


def _cache_settings(given: Given) -> list[str]:
    return [name for name in ("cache_policy_id", "forwarded_values") if given.has(name)]


def _behaviors(given: Given) -> list[Given]:
    return [found for path in BEHAVIORS for _, found in given.inside(path)]


def _missing_targets(given: Given) -> list[str] | None:
    origins = [found.get("origin_id") for path in ("origins[]", "origin_groups[]") for _, found in given.inside(path)]
    if None in origins or not origins:
        return None
    targets = [behavior.get("target_origin_id") for behavior in _behaviors(given)]
    return sorted({target for target in targets if target is not None} - set(origins))


def _origin_ids(given: Given) -> list[str]:
    return [found.get("origin_id") for _, found in given.inside("origins[]") if found.get("origin_id")]


def _host_policies(given: Given) -> list[str]:
    """What forwards Host to a function URL: names of managed policies, or `forwarded_values`."""
    origins = _function_url_origins(given)
    return [
        name
        for behavior in _behaviors(given)
        if behavior.get("target_origin_id") in origins
        for name in _forwarding(behavior)
    ]


def _forwarding(behavior: Given) -> list[str]:
    policy = cloudfront.HOST_FORWARDING.get(behavior.get("origin_request_policy_id"))
    listed = {str(name).lower() for name in behavior.items("forwarded_values.headers")}
    return [name for name in (policy, "forwarded_values" if listed & {"*", "host"} else None) if name]


def _function_url_origins(given: Given) -> set[str]:
    return {
        found.get("origin_id")
        for _, found in given.inside("origins[]")
        if ".lambda-url." in (found.get("domain_name") or "")
    }


def _certificate_kind(given: Given) -> str | None:
    """`default` for CloudFront's own, `own` for one from ACM or IAM."""
    if given.has("viewer_certificate.acm_certificate_arn") or given.has("viewer_certificate.iam_certificate_id"):
        return "own"
    return "default" if given.get("viewer_certificate.cloudfront_default_certificate") is True else None


def _reason(*paths: str) -> Derived:
    return Derived(paths[0], lambda given: any(given.has(path) for path in paths))


def _identity_document(field: str) -> Part:
    return Part(documents.document_rules("IAM", "document"), {"document": field, "reason": _reason("description")})


CODE_RULES: Final = (
    *("ZIP-READABLE", "ZIP-BOOTSTRAP", "ZIP-SHEBANG", "LAMBDA-UNZIPPED-SIZE", "LAMBDA-ZIP-ARCHITECTURE"),
    "LAMBDA-BOOTSTRAP-MACHINE",
)
"""Ids of the rules about a function's zip, wherever it is."""
_FUNCTION = Part(
    (
        *pick(lambda_.TABLE, "LAMBDA-MEMORY", "LAMBDA-TIMEOUT", *CODE_RULES),
        *lambda_.ENVIRONMENT,
        *lambda_.FUNCTION,
    ),
    {
        "memory_mb": "memory_size",
        "timeout_s": "timeout",
        "environment": environment("environment.variables"),
        "package_type": or_else("package_type", "Zip"),
        "has_handler": present("handler"),
        "has_runtime": present("runtime"),
        "handler_text": "handler",
        "code_places": Derived("code", lambda given: [name for name in _CODE_PLACES if given.has(name)]),
        "snap_start": "snap_start.apply_on",
        "ephemeral_storage_mb": "ephemeral_storage.size",
        "layers": Derived("layers", lambda given: len(given.items("layers"))),
        "archive": Derived("code", _archive),
        **code_facts("code"),
        "direct_bytes": of_package("code", "zip_bytes"),
    },
)
_BEHAVIOR_FACTS = {
    "edge_events": events("lambda_function_associations"),
    "function_events": events("function_associations"),
    "cache_settings": Derived("cache_policy_id", _cache_settings),
}
_ASSOCIATION = Part(
    (*pick(edge.TABLE, "E-EVENT", "E2"), *edge.ASSOCIATION),
    {"event": "event_type", "edge_version_arn": "lambda_arn"},
)


def _at(part: Part, place: str) -> Part:
    return Part(part.table, part.facts, place)


KINDS: Final[Mapping[str, tuple[Part, ...]]] = {
    FUNCTION: (_FUNCTION,),
    FUNCTION_URL: (Part(lambda_.FUNCTION_URL, {"cors_max_age_s": "cors.max_age"}),),
    PERMISSION: (Part(lambda_.PERMISSION),),
    "aws:lambda/alias:Alias": (Part(lambda_.ALIAS),),
    "aws:cloudwatch/logGroup:LogGroup": (
        Part(
            (*pick(lambda_.TABLE, "LAMBDA-LOG-RETENTION"), *lambda_.LOG_GROUP),
            {"log_retention_days": "retention_in_days"},
        ),
    ),
    DISTRIBUTION: (
        Part(
            cloudfront.DISTRIBUTION,
            {
                "missing_targets": Derived("default_cache_behavior.target_origin_id", _missing_targets),
                "origin_ids": Derived("origins", _origin_ids),
                "host_policies": Derived("origin_request_policy_id", _host_policies),
                "certificate_kind": Derived("viewer_certificate", _certificate_kind),
                "has_ssl_support": present("viewer_certificate.ssl_support_method"),
            },
        ),
        Part(
            pick(cloudfront.TABLE, "CF-CERTIFICATE-REGION"),
            {"certificate_arn": "acm_certificate_arn"},
            "viewer_certificate",
        ),
        Part(
            (*pick(cloudfront.TABLE, "CF-ORIGIN-TIMEOUT"), *cloudfront.ORIGIN),
            {
                "origin_timeout_s": "custom_origin_config.origin_read_timeout",
                "keepalive_s": "custom_origin_config.origin_keepalive_timeout",
                "origin_protocol_policy": "custom_origin_config.origin_protocol_policy",
            },
            "origins[]",
        ),
        *(Part(cloudfront.BEHAVIOR, _BEHAVIOR_FACTS, place) for place in BEHAVIORS),
        *(_at(_ASSOCIATION, f"{place}.lambda_function_associations[]") for place in BEHAVIORS),
    ),
    ACCESS_CONTROL: (Part(cloudfront.ACCESS_CONTROL),),
    "aws:iam/role:Role": (_identity_document("assume_role_policy"),),
    "aws:iam/policy:Policy": (_identity_document("policy"),),
    **{
        f"aws:{type_}": (_identity_document("policy"),)
        for type_ in ("iam/rolePolicy:RolePolicy", "iam/userPolicy:UserPolicy", "iam/groupPolicy:GroupPolicy")
    },
    "aws:s3/bucket:Bucket": (Part(s3.TABLE),),
    "aws:s3/bucketPolicy:BucketPolicy": (_identity_document("policy"),),
    "aws:acm/certificate:Certificate": (Part(certificates.TABLE),),
}
