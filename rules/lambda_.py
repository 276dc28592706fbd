"""What AWS Lambda accepts of a function on `provided.al2023`."""

from __future__ import annotations

from rules.documents import trust_rule
from rules.names import environment_rules, handler_rules
from rules.package import CUSTOM_RUNTIME_ZIP
from rules.rule import Rule, between, listed, matches, one_of

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
DIRECT_UPLOAD_BYTES = 50 * _MEBIBYTE
"""The largest zip that Lambda takes in a call; a larger one has to be in a bucket (Lambda quotas)."""

ENVIRONMENT = environment_rules(
    "LAMBDA",
    reserved=RESERVED_VARIABLES.__contains__,
    reserved_as="_HANDLER, AWS_REGION, AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT and the like",
    source="Lambda Developer Guide, Working with Lambda environment variables",
)

_URL_MODE = Rule(
    id="LAMBDA-URL-MODE",
    facts=("invoke_mode",),
    holds=one_of(("BUFFERED", "RESPONSE_STREAM")),
    accepts="BUFFERED or RESPONSE_STREAM",
    remedy="choose BUFFERED, or RESPONSE_STREAM for responses that are to arrive while they are made",
    source="Lambda API Reference, CreateFunctionUrlConfig",
)

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
        id="LAMBDA-BOOTSTRAP-MACHINE",
        facts=("architecture", "bootstrap_machine"),
        holds=lambda architecture, machine: architecture == machine,
        shown=lambda architecture, machine: f"{architecture} with a `bootstrap` for {machine}",
        accepts="the architecture that the program `bootstrap` was built for; x86_64 where none is named",
        remedy="name that architecture, or build `bootstrap` for the other one",
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
        id="LAMBDA-UNZIPPED-SIZE",
        facts=("unpacked_bytes",),
        holds=between(1, 250 * _MEBIBYTE),
        accepts="at most 262144000 bytes (250 MB) unzipped, runtime and layers included",
        remedy="leave out what the handler does not import",
        source=_QUOTAS,
    ),
    _URL_MODE,
    *ENVIRONMENT,
)

_FUNCTION_URL = "Lambda Developer Guide, Control access to Lambda function URLs"
_API = "Lambda API Reference, CreateFunction"
_OLD_RUNTIMES = (
    *("provided", "provided.al2", "nodejs20.x", "nodejs18.x", "python3.9", "python3.8", "ruby3.2", "java8.al2"),
)
"""Runtimes that have left the table of supported ones or are about to."""

FUNCTION = (
    Rule(
        id="LAMBDA-PACKAGE",
        facts=("package_type", "has_handler", "has_runtime"),
        holds=lambda kind, has_handler, has_runtime: kind == "Image" or (has_handler and has_runtime),
        accepts="Image, or Zip with both `handler` and `runtime`",
        remedy="give both; for an OS-only runtime `handler` may be any text",
        source=_API,
    ),
    Rule(
        id="LAMBDA-CODE",
        facts=("code_places",),
        holds=lambda places: len(places) == 1,
        accepts="exactly one of code, image_uri and s3_bucket",
        remedy="say once where the code comes from",
        source=_API,
    ),
    Rule(
        id="LAMBDA-DIRECT-SIZE",
        facts=("direct_bytes",),
        holds=between(1, DIRECT_UPLOAD_BYTES),
        accepts=f"at most {DIRECT_UPLOAD_BYTES} bytes (50 MB) in a direct upload",
        remedy="put the zip into a bucket and name it with s3_bucket and s3_key",
        source=_QUOTAS,
    ),
    Rule(
        id="LAMBDA-HANDLER-TEXT",
        facts=("handler_text",),
        holds=matches(r"\S+", 128),
        accepts="1 to 128 characters without white space",
        remedy="write what the runtime's documentation calls the handler",
        source=_API,
    ),
    Rule(
        id="LAMBDA-RUNTIME-OLD",
        facts=("runtime",),
        holds=lambda runtime: runtime not in _OLD_RUNTIMES,
        accepts="a runtime in the table of supported ones, such as provided.al2023 or python3.13",
        remedy="move to a newer one; creating functions on an old runtime ends at dates that the table gives",
        source="Lambda Developer Guide, Lambda runtimes",
        warning=True,
    ),
    Rule(
        id="LAMBDA-SNAPSTART",
        facts=("snap_start", "runtime"),
        holds=lambda snap_start, runtime: (
            snap_start != "PublishedVersions" or not str(runtime).startswith(("provided", "nodejs"))
        ),
        shown=lambda snap_start, runtime: f"{snap_start} on {runtime}",
        accepts="left out on OS-only runtimes and Node.js",
        remedy="leave out `snap_start`",
        source="Lambda Developer Guide, Improving startup performance with Lambda SnapStart",
    ),
    Rule(
        id="LAMBDA-STORAGE",
        facts=("ephemeral_storage_mb",),
        holds=between(512, 10_240),
        accepts="a whole number from 512 to 10240 (MB)",
        remedy="choose a size in that range",
        source=_QUOTAS,
    ),
    Rule(
        id="LAMBDA-LAYERS",
        facts=("layers",),
        holds=lambda layers: layers <= 5,
        shown=lambda layers: f"{layers} layers",
        accepts="at most 5 layers",
        remedy="merge layers, or put their content into the zip",
        source=_QUOTAS,
    ),
    Rule(
        id="LAMBDA-ARCHITECTURES",
        facts=("architectures",),
        holds=lambda architectures: len(architectures) == 1 and architectures[0] in ARCHITECTURES,
        accepts="a list of one, x86_64 or arm64",
        remedy="name the one that the code was built for",
        source=_ARCHITECTURES,
    ),
    Rule(
        id="LAMBDA-ARCHIVE-MODE",
        facts=("archive", "runtime"),
        holds=lambda archive, runtime: archive != "modeless" or not str(runtime).startswith("provided"),
        shown=lambda _archive, _runtime: "an archive without file modes",
        accepts="a FileArchive of a finished .zip with modes; a folder or AssetArchive that Pulumi packs has none",
        remedy="build the zip yourself with mode 0755; one document asks for the bit, one report says it runs without",
        source="Lambda Developer Guide, Building a custom runtime; Pulumi issue 3593",
        warning=True,
    ),
)
"""Rules about a function that its author did not write with our component."""

