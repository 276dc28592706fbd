"""What Function Compute 3.0 accepts of a web function on a custom runtime."""

from __future__ import annotations

from rules import documents
from rules.fc_start import START
from rules.names import DOMAIN, environment_rules, handler_rules
from rules.oss import bucket_rule, prefix_rule
from rules.package import CUSTOM_RUNTIME_ZIP
from rules.ram import resource_name_rule
from rules.regions import ALIBABA
from rules.rule import Rule, between, listed, matches, one_of

AUTH_TYPES = ("function", "anonymous")
CPU_STEPS_PER_CORE = 20
"""vCPU come in steps of a twentieth (0.05)."""
LARGE_ZIP_REGIONS = frozenset(
    {
        "cn-hangzhou",
        "cn-shanghai",
        "cn-shenzhen",
        "cn-beijing",
        "cn-zhangjiakou",
        "cn-huhehaote",
        "cn-hongkong",
        "ap-southeast-1",
        "ap-northeast-1",
        "us-east-1",
        "eu-central-1",
    }
)

_LIMITS = "Function Compute, Limits"
_HEALTH = "Function Compute, Health checks of instances"
_MEBIBYTE = 1024 * 1024
_LARGE_ZIP = 500 * _MEBIBYTE
_SMALL_ZIP = 100 * _MEBIBYTE


def _cpu_fits(cpu: object, memory_mb: object) -> bool:
    if not between(0.05, 16, step=None)(cpu) or not isinstance(cpu, int | float) or not isinstance(memory_mb, int):
        return False
    steps = cpu * CPU_STEPS_PER_CORE
    memory_gb = memory_mb / 1024
    return abs(steps - round(steps)) < 1e-6 and memory_gb / 4 <= cpu <= memory_gb


def _number(id_: str, fact: str, low: int, high: int, *, unit: str = "", source: str) -> Rule:
    return Rule(
        id=id_,
        facts=(fact,),
        holds=between(low, high),
        accepts=f"a whole number from {low} to {high}{unit}",
        remedy="choose a number in that range",
        source=source,
    )


HEALTH = (
    Rule(
        id="FC-HEALTH-PATH",
        facts=("health_path",),
        holds=matches(r"/[!-~]*"),
        accepts="a path that begins with a slash, of printable ASCII without spaces, such as /healthz",
        remedy="write the path as a client would request it",
        source=_HEALTH,
    ),
    _number("FC-HEALTH-DELAY", "health_initial_delay_s", 0, 120, unit=" (seconds)", source=_HEALTH),
    _number("FC-HEALTH-PERIOD", "health_period_s", 1, 120, unit=" (seconds)", source=_HEALTH),
    _number("FC-HEALTH-TIMEOUT", "health_timeout_s", 1, 3, unit=" (seconds)", source=_HEALTH),
    _number("FC-HEALTH-FAILURES", "health_failure_threshold", 1, 120, unit=" (checks in a row)", source=_HEALTH),
    _number("FC-HEALTH-SUCCESSES", "health_success_threshold", 1, 120, unit=" (checks in a row)", source=_HEALTH),
)
"""What a custom health check may be. The ranges are those of the API's reference, CustomHealthCheckConfig."""

LIFE_CYCLE_PATHS = ("/initialize", "/invoke", "/pre-stop")

ENVIRONMENT = environment_rules(
    "FC",
    reserved=lambda name: name.startswith("FC_"),
    reserved_as="names that begin with FC_",
    source="Function Compute, Environment variables",
)

