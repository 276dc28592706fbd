"""What AWS Lambda accepts of a function on `provided.al2023`."""

from __future__ import annotations

from rules.names import environment_rules, handler_rules
from rules.package import CUSTOM_RUNTIME_ZIP
from rules.rule import Rule, between, listed, one_of

ARCHITECTURES = ("x86_64", "arm64")
LOG_RETENTION_DAYS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Days that CloudWatch Logs can keep events; 0 keeps them for ever."""

RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)

_QUOTAS = "Lambda Developer Guide, Lambda quotas"
_ARCHITECTURES = "Lambda Developer Guide, Selecting and configuring an instruction set architecture"
_MEBIBYTE = 1024 * 1024

TABLE = (
    *CUSTOM_RUNTIME_ZIP,
    *handler_rules("LAMBDA"),
    Rule(
        id="LAMBDA-MEMORY",
        facts=("memory_mb",),
        holds=between(128, 10_240),
        accepts="a whole number from 128 to 10240 (MB)",
        remedy="choose a size in that range",
        source=_QUOTAS,
    ),
    Rule(
        id="LAMBDA-TIMEOUT",
        facts=("timeout_s",),
        holds=between(1, 900),
        accepts="a whole number from 1 to 900 (seconds)",
        remedy="choose a time in that range, or split the work",
        source=_QUOTAS,
    ),
    Rule(
        id="LAMBDA-ARCHITECTURE",
        facts=("architecture",),
        holds=one_of(ARCHITECTURES),
        accepts=listed(ARCHITECTURES),
        remedy="name the architecture that the zip's interpreter was built for",
        source=_ARCHITECTURES,
    ),
    Rule(
        id="LAMBDA-ZIP-ARCHITECTURE",
        facts=("architecture", "zip_architecture"),
        holds=lambda architecture, of_zip: architecture == of_zip,
        shown=lambda architecture, of_zip: f"{architecture} with a zip for {of_zip}",
        accepts="the architecture that the zip's interpreter was built for",
        remedy="leave `architecture` out, or build the zip on a host of that architecture",
        source=_ARCHITECTURES,
    ),
    Rule(
        id="LAMBDA-LOG-RETENTION",
        facts=("log_retention_days",),
        holds=one_of(LOG_RETENTION_DAYS),
        accepts=f"{listed(LOG_RETENTION_DAYS)} (days)",
        remedy="choose one of these numbers; 0 keeps logs for ever",
        source="CloudWatch Logs API Reference, PutRetentionPolicy",
    ),
    Rule(
        id="LAMBDA-ZIP-SIZE",
        facts=("zip_bytes",),
        holds=between(1, 50 * _MEBIBYTE),
        accepts="at most 52428800 bytes (50 MB) for a direct upload",
        remedy="leave out what the handler does not import",
        source=_QUOTAS,
    ),
    Rule(
        id="LAMBDA-UNZIPPED-SIZE",
        facts=("unpacked_bytes",),
        holds=between(1, 250 * _MEBIBYTE),
        accepts="at most 262144000 bytes (250 MB) unzipped, runtime and layers included",
        remedy="leave out what the handler does not import",
        source=_QUOTAS,
    ),
    *environment_rules(
        "LAMBDA",
        reserved=RESERVED_VARIABLES.__contains__,
        reserved_as="_HANDLER, AWS_REGION, AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT and the like",
        source="Lambda Developer Guide, Working with Lambda environment variables",
    ),
)