FUNCTION_URL = (
    Rule(
        id="LAMBDA-URL-AUTH",
        facts=("authorization_type",),
        holds=one_of(("AWS_IAM", "NONE")),
        accepts="AWS_IAM or NONE",
        remedy="choose AWS_IAM unless everyone may call the URL",
        source=_FUNCTION_URL,
    ),
    Rule(
        id="LAMBDA-URL-QUALIFIER",
        facts=("qualifier",),
        holds=lambda qualifier: not str(qualifier).isdecimal(),
        accepts="an alias, or left out; a URL takes no version number",
        remedy="create an alias for that version and name it",
        source="Lambda API Reference, CreateFunctionUrlConfig",
    ),
    _URL_MODE,
    Rule(
        id="LAMBDA-URL-CORS-AGE",
        facts=("cors_max_age_s",),
        holds=between(0, 86_400),
        accepts="a whole number from 0 to 86400 (seconds)",
        remedy="choose a time in that range",
        source="Lambda API Reference, Cors",
    ),
)

PERMISSION = (
    Rule(
        id="LAMBDA-PERMISSION-URL-AUTH",
        facts=("function_url_auth_type", "action"),
        holds=lambda _auth, action: action == "lambda:InvokeFunctionUrl",
        shown=lambda auth, action: f"{auth} with {action}",
        accepts="left out, unless the action is lambda:InvokeFunctionUrl",
        remedy="leave it out, or change the action",
        source="Lambda API Reference, AddPermission",
    ),
    Rule(
        id="LAMBDA-PERMISSION-VIA-URL",
        facts=("invoked_via_function_url", "action"),
        holds=lambda via_url, action: not via_url or action == "lambda:InvokeFunction",
        shown=lambda via_url, action: f"{via_url} with {action}",
        accepts="left out, unless the action is lambda:InvokeFunction",
        remedy="leave it out, or change the action",
        source="Lambda API Reference, AddPermission",
    ),
)

ALIAS = (
    Rule(
        id="LAMBDA-ALIAS-VERSION",
        facts=("function_version",),
        holds=matches(r"\$LATEST|[0-9]+"),
        accepts="a version number or $LATEST",
        remedy="pass the `version` of a function that is published",
        source="Lambda API Reference, CreateAlias",
    ),
)

LOG_GROUP = (
    Rule(
        id="LOGS-GROUP-NAME",
        facts=("name",),
        holds=matches(r"[0-9A-Za-z_./#-]+", 512),
        accepts="1 to 512 letters, digits and the characters _ . / # -",
        remedy="choose such a name",
        source="CloudWatch Logs API Reference, CreateLogGroup",
    ),
)

TRUST = (
    trust_rule("LAMBDA-TRUST", "trust", ("lambda.amazonaws.com",), "Lambda Developer Guide, Lambda execution role"),
)
CODE_BUCKET = (
    Rule(
        id="LAMBDA-CODE-REGION",
        facts=("bucket_region", "function_region"),
        holds=lambda of_bucket, of_function: of_bucket == of_function,
        shown=lambda of_bucket, of_function: f"{of_bucket} for a function in {of_function}",
        accepts="the Region of the function whose code it holds",
        remedy="use a bucket in that Region",
        source=_API,
    ),
)
