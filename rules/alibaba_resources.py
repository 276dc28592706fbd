"""Which input of an Alibaba Cloud resource is which fact of the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rules import cdn, documents, fc, oss, ram
from rules.aws_resources import bootstrap_mode, environment, of_package, only_if
from rules.given import UNKNOWN, Given
from rules.kind import Derived, Part, pick

FUNCTION: Final = "alicloud:fc/v3Function:V3Function"
TRIGGER: Final = "alicloud:fc/v3Trigger:V3Trigger"
BUCKET: Final = "alicloud:oss/bucket:Bucket"
OBJECT: Final = "alicloud:oss/bucketObject:BucketObject"
ROLE: Final = "alicloud:ram/role:Role"
POLICY: Final = "alicloud:ram/policy:Policy"
ATTACHMENT: Final = "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment"


def _start_command(given: Given) -> str | None:
    commands = given.get("custom_runtime_config.commands")
    return commands[0] if isinstance(commands, list) and commands else None


def _around(name: str) -> Derived:
    return Derived("region", lambda given: given.around.get(name) or None)


def _of_trigger(kind: str, read: Callable[[dict[str, Any]], Any]) -> Derived:
    """A fact of `trigger_config`, for one type of trigger."""

    def fact(given: Given) -> Any:
        config = documents.read(given.get("trigger_config"))
        return read(config) if config is not None and given.get("trigger_type") == kind else None

    return Derived("trigger_config", fact)


def _key_filter(config: dict[str, Any]) -> list[str]:
    key = (config.get("filter") or {}).get("key") or {}
    return [str(key[name]) for name in ("prefix", "suffix") if key.get(name)]


def _if_oss(read: Callable[[Given], Any]) -> Derived:
    return Derived("source_arn", lambda given: read(given) if given.get("trigger_type") == "oss" else None)


def _argument(name: str) -> Derived:
    """The value of one of a CDN function's arguments."""

    def read(given: Given) -> Any:
        for _, argument in given.inside("function_args[]"):
            if argument.get("arg_name") == name:
                return argument.get("arg_value")
        return None

    return Derived(f"function_args.{name}", read)


def _length(path: str) -> Derived:
    return Derived(path, lambda given: len(given.get(path)) if isinstance(given.get(path), str) else None)


def _document(field: str) -> Part:
    reason = Derived("description", lambda given: given.has("description"))
    return Part(documents.document_rules("RAM", "document"), {"document": field, "reason": reason})


def _path(given: Given) -> str | None:
    """The variable PATH, empty where it is left out."""
    variables = given.raw("environment_variables")
    if variables is UNKNOWN:
        return None
    path = variables.get("PATH", "") if isinstance(variables, Mapping) else ""
    return path if isinstance(path, str) else None


def _starts_bootstrap(given: Given) -> bool:
    """Whether the function starts through /code/bootstrap."""
    runtime = str(given.get("runtime"))
    is_custom = runtime.startswith("custom") and runtime != "custom-container"
    return is_custom and not given.has("custom_runtime_config.commands") and not given.has("layers")


def code_facts(path: str) -> dict[str, str | Derived]:
    """The facts about a function's zip, which an input holds."""
    return {
        "zip_path": of_package(path, "zip_path"),
        "zip_error": of_package(path, "zip_error"),
        "zip_bytes": of_package(path, "zip_bytes"),
        "bootstrap_mode": only_if(bootstrap_mode(path), _starts_bootstrap),
        "bootstrap_first_line": only_if(of_package(path, "bootstrap_first_line"), _starts_bootstrap),
        "bootstrap_machine": only_if(of_package(path, "bootstrap_machine"), _starts_bootstrap),
        "zip_architecture": of_package(path, "zip_architecture"),
        "region": _around("alicloud_region"),
    }


