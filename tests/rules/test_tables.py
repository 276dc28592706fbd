"""Every rule of every table on either side of its boundary.

Does not prove that a cloud draws the line where its document says; the sources are named in the tables.
"""

from __future__ import annotations

import pytest

from rules import cdn, cloudfront, edge, fc, interpreter, lambda_, regions, site
from rules.rule import check

MB = 1024 * 1024
LAMBDA_ARN = "arn:aws:lambda:us-east-1:123456789012:function:edge"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1111"
TABLES = {
    "lambda": lambda_.TABLE,
    "edge": (*edge.TABLE, *edge.PYTHON_HANDLER),
    "cloudfront": cloudfront.TABLE,
    "fc": fc.TABLE,
    "cdn": cdn.TABLE,
    "aws regions": regions.AWS,
    "interpreter": interpreter.TABLE,
    "site": (*site.FOLDERS, *site.SETTINGS),
}

HANDLERS = {
    "good": [{"handler": "handlers.hello.handler"}, {"handler": "_a.b9"}, {"handler": f"{'a' * 126}.b"}],
    "bad": [{"handler": each} for each in ("hello", "a..b", "a.b-c", "a.9", "a/b.c", "", f"{'a' * 127}.b")],
}
ENV_NAMES = (
    [{"environment": {"AB": "x", "a_9": ""}}, {"environment": {}}],
    [{"environment": {each: "x"}} for each in ("A", "_A", "9A", "A-B", "")],
)
ENV_SIZE = (
    [{"environment": {"AB": "x" * 4094}}],
    [{"environment": {"AB": "x" * 4095}}, {"environment": {"é" * 3: "x" * 4091}}],
)
KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
ENV_SECRET = (
    [{"environment": {"KEY_NAME": "alias/key", "TABLE": "AKIA", "URL": "https://example.com/a:b@c"}}],
    [
        {"environment": {"ANY": value}}
        for value in (
            KEY_ID,
            "LTAI" + "5tAbCdEfGhIjKlMnOpQr",
            "ghp_" + "a1B2" * 9,
            "postgres://user:pass@host/db",
            "-----BEGIN PRIVATE KEY-----",
        )
    ],
)
ENV_SUSPECT = (
    [
        {"environment": {name: value}}
        for name, value in (
            ("DB_PASSWORD", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"),
            ("DB_PASSWORD", "/prod/db/password"),
            ("TOKEN", "x"),
            ("API_KEY", "xxxxxxxxxxxx"),
            ("TOKEN_TABLE", "a8Fq2LmZ91xQ"),
            ("SECRET", KEY_ID),
        )
    ],
    [{"environment": {"DB_PASSWORD": "a8Fq2LmZ91xQ"}}, {"environment": {"api_key": "correct-horse-battery"}}],
)
ZIP_PATH = ([{"zip_path": "dist/f.zip"}], [{"zip_path": "/dist/f.zip"}, {"zip_path": "dist"}])
ZIP_READABLE = (
    [{"zip_path": "f.zip", "zip_error": ""}],
    [{"zip_path": "f.zip", "zip_error": "File is not a zip file"}],
)
BOOTSTRAP = (
    [{"bootstrap_mode": 0o755}, {"bootstrap_mode": 0o777}],
    [{"bootstrap_mode": each} for each in (0, 0o644, 0o744, 0o750)],
)
SHEBANG = (
    [{"bootstrap_first_line": each} for each in (b"#!/bin/sh\n", b"#! /bin/sh\n", b"\x7fELF\x02\r\n")],
    [{"bootstrap_first_line": each} for each in (b"#!/bin/sh\r\n", b"echo\n", b"")],
)


OUR_OWN = {
    *("ZIP-PATH", "ZIP-READABLE", "EDGE-PYTHON", "SITE-APPLICATION", "SITE-CLOUD", "SITE-DOMAIN"),
    *(f"{cloud}-ENV-{kind}" for cloud in ("LAMBDA", "FC") for kind in ("SECRET", "SUSPECT")),
}


def numbers(fact, good, bad):
    return [{fact: each} for each in good], [{fact: each} for each in bad]


def loop(site_prefix, site_bucket_name, source_bucket_name, source_prefix):
    return {
        "site_prefix": site_prefix,
        "site_bucket_name": site_bucket_name,
        "source_bucket_name": source_bucket_name,
        "source_prefix": source_prefix,
    }


def zip_rules(table):
    return {
        (table, "ZIP-PATH"): ZIP_PATH,
        (table, "ZIP-READABLE"): ZIP_READABLE,
        (table, "ZIP-BOOTSTRAP"): BOOTSTRAP,
        (table, "ZIP-SHEBANG"): SHEBANG,
    }


CASES = {
    ("interpreter", "INTERPRETER-SOURCE"): numbers("interpreter", interpreter.SOURCES, ("", "conda", "Host")),
    ("interpreter", "INTERPRETER-ARCHITECTURE"): numbers("architecture", ("", "x86_64", "arm64"), ("aarch64", "x86")),
    ("interpreter", "INTERPRETER-BOOTSTRAP"): (
        [{"bootstrap_path": "", "interpreter": "host"}, {"bootstrap_path": "target", "interpreter": "none"}],
        [{"bootstrap_path": "", "interpreter": "none"}, {"bootstrap_path": "target", "interpreter": "wheel"}],
    ),
    **zip_rules("lambda"),
    ("lambda", "LAMBDA-HANDLER"): (HANDLERS["good"], HANDLERS["bad"]),
    ("lambda", "LAMBDA-MEMORY"): numbers("memory_mb", (128, 129, 10_240), (127, 10_241, 128.5, True, "512")),
    ("lambda", "LAMBDA-TIMEOUT"): numbers("timeout_s", (1, 900), (0, 901, -1)),
    ("lambda", "LAMBDA-ARCHITECTURE"): numbers("architecture", ("x86_64", "arm64"), ("amd64", "aarch64", "")),
    ("lambda", "LAMBDA-ZIP-ARCHITECTURE"): (
        [{"architecture": "arm64", "zip_architecture": "arm64"}],
        [{"architecture": "arm64", "zip_architecture": "x86_64"}],
    ),
    ("lambda", "LAMBDA-BOOTSTRAP-MACHINE"): (
        [{"architecture": "arm64", "bootstrap_machine": "arm64"}],
        [{"architecture": "x86_64", "bootstrap_machine": "arm64"}],
    ),
    ("fc", "FC-BOOTSTRAP-MACHINE"): numbers("bootstrap_machine", ("x86_64",), ("arm64",)),
    ("lambda", "LAMBDA-LOG-RETENTION"): numbers("log_retention_days", (0, 1, 14, 3653), (2, 15, -1, 3654, False)),
    ("lambda", "LAMBDA-URL-MODE"): numbers("invoke_mode", ("BUFFERED", "RESPONSE_STREAM"), ("", "STREAM", "buffered")),
    ("lambda", "LAMBDA-UNZIPPED-SIZE"): numbers("unpacked_bytes", (262_144_000,), (262_144_001,)),
    ("lambda", "LAMBDA-ENV-NAMES"): ENV_NAMES,
    ("lambda", "LAMBDA-ENV-SIZE"): ENV_SIZE,
    ("lambda", "LAMBDA-ENV-SECRET"): ENV_SECRET,
    ("lambda", "LAMBDA-ENV-SUSPECT"): ENV_SUSPECT,
    ("lambda", "LAMBDA-ENV-RESERVED"): (
        [{"environment": {"AWS_STAGE": "x", "FC_REGION": "x"}}],
        [{"environment": {"AWS_REGION": "x"}}, {"environment": {"_HANDLER": "x"}}],
    ),
    ("edge", "ZIP-PATH"): ZIP_PATH,
    ("edge", "ZIP-READABLE"): ZIP_READABLE,
    ("edge", "E-HANDLER"): (HANDLERS["good"], HANDLERS["bad"]),
    ("edge", "E2"): numbers(
        "edge_version_arn",
        (f"{LAMBDA_ARN}:1", f"{LAMBDA_ARN}:204"),
        (
            LAMBDA_ARN,
            f"{LAMBDA_ARN}:$LATEST",
            f"{LAMBDA_ARN}:live",
            f"{LAMBDA_ARN.replace('us-east-1', 'eu-west-1')}:1",
        ),
    ),
    ("edge", "E3"): numbers(
        "runtime",
        ("python3.10", "python3.14", "nodejs22.x"),
        ("provided.al2023", "java21", "nodejs20.x", "python3.9", 3),
    ),
    ("edge", "E3-LEAVING"): numbers("runtime", ("python3.11",), ("python3.10",)),
    ("edge", "EDGE-PYTHON"): numbers("runtime", ("python3.13",), ("nodejs24.x",)),
    ("edge", "E-EVENT"): numbers("event", edge.EVENTS, ("origin", "Viewer-Request", "")),
    ("edge", "E-TIMEOUT"): numbers("timeout_s", (1, 30), (0, 31)),
    ("edge", "E-TIMEOUT-VIEWER"): (
        [{"timeout_s": 5, "event": "viewer-request"}, {"timeout_s": 30, "event": "origin-response"}],
        [{"timeout_s": 6, "event": "viewer-request"}, {"timeout_s": 6, "event": "viewer-response"}],
    ),
    ("edge", "E-MEMORY"): numbers("memory_mb", (128, 10_240), (127, 10_241)),
    ("edge", "E-MEMORY-VIEWER"): (
        [{"memory_mb": 128, "event": "viewer-request"}, {"memory_mb": 129, "event": "origin-request"}],
        [{"memory_mb": 129, "event": "viewer-request"}, {"memory_mb": 129, "event": "viewer-response"}],
    ),
    ("edge", "E-ZIP-SIZE"): numbers("zip_bytes", (50 * MB,), (50 * MB + 1,)),
    ("cloudfront", "CF-ORIGIN-TIMEOUT"): numbers("origin_timeout_s", (1, 120), (0, 121)),
    ("cloudfront", "CF-FUNCTION-URL"): numbers(
        "function_url",
        ("https://abc.lambda-url.eu-west-1.on.aws/", "https://abc.lambda-url.eu-west-1.on.aws"),
        ("http://abc.lambda-url.eu-west-1.on.aws/", "https://abc.example.com/", "abc.lambda-url.eu-west-1.on.aws"),
    ),
    ("cloudfront", "CF-DOMAIN"): numbers(
        "domain_name",
        ("www.example.com", "*.example.com", "a.xn--p1ai", f"{'a' * 63}.com"),
        ("example", "https://example.com", "Example.com", "a..com", "-a.com", "1.2.3.4", f"{'a' * 64}.com"),
    ),
    ("cloudfront", "CF-DOMAIN-CERTIFICATE"): (
        [{"domain_name": "a.b", "has_certificate": True}],
        [{"domain_name": "a.b", "has_certificate": False}],
    ),
    ("cloudfront", "CF-CERTIFICATE-DOMAIN"): (
        [{"certificate_arn": CERTIFICATE, "has_domain": True}],
        [{"certificate_arn": CERTIFICATE, "has_domain": False}],
    ),
    ("cloudfront", "CF-CERTIFICATE-REGION"): numbers(
        "certificate_arn", (CERTIFICATE,), (CERTIFICATE.replace("us-east-1", "ap-northeast-1"), "x")
    ),
    **zip_rules("fc"),
    ("fc", "FC-HANDLER"): (HANDLERS["good"], HANDLERS["bad"]),
    ("fc", "FC-REGION"): numbers("region", ("cn-hongkong", "eu-west-1"), ("cn-guangzhou", "HongKong", "")),
    ("fc", "RAM-NAME"): numbers("resource_name", ("a", "a-1", "a" * 48), ("", "A", "1a", "a-", "a_b", "a" * 49)),
    ("fc", "OSS-BUCKET-NAME"): numbers(
        "bucket_name", ("abc", "1-2", "a" * 63), ("ab", "a" * 64, "-ab", "ab-", "a_b", "aBc", "a.b")
    ),
    ("fc", "RAM-OSS-PREFIX"): numbers(
        "read_prefixes",
        ([], ["bucket/"], ["bucket/a/b/", "other/"]),
        (["bucket"], ["bucket//a/"], ["bucket/*/"], ["bucket/a"], ["*"], ["Bucket/"]),
    ),
    ("fc", "FC-MEMORY"): numbers("memory_mb", (128, 192, 32_768), (64, 127, 130, 32_832, 512.5)),
    ("fc", "FC-CPU"): (
        [
            {"cpu": cpu, "memory_mb": memory}
            for cpu, memory in ((0.05, 128), (0.1, 128), (0.35, 512), (16, 32_768), (1, 4096))
        ],
        [
            {"cpu": cpu, "memory_mb": memory}
            for cpu, memory in ((0.15, 128), (0.33, 512), (0.55, 512), (1, 4160), (16.05, 32_768), (True, 1024))
        ],
    ),
    ("fc", "FC-TIMEOUT"): numbers("timeout_s", (1, 86_400), (0, 86_401)),
    ("fc", "FC-CONCURRENCY"): numbers("concurrency", (1, 200), (0, 201)),
    ("fc", "FC-INITIALIZER"): numbers("initializer_timeout_s", (1, 300), (0, 301)),
    ("fc", "FC-HEALTH-PATH"): numbers("health_path", ("/", "/healthz?a=b"), ("", "healthz", "/a b", "http://x/")),
    ("fc", "FC-HEALTH-DELAY"): numbers("health_initial_delay_s", (0, 120), (-1, 121, True)),
    ("fc", "FC-HEALTH-PERIOD"): numbers("health_period_s", (1, 120), (0, 121)),
    ("fc", "FC-HEALTH-TIMEOUT"): numbers("health_timeout_s", (1, 3), (0, 4)),
    ("fc", "FC-HEALTH-FAILURES"): numbers("health_failure_threshold", (1, 120), (0, 121)),
    ("fc", "FC-HEALTH-SUCCESSES"): numbers("health_success_threshold", (1, 120), (0, 121)),
    ("fc", "FC-HEALTH-LIFE-CYCLE"): numbers("health_path", ("/", "/invoked"), ("/initialize", "/invoke", "/pre-stop")),
    ("fc", "FC-HEALTH-UNUSED"): (
        [
            {"health_settings": [], "has_health_path": False},
            {"health_settings": ["health_period_s"], "has_health_path": True},
        ],
        [{"health_settings": ["health_period_s"], "has_health_path": False}],
    ),
    ("fc", "FC-PRE-STOP"): numbers("pre_stop_timeout_s", (1, 90), (0, 91)),
    ("fc", "FC-AUTH"): numbers("auth", ("function", "anonymous"), ("", "Function", "jwt")),
    ("fc", "FC-LOG-PROJECT"): numbers("log_project_name", ("abc", "a" * 63), ("ab", "a" * 64, "a_b", "abc-")),
    ("fc", "FC-LOG-RETENTION"): numbers("log_retention_days", (1, 3650), (0, 3651)),
    ("fc", "FC-ZIP-SIZE"): (
        [{"zip_bytes": 500 * MB, "region": "cn-hongkong"}, {"zip_bytes": 100 * MB, "region": "cn-chengdu"}],
        [{"zip_bytes": 500 * MB + 1, "region": "cn-hongkong"}, {"zip_bytes": 100 * MB + 1, "region": "cn-chengdu"}],
    ),
    ("fc", "FC-ZIP-ARCHITECTURE"): numbers("zip_architecture", ("x86_64",), ("arm64",)),
    ("fc", "FC-ENV-NAMES"): ENV_NAMES,
    ("fc", "FC-ENV-SIZE"): ENV_SIZE,
    ("fc", "FC-ENV-SECRET"): ENV_SECRET,
    ("fc", "FC-ENV-SUSPECT"): ENV_SUSPECT,
    ("fc", "FC-ENV-RESERVED"): (
        [{"environment": {"AWS_REGION": "x", "TZ": "Asia/Tokyo"}}],
        [{"environment": {"FC_ANYTHING": "x"}}],
    ),
    ("cdn", "RAM-NAME"): numbers("resource_name", ("site",), ("Site",)),
    ("cdn", "OSS-BUCKET-NAME"): numbers("bucket_name", ("site",), ("Site",)),
    ("cdn", "CDN-DOMAIN"): numbers("domain_name", ("www.example.com",), ("example", "http://a.com", "*.example.com")),
    ("cdn", "CDN-ORIGIN"): numbers("domain_name", ("www.example.com",), ("b.oss-cn-hongkong.aliyuncs.com",)),
    ("cdn", "CDN-SCOPE"): numbers("scope", cdn.SCOPES, ("Overseas", "china")),
    ("cdn", "CDN-ICP"): (
        [{"scope": "overseas", "domain_name": "a.com"}],
        [{"scope": "domestic", "domain_name": "a.com"}, {"scope": "global", "domain_name": "a.com"}],
    ),
    ("site", "SITE-SOURCE-PREFIX"): numbers(
        "source_prefix", ("projects/", "a/b/"), ("", "/", "/projects/", "projects", "a*/", "?/")
    ),
    ("site", "SITE-PREFIX"): numbers("site_prefix", ("", "docs/", "a/b/"), ("/", "/docs/", "docs", "*/")),
    ("site", "SITE-LOOP"): (
        [loop("a/", "one", "one", "b/"), loop("", "one", "two", "projects/"), loop("ab/", "one", "one", "a/")],
        [loop("", "one", "one", "a/"), loop("a/", "one", "one", "a/"), loop("a/b/", "one", "one", "a/")],
    ),
    ("site", "SITE-APPLICATION"): numbers("application", site.APPLICATIONS, ("", "site-build", "Hello")),
    ("site", "SITE-CLOUD"): (
        [{"application": "hello", "alibaba": False}, {"application": "both", "alibaba": True}],
        [{"application": "site_build", "alibaba": False}, {"application": "both", "alibaba": False}],
    ),
    ("site", "SITE-DOMAIN"): (
        [{"application": "hello", "cdn_domain": ""}, {"application": "both", "cdn_domain": "www.example.com"}],
        [{"application": "site_build", "cdn_domain": ""}, {"application": "both", "cdn_domain": ""}],
    ),
    ("aws regions", "AWS-REGION"): numbers(
        "aws_region",
        ("ap-northeast-1", "us-east-1", "me-south-1"),
        ("cn-north-1", "us-gov-west-1", "tokyo", "us-iso-east-1"),
    ),
}


def test_every_rule_has_cases_on_both_sides():
    rules = {(name, rule.id) for name, table in TABLES.items() for rule in table}
    assert rules == set(CASES)
    assert all(good and bad for good, bad in CASES.values())


def found(case, facts):
    table, rule = case
    report = check(TABLES[table], facts, "component")
    return [finding for finding in (*report.errors, *report.warnings) if finding.rule == rule]


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_accepted(case):
    for facts in CASES[case][0]:
        assert found(case, facts) == [], facts


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_refused(case):
    for facts in CASES[case][1]:
        (finding,) = found(case, facts)
        assert finding.component == "component"
        assert finding.field == next(iter(facts))


def test_only_what_documents_leave_open_is_a_warning():
    warnings = {rule.id for table in TABLES.values() for rule in table if rule.warning}
    assert warnings == {
        *("E3-LEAVING", "E-TIMEOUT-VIEWER", "E-MEMORY-VIEWER", "CDN-ICP"),
        *("LAMBDA-ENV-SUSPECT", "FC-ENV-SUSPECT"),
    }


@pytest.mark.parametrize("name", TABLES)
def test_a_rule_tells_where_it_is_from_and_what_to_do(name):
    for rule in TABLES[name]:
        assert rule.remedy
        assert rule.sentence == f"{rule.facts[0]} must be {rule.accepts}"
        assert rule.source or rule.id in OUR_OWN or name == "interpreter"


def test_unknown_facts_are_passed_over():
    for table in TABLES.values():
        assert check(table, {}, "x").errors == ()
        assert check(table, dict.fromkeys([fact for rule in table for fact in rule.facts]), "x").errors == ()
