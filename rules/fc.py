"""What Function Compute 3.0 accepts of a web function on a custom runtime."""

from __future__ import annotations

from rules.names import environment_rules, handler_rules
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
_MEBIBYTE = 1024 * 1024
_LARGE_ZIP = 500 * _MEBIBYTE
_SMALL_ZIP = 100 * _MEBIBYTE


def _cpu_fits(cpu: object, memory_mb: object) -> bool:
    if not between(0.05, 16, step=None)(cpu) or not isinstance(cpu, int | float) or not isinstance(memory_mb, int):
        return False
    steps = cpu * CPU_STEPS_PER_CORE
    memory_gb = memory_mb / 1024
    return abs(steps - round(steps)) < 1e-6 and memory_gb / 4 <= cpu <= memory_gb


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
    *environment_rules(
        "FC",
        reserved=lambda name: name.startswith("FC_"),
        reserved_as="names that begin with FC_",
        source="Function Compute, Environment variables",
    ),
)