TABLE = (
    *CUSTOM_RUNTIME_ZIP,
    *handler_rules("FC"),
    *ALIBABA,
    resource_name_rule("resource_name"),
    bucket_rule("bucket_name"),
    prefix_rule("read_prefixes"),
    prefix_rule("write_prefixes"),
    Rule(
        id="FC-MEMORY",
        facts=("memory_mb",),
        holds=between(128, 32_768, step=64),
        accepts="a multiple of 64 from 128 to 32768 (MB)",
        remedy="choose such a size",
        source=_LIMITS,
    ),
    Rule(
        id="FC-CPU",
        facts=("cpu", "memory_mb"),
        holds=_cpu_fits,
        accepts="a multiple of 0.05 from 0.05 to 16 (vCPU), with 1 to 4 GB of memory for each vCPU",
        remedy="leave it out to have it derived from the memory, or move the two together",
        source=_LIMITS,
    ),
    Rule(
        id="FC-TIMEOUT",
        facts=("timeout_s",),
        holds=between(1, 86_400),
        accepts="a whole number from 1 to 86400 (seconds)",
        remedy="choose a time in that range",
        source=_LIMITS,
    ),
    Rule(
        id="FC-CONCURRENCY",
        facts=("concurrency",),
        holds=between(1, 200),
        accepts="a whole number from 1 to 200 (requests at once in one instance)",
        remedy="choose a number in that range",
        source=_LIMITS,
    ),
    Rule(
        id="FC-INITIALIZER",
        facts=("initializer_timeout_s",),
        holds=between(1, 300),
        accepts="a whole number from 1 to 300 (seconds)",
        remedy="choose a time in that range",
        source=_LIMITS,
    ),
    Rule(
        id="FC-PRE-STOP",
        facts=("pre_stop_timeout_s",),
        holds=between(1, 90),
        accepts="a whole number from 1 to 90 (seconds)",
        remedy="choose a time in that range",
        source=_LIMITS,
    ),
    Rule(
        id="FC-AUTH",
        facts=("auth",),
        holds=one_of(AUTH_TYPES),
        accepts=listed(AUTH_TYPES),
        remedy="choose `function` for signed requests only, `anonymous` for a public URL",
        source="Function Compute, HTTP triggers",
    ),
    Rule(
        id="FC-LOG-PROJECT",
        facts=("log_project_name",),
        holds=matches(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
        accepts="3 to 63 lower-case letters, digits and hyphens, no hyphen at either end",
        remedy="choose such a name; it must also be unique in all of Log Service",
        source="Log Service API Reference, CreateProject",
    ),
    Rule(
        id="FC-LOG-RETENTION",
        facts=("log_retention_days",),
        holds=between(1, 3650),
        accepts="a whole number from 1 to 3650 (days; 3650 keeps logs for ever)",
        remedy="choose a number in that range",
        source="Log Service API Reference, CreateLogStore",
    ),
    Rule(
        id="FC-ZIP-SIZE",
        facts=("zip_bytes", "region"),
        holds=lambda size, region: 0 < size <= (_LARGE_ZIP if region in LARGE_ZIP_REGIONS else _SMALL_ZIP),
        accepts=f"at most {_LARGE_ZIP} bytes (500 MB) in {listed(sorted(LARGE_ZIP_REGIONS))}, "
        f"{_SMALL_ZIP} bytes (100 MB) elsewhere",
        remedy="leave out what the handler does not import, or deploy in one of these regions",
        source=_LIMITS,
    ),
    Rule(
        id="FC-ZIP-ARCHITECTURE",
        facts=("zip_architecture",),
        holds=one_of(["x86_64"]),
        accepts="x86_64, the only architecture of Function Compute",
        remedy="build the zip on an x86_64 host",
        source="Function Compute, Custom runtimes",
    ),
    *HEALTH,
    Rule(
        id="FC-HEALTH-UNUSED",
        facts=("health_settings", "has_health_path"),
        holds=lambda settings, has_path: has_path or not settings,
        shown=lambda settings, _has_path: listed(settings),
        accepts="left out where there is no health_path, which alone switches the check on",
        remedy="give health_path, or leave these arguments out",
        source=_HEALTH,
    ),
    Rule(
        id="FC-HEALTH-LIFE-CYCLE",
        facts=("health_path",),
        holds=lambda path: path not in LIFE_CYCLE_PATHS,
        accepts=f"another path than {listed(LIFE_CYCLE_PATHS)}, at which Function Compute calls the instance's hooks",
        remedy="choose a path of its own, such as /healthz",
        source="Function Compute, Configure instance lifecycles",
    ),
    Rule(
        id="FC-BOOTSTRAP-MACHINE",
        facts=("bootstrap_machine",),
        holds=one_of(["x86_64"]),
        accepts="a `bootstrap` for x86_64, the only architecture of Function Compute",
        remedy="build the program for x86_64",
        source="Function Compute, Custom runtimes",
    ),
    *ENVIRONMENT,
)

_CUSTOM = "Function Compute, Custom runtimes"
_HTTP_METHODS = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"}
_INLINE_ZIP = 100 * _MEBIBYTE


FUNCTION = (
    Rule(
        id="FC-NAME",
        facts=("function_name",),
        holds=matches(r"[A-Za-z_][A-Za-z0-9_-]*", 64),
        accepts="1 to 64 letters, digits, underscores and hyphens that begin with a letter or underscore",
        remedy="choose such a name",
        source="Function Compute API Reference, CreateFunction",
    ),
    Rule(
        id="FC-DISK",
        facts=("disk_mb",),
        holds=one_of((512, 10_240)),
        accepts="512 or 10240 (MB)",
        remedy="choose one of the two sizes",
        source=_LIMITS,
    ),
    Rule(
        id="FC-LAYERS",
        facts=("layers",),
        holds=lambda layers: layers <= 5,
        shown=lambda layers: f"{layers} layers",
        accepts="at most 5 layers",
        remedy="merge layers, or put their content into the zip",
        source=_LIMITS,
    ),
    Rule(
        id="FC-CONCURRENCY-RUNTIME",
        facts=("concurrency", "runtime"),
        holds=lambda concurrency, runtime: concurrency <= 1 or str(runtime).startswith("custom"),
        shown=lambda concurrency, runtime: f"{concurrency} on {runtime}",
        accepts="1 on runtimes other than custom ones and containers",
        remedy="leave it out, or use a custom runtime",
        source=_LIMITS,
    ),
    *START,
    _number("FC-PORT", "port", 1, 65_535, source=_CUSTOM),
    *HEALTH,
    Rule(
        id="FC-LOG-BEGIN",
        facts=("log_begin_rule",),
        holds=one_of(("None", "DefaultRegex")),
        accepts="None or DefaultRegex",
        remedy="choose None for one record a line",
        source="Function Compute API Reference, LogConfig",
    ),
    Rule(
        id="FC-INLINE-ZIP",
        facts=("zip_file_chars",),
        holds=lambda size: size < _INLINE_ZIP,
        shown=lambda size: f"{size} characters of base64",
        accepts="less than 104857600 characters, since a whole request has less than 100 MB",
        remedy="put the zip into OSS and name it with oss_bucket_name and oss_object_name",
        source=_LIMITS,
    ),
)
"""Rules about a function that its author did not write with our component."""

HTTP_TRIGGER = (
    Rule(
        id="FC-TRIGGER-AUTH",
        facts=("auth_type",),
        holds=one_of(("function", "anonymous", "jwt", "bearer")),
        accepts="function, anonymous, jwt or bearer",
        remedy="choose `function` for signed requests only",
        source="Function Compute, HTTP triggers",
    ),
    Rule(
        id="FC-TRIGGER-METHODS",
        facts=("methods",),
        holds=lambda methods: bool(methods) and set(methods) <= _HTTP_METHODS,
        accepts=f"some of {listed(sorted(_HTTP_METHODS))}",
        remedy="name the methods that the function answers",
        source="Function Compute, HTTP triggers",
    ),
)

TRIGGER = (
    Rule(
        id="FC-TRIGGER-CONFIG",
        facts=("trigger_config",),
        holds=lambda text: isinstance(documents.read(text), dict),
        accepts="a JSON object as text",
        remedy="build it with json.dumps",
        source="Function Compute API Reference, CreateTrigger",
    ),
)

CODE_BUCKET = (
    Rule(
        id="FC-CODE-REGION",
        facts=("bucket_region", "function_region"),
        holds=lambda of_bucket, of_function: of_bucket == of_function,
        shown=lambda of_bucket, of_function: f"{of_bucket} for a function in {of_function}",
        accepts="the region of the function whose code it holds",
        remedy="give bucket and function the same provider",
        source="Function Compute, Create a function",
    ),
)
TRIGGER_REGION = (
    Rule(
        id="FC-TRIGGER-REGION",
        facts=("trigger_region", "function_region"),
        holds=lambda of_trigger, of_function: of_trigger == of_function,
        shown=lambda of_trigger, of_function: f"{of_trigger} for a function in {of_function}",
        accepts="the region of the function that it calls",
        remedy="give trigger and function the same provider",
        source="Function Compute API Reference, CreateTrigger",
    ),
)

ASYNC_INVOKE = (
    _number("FC-ASYNC-RETRIES", "max_async_retry_attempts", 0, 8, source="Function Compute, Asynchronous invocation"),
    _number(
        "FC-ASYNC-AGE",
        "max_async_event_age_in_seconds",
        1,
        604_800,
        unit=" (seconds)",
        source="Function Compute, Asynchronous invocation",
    ),
    Rule(
        id="FC-ASYNC-AGE-PROVIDER",
        facts=("max_async_event_age_in_seconds",),
        holds=lambda age: age <= 86_400,
        accepts="at most 86400 (seconds) by the provider, 604800 by the cloud's own guide",
        remedy="stay at 86400 or below as long as the provider refuses more",
        source="Function Compute, Asynchronous invocation; alicloud provider, fcv3_async_invoke_config",
        warning=True,
    ),
)

CUSTOM_DOMAIN = (
    Rule(
        id="FC-DOMAIN-PROTOCOL",
        facts=("protocol",),
        holds=one_of(("HTTP", "HTTPS", "HTTP,HTTPS")),
        accepts="HTTP, HTTPS or HTTP,HTTPS",
        remedy="choose one of these",
        source="Function Compute, Custom domain names",
    ),
    Rule(
        id="FC-DOMAIN-NAME",
        facts=("custom_domain_name",),
        holds=matches(rf"(\*\.)?{DOMAIN}"),
        accepts="a host name in lower case, such as api.example.com",
        remedy="write the name without scheme, port or path",
        source="Function Compute, Custom domain names",
    ),
    Rule(
        id="FC-DOMAIN-CERTIFICATE",
        facts=("certificate_bytes",),
        holds=lambda size: size <= 20 * 1024,
        shown=lambda size: f"{size} bytes",
        accepts="at most 20480 bytes of certificates",
        remedy="leave out certificates that the chain does not need",
        source="Function Compute, Custom domain names",
    ),
)