CODE_RULES: Final = (
    *("ZIP-READABLE", "ZIP-BOOTSTRAP", "ZIP-SHEBANG", "FC-ZIP-SIZE", "FC-ZIP-ARCHITECTURE", "FC-BOOTSTRAP-MACHINE"),
)
"""Ids of the rules about a function's zip, wherever it is."""
_FUNCTION = Part(
    (
        *pick(
            fc.TABLE,
            "FC-MEMORY",
            "FC-CPU",
            "FC-TIMEOUT",
            "FC-CONCURRENCY",
            "FC-INITIALIZER",
            "FC-PRE-STOP",
            *CODE_RULES,
        ),
        *fc.ENVIRONMENT,
        *fc.FUNCTION,
    ),
    {
        "memory_mb": "memory_size",
        "timeout_s": "timeout",
        "concurrency": "instance_concurrency",
        "initializer_timeout_s": "instance_lifecycle_config.initializer.timeout",
        "pre_stop_timeout_s": "instance_lifecycle_config.pre_stop.timeout",
        "environment": environment("environment_variables"),
        "disk_mb": "disk_size",
        "layers": Derived("layers", lambda given: len(given.items("layers"))),
        "start_command": Derived("custom_runtime_config.commands", _start_command),
        "port": "custom_runtime_config.port",
        "health_initial_delay_s": "custom_runtime_config.health_check_config.initial_delay_seconds",
        "health_period_s": "custom_runtime_config.health_check_config.period_seconds",
        "health_timeout_s": "custom_runtime_config.health_check_config.timeout_seconds",
        "health_failure_threshold": "custom_runtime_config.health_check_config.failure_threshold",
        "health_success_threshold": "custom_runtime_config.health_check_config.success_threshold",
        "health_path": "custom_runtime_config.health_check_config.http_get_url",
        "log_begin_rule": "log_config.log_begin_rule",
        "zip_file_chars": _length("code.zip_file"),
        "path": Derived("environment_variables.PATH", _path),
        **code_facts("code.zip_file"),
    },
)
_TRIGGER = Part(
    (*fc.TRIGGER, *fc.HTTP_TRIGGER, *oss.TRIGGER),
    {
        "auth_type": _of_trigger("http", lambda config: config.get("authType", "function")),
        "methods": _of_trigger("http", lambda config: config.get("methods")),
        "events": _of_trigger("oss", lambda config: config.get("events", [])),
        "key_filter": _of_trigger("oss", _key_filter),
        "prefix": _of_trigger("oss", lambda config: ((config.get("filter") or {}).get("key") or {}).get("prefix")),
        "source_arn": _if_oss(lambda given: given.get("source_arn")),
        "source_region": _if_oss(lambda given: oss.source_region(given.get("source_arn") or "")),
        "region": _around("alicloud_region"),
    },
)

KINDS: Final[Mapping[str, tuple[Part, ...]]] = {
    FUNCTION: (_FUNCTION,),
    TRIGGER: (_TRIGGER,),
    "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig": (Part(fc.ASYNC_INVOKE),),
    "alicloud:fc/v3CustomDomain:V3CustomDomain": (
        Part(fc.CUSTOM_DOMAIN, {"certificate_bytes": _length("cert_config.certificate")}),
    ),
    BUCKET: (Part((oss.bucket_rule("bucket"),)),),
    ROLE: (Part(pick(ram.NAMES, "RAM-ROLE-NAME")), _document("assume_role_policy_document")),
    POLICY: (Part(pick(ram.NAMES, "RAM-POLICY-NAME")), _document("policy_document")),
    ATTACHMENT: (Part(pick(ram.NAMES, "RAM-POLICY-TYPE")),),
    "alicloud:log/project:Project": (Part(pick(fc.TABLE, "FC-LOG-PROJECT"), {"log_project_name": "project_name"}),),
    "alicloud:log/store:Store": (Part(pick(fc.TABLE, "FC-LOG-RETENTION"), {"log_retention_days": "retention_period"}),),
    "alicloud:cdn/domainNew:DomainNew": (
        Part(
            (*pick(cdn.TABLE, "CDN-ORIGIN", "CDN-SCOPE", "CDN-ICP"), *cdn.DOMAIN_NEW, cdn.WILDCARD_DOMAIN),
            {
                "source_contents": Derived(
                    "sources", lambda given: [found.get("content") for _, found in given.inside("sources[]")]
                )
            },
        ),
        Part(cdn.SOURCE, at="sources[]"),
    ),
    "alicloud:cdn/domainConfig:DomainConfig": (
        Part(cdn.CONFIG, {"ttl": _argument("ttl"), "weight": _argument("weight")}),
    ),
}
