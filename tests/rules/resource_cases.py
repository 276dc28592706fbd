"""Inputs of hand-written resources on either side of each rule's boundary: rule -> (type, right ones, wrong ones)."""

from __future__ import annotations

import json

BUCKET = "aws:s3/bucket:Bucket"
FUNCTION = "aws:lambda/function:Function"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
PERMISSION = "aws:lambda/permission:Permission"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
ACCESS_CONTROL = "aws:cloudfront/originAccessControl:OriginAccessControl"
CERTIFICATE = "aws:acm/certificate:Certificate"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
IAM_ROLE = "aws:iam/role:Role"
IAM_POLICY = "aws:iam/policy:Policy"
FC = "alicloud:fc/v3Function:V3Function"
TRIGGER = "alicloud:fc/v3Trigger:V3Trigger"
ASYNC = "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig"
FC_DOMAIN = "alicloud:fc/v3CustomDomain:V3CustomDomain"
OSS_BUCKET = "alicloud:oss/bucket:Bucket"
RAM_ROLE = "alicloud:ram/role:Role"
RAM_POLICY = "alicloud:ram/policy:Policy"
GRANT = "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment"
LOG_PROJECT = "alicloud:log/project:Project"
LOG_STORE = "alicloud:log/store:Store"
CDN_DOMAIN = "alicloud:cdn/domainNew:DomainNew"
CDN_CONFIG = "alicloud:cdn/domainConfig:DomainConfig"

ARN = "arn:aws:lambda:us-east-1:123456789012:function:edge:7"
HOST = "a1b2c3.lambda-url.ap-northeast-1.on.aws"
CERTIFICATE_ARN = "arn:aws:acm:us-east-1:123456789012:certificate/1111"


def document(action="s3:GetObject", resource="arn:aws:s3:::b/*", version="2012-10-17", effect="Allow", **more):
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": version, "Statement": [statement]})


def trust(*services, version="2012-10-17"):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": list(services)}}
    return json.dumps({"Version": version, "Statement": statement})


FUNCTION_BASE = {
    "role": "arn:aws:iam::123456789012:role/r",
    "runtime": "python3.13",
    "handler": "app.handler",
    "s3_bucket": "code",
    "s3_key": "code.zip",
}
URL_BASE = {"function_name": "f", "authorization_type": "AWS_IAM"}
PERMISSION_BASE = {"function": "f", "principal": "cloudfront.amazonaws.com", "action": "lambda:InvokeFunction"}
ORIGIN = {
    "origin_id": "o",
    "domain_name": HOST,
    "custom_origin_config": {
        "http_port": 80,
        "https_port": 443,
        "origin_protocol_policy": "https-only",
        "origin_ssl_protocols": ["TLSv1.2"],
    },
}
BEHAVIOR = {
    "target_origin_id": "o",
    "allowed_methods": ["GET", "HEAD"],
    "cached_methods": ["GET", "HEAD"],
    "viewer_protocol_policy": "redirect-to-https",
    "cache_policy_id": "658327ea-f89d-4fab-a63d-7e88639e58f6",
}
DISTRIBUTION_BASE = {
    "enabled": True,
    "origins": [ORIGIN],
    "default_cache_behavior": BEHAVIOR,
    "restrictions": {"geo_restriction": {"restriction_type": "none"}},
    "viewer_certificate": {"cloudfront_default_certificate": True},
}
FC_BASE = {"handler": "h", "runtime": "custom.debian10"}
HTTP_BASE = {"function_name": "f", "qualifier": "LATEST", "trigger_type": "http"}
OSS_BASE = {**HTTP_BASE, "trigger_type": "oss"}
CDN_BASE = {"domain_name": "www.example.com", "cdn_type": "web", "scope": "overseas"}
BASES = {
    FUNCTION: FUNCTION_BASE,
    FUNCTION_URL: URL_BASE,
    PERMISSION: PERMISSION_BASE,
    DISTRIBUTION: DISTRIBUTION_BASE,
    ACCESS_CONTROL: {
        "origin_access_control_origin_type": "s3",
        "signing_behavior": "always",
        "signing_protocol": "sigv4",
    },
    "aws:lambda/alias:Alias": {"function_name": "f"},
    IAM_ROLE: {"assume_role_policy": trust("ec2.amazonaws.com")},
    FC: FC_BASE,
    TRIGGER: HTTP_BASE,
    ASYNC: {"function_name": "f"},
    CDN_DOMAIN: {**CDN_BASE, "sources": [{"type": "domain", "content": "origin.example.com"}]},
    CDN_CONFIG: {"domain_name": "www.example.com"},
    GRANT: {"role_name": "r", "policy_name": "p"},
    RAM_ROLE: {"assume_role_policy_document": trust("fc.aliyuncs.com", version="1")},
}


def values(type_, name, right, wrong):
    return type_, [{name: each} for each in right], [{name: each} for each in wrong]


def origin(**changed):
    return {"origins": [{**ORIGIN, **changed}]}


def custom(**changed):
    return origin(custom_origin_config={**ORIGIN["custom_origin_config"], **changed})


def behavior(**changed):
    return {"default_cache_behavior": {key: item for key, item in {**BEHAVIOR, **changed}.items() if item is not None}}


def edge(*events, **more):
    return [{"event_type": each, "lambda_arn": ARN, **more} for each in events]


def viewer(*events):
    return [{"event_type": each, "function_arn": "arn:aws:cloudfront::123456789012:function/f"} for each in events]


def http(**config):
    return {**HTTP_BASE, "trigger_config": json.dumps({"authType": "function", "methods": ["GET"], **config})}


def oss(events=("oss:ObjectCreated:PutObject",), key=("in/",), **more):
    names = dict(zip(("prefix", "suffix"), key, strict=False))
    config = {"events": list(events), "filter": {"key": names}}
    return {**OSS_BASE, "trigger_config": json.dumps(config), **more}


def argument(name, value):
    return {"function_name": "path_based_ttl_set", "function_args": [{"arg_name": name, "arg_value": value}]}


def start(command, runtime="custom.debian10"):
    return {"runtime": runtime, "custom_runtime_config": {"commands": [command]}}


def path(value, runtime="custom.debian10"):
    return {"runtime": runtime, "environment_variables": {"PATH": value}}


def health(name, right, wrong):
    return (
        FC,
        [{"custom_runtime_config": {"health_check_config": {name: each}}} for each in right],
        [{"custom_runtime_config": {"health_check_config": {name: each}}} for each in wrong],
    )


def source(**changed):
    return {"sources": [{"type": "oss", "content": "b.oss-cn-hongkong.aliyuncs.com", **changed}]}


CASES = {
    "LAMBDA-MEMORY": values(FUNCTION, "memory_size", (128, 10_240), (127, 10_241)),
    "LAMBDA-TIMEOUT": values(FUNCTION, "timeout", (1, 900), (0, 901)),
    "LAMBDA-ENV-NAMES": values(
        FUNCTION, "environment", ({"variables": {"AB": ""}}, {"variables": {}}), ({"variables": {"A-B": "x"}},)
    ),
    "LAMBDA-ENV-RESERVED": values(
        FUNCTION, "environment", ({"variables": {"AWS_STAGE": "x"}},), ({"variables": {"AWS_REGION": "x"}},)
    ),
    "LAMBDA-ENV-SIZE": values(
        FUNCTION, "environment", ({"variables": {"AB": "x" * 4094}},), ({"variables": {"AB": "x" * 4095}},)
    ),
    "LAMBDA-ENV-SECRET": values(
        FUNCTION,
        "environment",
        ({"variables": {"KEY": "alias/key"}},),
        ({"variables": {"KEY": "AKIA" + "IOSFODNN7EXAMPLE"}},),
    ),
    "LAMBDA-ENV-SUSPECT": values(
        FUNCTION,
        "environment",
        ({"variables": {"DB_PASSWORD": "/prod/db"}},),
        ({"variables": {"DB_PASSWORD": "a8Fq2LmZ91xQ"}},),
    ),
    "LAMBDA-PACKAGE": (FUNCTION, [{}], [{"handler": None}, {"runtime": None}]),
    "LAMBDA-CODE": (
        FUNCTION,
        [{}, {"s3_bucket": None, "image_uri": "i", "package_type": "Image", "handler": None, "runtime": None}],
        [{"image_uri": "i"}, {"s3_bucket": None}],
    ),
    "LAMBDA-HANDLER-TEXT": values(FUNCTION, "handler", ("h", "src/a.b", "h" * 128), ("a b", "h" * 129)),
    "LAMBDA-RUNTIME-OLD": values(FUNCTION, "runtime", ("provided.al2023", "java21"), ("provided.al2", "nodejs20.x")),
    "LAMBDA-SNAPSTART": (
        FUNCTION,
        [{"snap_start": {"apply_on": "PublishedVersions"}}],
        [
            {"snap_start": {"apply_on": "PublishedVersions"}, "runtime": each}
            for each in ("provided.al2023", "nodejs22.x")
        ],
    ),
    "LAMBDA-STORAGE": values(FUNCTION, "ephemeral_storage", ({"size": 512}, {"size": 10_240}), ({"size": 511},)),
    "LAMBDA-LAYERS": values(FUNCTION, "layers", (["l"] * 5,), (["l"] * 6,)),
    "LAMBDA-ARCHITECTURES": values(FUNCTION, "architectures", (["arm64"],), (["arm64", "x86_64"], ["amd64"])),
    "LAMBDA-URL-AUTH": values(FUNCTION_URL, "authorization_type", ("NONE", "AWS_IAM"), ("IAM",)),
    "LAMBDA-URL-QUALIFIER": values(FUNCTION_URL, "qualifier", ("live", "$LATEST"), ("7",)),
    "LAMBDA-URL-MODE": values(FUNCTION_URL, "invoke_mode", ("BUFFERED", "RESPONSE_STREAM"), ("STREAM",)),
    "LAMBDA-URL-CORS-AGE": values(FUNCTION_URL, "cors", ({"max_age": 86_400},), ({"max_age": 86_401},)),
    "LAMBDA-PERMISSION-URL-AUTH": (
        PERMISSION,
        [{"action": "lambda:InvokeFunctionUrl", "function_url_auth_type": "AWS_IAM"}],
        [{"function_url_auth_type": "AWS_IAM"}],
    ),
    "LAMBDA-PERMISSION-VIA-URL": (
        PERMISSION,
        [{"invoked_via_function_url": True}],
        [{"action": "lambda:InvokeFunctionUrl", "invoked_via_function_url": True}],
    ),
    "LAMBDA-ALIAS-VERSION": values("aws:lambda/alias:Alias", "function_version", ("$LATEST", "12"), ("live", "v1")),
    "LAMBDA-LOG-RETENTION": values(LOG_GROUP, "retention_in_days", (0, 14), (2, 15)),
    "LOGS-GROUP-NAME": values(LOG_GROUP, "name", ("/aws/lambda/a_b", "a" * 512), ("a b", "a" * 513)),
    "CF-ORIGIN-HOST": (
        DISTRIBUTION,
        [origin(domain_name="www.example.com")],
        [origin(domain_name=f"https://{HOST}/"), origin(domain_name="example.com:443")],
    ),
    "CF-ORIGIN-TIMEOUT": (
        DISTRIBUTION,
        [custom(origin_read_timeout=1), custom(origin_read_timeout=120)],
        [custom(origin_read_timeout=0), custom(origin_read_timeout=121)],
    ),
    "CF-ORIGIN-KEEPALIVE": (
        DISTRIBUTION,
        [custom(origin_keepalive_timeout=120)],
        [custom(origin_keepalive_timeout=121)],
    ),
    "CF-ORIGIN-ATTEMPTS": (DISTRIBUTION, [origin(connection_attempts=3)], [origin(connection_attempts=4)]),
    "CF-ORIGIN-CONNECT": (DISTRIBUTION, [origin(connection_timeout=10)], [origin(connection_timeout=11)]),
    "CF-ORIGIN-PROTOCOL": (
        DISTRIBUTION,
        [custom(), {**custom(origin_protocol_policy="http-only"), **origin(domain_name="www.example.com")}],
        [custom(origin_protocol_policy="match-viewer")],
    ),
    "CF-TARGETS": (
        DISTRIBUTION,
        [{}],
        [
            behavior(target_origin_id="p"),
            {"ordered_cache_behaviors": [{**BEHAVIOR, "path_pattern": "/a", "target_origin_id": "p"}]},
        ],
    ),
    "CF-ORIGIN-IDS": (DISTRIBUTION, [{"origins": [ORIGIN, {**ORIGIN, "origin_id": "p"}]}], [{"origins": [ORIGIN] * 2}]),
    "CF-HOST": (
        DISTRIBUTION,
        [
            behavior(origin_request_policy_id="b689b0a8-53d0-40ab-baf2-68738e2966ac"),
            {
                **behavior(origin_request_policy_id="216adef6-5c7f-47e4-b989-5492eafa07d3"),
                **origin(domain_name="a.example.com"),
            },
        ],
        [
            behavior(origin_request_policy_id="216adef6-5c7f-47e4-b989-5492eafa07d3"),
            behavior(origin_request_policy_id="bf0718e1-ba1e-49d1-88b1-f726733018ae"),
            behavior(
                cache_policy_id=None,
                forwarded_values={"query_string": True, "headers": ["Host"], "cookies": {"forward": "none"}},
            ),
        ],
    ),
    "CF-ALIAS-CERTIFICATE": (
        DISTRIBUTION,
        [
            {"aliases": []},
            {
                "aliases": ["a.b"],
                "viewer_certificate": {"acm_certificate_arn": CERTIFICATE_ARN, "ssl_support_method": "sni-only"},
            },
        ],
        [{"aliases": ["www.example.com"]}],
    ),
    "CF-SSL-SUPPORT": (
        DISTRIBUTION,
        [{"viewer_certificate": {"acm_certificate_arn": CERTIFICATE_ARN, "ssl_support_method": "sni-only"}}],
        [{"viewer_certificate": {"acm_certificate_arn": CERTIFICATE_ARN}}],
    ),
    "CF-CERTIFICATE-REGION": (
        DISTRIBUTION,
        [{"viewer_certificate": {"acm_certificate_arn": CERTIFICATE_ARN, "ssl_support_method": "sni-only"}}],
        [
            {
                "viewer_certificate": {
                    "acm_certificate_arn": CERTIFICATE_ARN.replace("us-east-1", "eu-west-1"),
                    "ssl_support_method": "sni-only",
                }
            }
        ],
    ),
    "CF-ROOT-OBJECT": values(DISTRIBUTION, "default_root_object", ("index.html",), ("/index.html",)),
    "CF-CACHE-POLICY": (
        DISTRIBUTION,
        [{}],
        [
            behavior(cache_policy_id=None),
            behavior(forwarded_values={"query_string": False, "cookies": {"forward": "none"}}),
        ],
    ),
    "CF-METHODS": (
        DISTRIBUTION,
        [behavior(allowed_methods=["HEAD", "GET", "OPTIONS"])],
        [behavior(allowed_methods=["GET"]), behavior(allowed_methods=["GET", "HEAD", "POST"])],
    ),
    "CF-VIEWER-PROTOCOL": (
        DISTRIBUTION,
        [behavior(viewer_protocol_policy="allow-all")],
        [behavior(viewer_protocol_policy="https")],
    ),
    "CF-FUNCTION-EVENTS": (
        DISTRIBUTION,
        [behavior(function_associations=viewer("viewer-request", "viewer-response"))],
        [
            behavior(function_associations=viewer("origin-request")),
            behavior(function_associations=viewer("viewer-request", "viewer-request")),
        ],
    ),
    "E2": (
        DISTRIBUTION,
        [behavior(lambda_function_associations=edge("origin-request"))],
        [
            behavior(lambda_function_associations=edge("origin-request", lambda_arn=each))
            for each in (ARN[:-2], f"{ARN[:-1]}$LATEST", f"{ARN[:-1]}live")
        ],
    ),
    "E-EVENT": (
        DISTRIBUTION,
        [
            behavior(
                lambda_function_associations=edge(
                    "viewer-request", "origin-request", "origin-response", "viewer-response"
                )
            )
        ],
        [behavior(lambda_function_associations=edge("request"))],
    ),
    "E17": (
        DISTRIBUTION,
        [behavior(lambda_function_associations=edge("origin-request", "origin-response"))],
        [behavior(lambda_function_associations=edge("origin-request", "origin-request"))],
    ),
    "E17-KINDS": (
        DISTRIBUTION,
        [behavior(lambda_function_associations=edge("origin-request"), function_associations=viewer("viewer-request"))],
        [
            behavior(
                lambda_function_associations=edge("viewer-response"), function_associations=viewer("viewer-request")
            )
        ],
    ),
    "E18": (
        DISTRIBUTION,
        [behavior(lambda_function_associations=edge("origin-request", "viewer-request", include_body=True))],
        [behavior(lambda_function_associations=edge("origin-response", include_body=True))],
    ),
    "E19": (
        DISTRIBUTION,
        [behavior(smooth_streaming=True), behavior(lambda_function_associations=edge("origin-request"))],
        [behavior(smooth_streaming=True, lambda_function_associations=edge("origin-request"))],
    ),
    "CF-OAC-TYPE": values(ACCESS_CONTROL, "origin_access_control_origin_type", ("lambda", "s3"), ("url",)),
    "CF-OAC-SIGNING": values(ACCESS_CONTROL, "signing_behavior", ("always", "never", "no-override"), ("on",)),
    "CF-OAC-PROTOCOL": values(ACCESS_CONTROL, "signing_protocol", ("sigv4",), ("sigv2",)),
    "IAM-DOCUMENT": (
        IAM_POLICY,
        [{"policy": document()}, {"policy": document(version="2008-10-17")}],
        [
            {"policy": each}
            for each in (
                "",
                "[]",
                "{}",
                document(version="1"),
                document(effect="allow"),
                '{"Statement": [{"Effect": "Deny"}]}',
            )
        ],
    ),
    "IAM-WILDCARD": (
        IAM_POLICY,
        [
            {"policy": document("s3:*")},
            {"policy": document("s3:GetObject", "*")},
            {"policy": document("*", "*", Sid="BreakGlass")},
            {"policy": document("*", "*"), "description": "For the auditor."},
            {"policy": document("*", "*", effect="Deny")},
        ],
        [{"policy": document("*", "*")}, {"policy": document("s3:*", "*")}],
    ),
    "S3-BUCKET-NAME": values(
        BUCKET, "bucket", ("abc", "a.b-c", "a" * 63), ("ab", "a" * 64, "-ab", "a..b", "A-b", "a_b")
    ),
    "S3-BUCKET-RESERVED": values(
        BUCKET, "bucket", ("192.168.5.4a",), ("192.168.5.4", "xn--abc", "abc-s3alias", "abc--x-s3")
    ),
    "ACM-DOMAIN": values(CERTIFICATE, "domain_name", ("*.example.com",), ("https://example.com", "example")),
    "ACM-NAMES": values(
        CERTIFICATE, "subject_alternative_names", (["a.example.com"],), (["a.example.com", "*.*.com"],)
    ),
    "ACM-VALIDATION": values(CERTIFICATE, "validation_method", ("DNS", "EMAIL"), ("dns",)),
    "FC-MEMORY": values(FC, "memory_size", (128, 32_768), (64, 130, 32_832)),
    "FC-CPU": (
        FC,
        [{"cpu": 0.5, "memory_size": 1024}],
        [{"cpu": 0.5, "memory_size": 4096}, {"cpu": 0.33, "memory_size": 512}],
    ),
    "FC-TIMEOUT": values(FC, "timeout", (1, 86_400), (0, 86_401)),
    "FC-CONCURRENCY": values(FC, "instance_concurrency", (1, 200), (0, 201)),
    "FC-CONCURRENCY-RUNTIME": (
        FC,
        [
            {"instance_concurrency": 1, "runtime": "python3.10"},
            {"instance_concurrency": 2, "runtime": "custom-container"},
        ],
        [{"instance_concurrency": 2, "runtime": "python3.10"}],
    ),
    "FC-INITIALIZER": values(
        FC, "instance_lifecycle_config", ({"initializer": {"timeout": 300}},), ({"initializer": {"timeout": 301}},)
    ),
    "FC-PRE-STOP": values(
        FC, "instance_lifecycle_config", ({"pre_stop": {"timeout": 90}},), ({"pre_stop": {"timeout": 91}},)
    ),
    "FC-ENV-NAMES": values(FC, "environment_variables", ({"AB": "x"},), ({"A-B": "x"},)),
    "FC-ENV-RESERVED": values(FC, "environment_variables", ({"TZ": "UTC"},), ({"FC_REGION": "x"},)),
    "FC-ENV-SIZE": values(FC, "environment_variables", ({"AB": "x" * 4094},), ({"AB": "x" * 4095},)),
    "FC-ENV-SECRET": values(FC, "environment_variables", ({"ID": "LTAI"},), ({"ID": "LTAI" + "5tAbCdEfGhIjKlMn"},)),
    "FC-ENV-SUSPECT": values(FC, "environment_variables", ({"TOKEN": "kms:a/b/c"},), ({"TOKEN": "a8Fq2LmZ91xQ"},)),
    "FC-NAME": values(FC, "function_name", ("_a", "a" * 64), ("1a", "a.b", "a" * 65)),
    "FC-DISK": values(FC, "disk_size", (512, 10_240), (1024, 10)),
    "FC-LAYERS": values(FC, "layers", (["l"] * 5,), (["l"] * 6,)),
    "FC-INTERPRETER": (
        FC,
        [
            start("/var/fc/lang/python3.10/bin/python3"),
            start("/var/fc/lang/python3.12/bin/python3", "custom.debian11"),
            start("/code/python/bin/python3"),
            start("/var/fc/lang/any/bin/x", "custom.debian12"),
        ],
        [start("/var/fc/lang/python3.12/bin/python3"), start("/var/fc/lang/nodejs20/bin/node", "custom.debian11")],
    ),
    "FC-COMMAND-PATH": (
        FC,
        [
            start("node", "custom"),
            start("/var/fc/lang/nodejs20/bin/node"),
            {**start("node"), **path("/var/fc/lang/nodejs20/bin:/usr/bin:/bin")},
        ],
        [
            start("node"),
            start("npm", "custom.debian11"),
            {**start("node"), **path("/var/fc/lang/python3.10/bin:/usr/bin:/bin")},
        ],
    ),
    "FC-COMMAND-SYSTEM-PYTHON": (
        FC,
        [
            start("python3", "custom.debian12"),
            {**start("python3"), **path("/var/fc/lang/python3.10/bin:/usr/bin:/bin")},
        ],
        [start("python3"), {**start("python3"), **path("/usr/bin:/bin:/var/fc/lang/python3.10/bin")}],
    ),
    "FC-PATH-INTERPRETER": (
        FC,
        [path("/var/fc/lang/nodejs20/bin:/usr/bin:/bin"), path("/var/fc/lang/any/bin", "custom.debian12"), path("/x")],
        [path("/var/fc/lang/python3.12/bin:/usr/bin:/bin"), path("/var/fc/lang/nodejs20/bin", "custom.debian11")],
    ),
    "FC-PATH-SYSTEM": (FC, [path("/x:/usr/bin:/bin"), {}], [path("/x"), path("/usr/bin"), path("/bin:/x")]),
    "FC-PATH-LITERAL": (FC, [path("/x:/usr/bin:/bin")], [path("/x:$PATH"), path("/x:${PATH}")]),
    "FC-PORT": (
        FC,
        [{"custom_runtime_config": {"port": 9000}}],
        [{"custom_runtime_config": {"port": 0}}, {"custom_runtime_config": {"port": 65_536}}],
    ),
    "FC-HEALTH-DELAY": health("initial_delay_seconds", (0, 120), (121,)),
    "FC-HEALTH-PERIOD": health("period_seconds", (1, 120), (0, 121)),
    "FC-HEALTH-TIMEOUT": health("timeout_seconds", (1, 3), (0, 4)),
    "FC-HEALTH-FAILURES": health("failure_threshold", (1, 120), (0, 121)),
    "FC-HEALTH-SUCCESSES": health("success_threshold", (1, 120), (0, 121)),
    "FC-HEALTH-PATH": health("http_get_url", ("/", "/healthz?deep=1"), ("", "healthz", "/a b", "http://x/")),
    "FC-LOG-BEGIN": values(FC, "log_config", ({"log_begin_rule": "None"},), ({"log_begin_rule": "none"},)),
    "FC-INLINE-ZIP": values(FC, "code", ({"zip_file": "UEsF"},), ({"zip_file": "A" * 104_857_600},)),
    "FC-TRIGGER-CONFIG": values(TRIGGER, "trigger_config", ("{}",), ("{", "[]")),
    "FC-TRIGGER-AUTH": (TRIGGER, [http(authType="jwt"), http(authType="bearer")], [http(authType="none")]),
    "FC-TRIGGER-METHODS": (TRIGGER, [http(methods=["GET", "PATCH"])], [http(methods=["get"]), http(methods=[])]),
    "FC-ASYNC-RETRIES": values(ASYNC, "max_async_retry_attempts", (0, 8), (9, -1)),
    "FC-ASYNC-AGE": values(ASYNC, "max_async_event_age_in_seconds", (1, 604_800), (0, 604_801)),
    "FC-ASYNC-AGE-PROVIDER": values(ASYNC, "max_async_event_age_in_seconds", (86_400,), (86_401,)),
    "FC-DOMAIN-PROTOCOL": values(FC_DOMAIN, "protocol", ("HTTP", "HTTP,HTTPS"), ("http",)),
    "FC-DOMAIN-NAME": values(FC_DOMAIN, "custom_domain_name", ("*.example.com",), ("https://example.com",)),
    "FC-DOMAIN-CERTIFICATE": values(
        FC_DOMAIN, "cert_config", ({"certificate": "c" * 20_480},), ({"certificate": "c" * 20_481},)
    ),
    "OSS-TRIGGER-EVENTS": (TRIGGER, [oss()], [oss(events=["oss:ObjectCreated:*"]), oss(events=[])]),
    "OSS-TRIGGER-FILTER": (TRIGGER, [oss(key=("in/", ".zip"))], [oss(key=("in/*",)), oss(key=("in/", "*.zip"))]),
    "OSS-TRIGGER-SLASH": (TRIGGER, [oss(key=("in/",))], [oss(key=("/in/",))]),
    "OSS-TRIGGER-LOOP": (TRIGGER, [oss(key=("in/",)), oss(key=("", ".zip"))], [oss(key=())]),
    "OSS-TRIGGER-SOURCE": (
        TRIGGER,
        [oss(source_arn="acs:oss:cn-hongkong:1234567890123456:b-1")],
        [oss(source_arn="b-1")],
    ),
    "OSS-TRIGGER-REGION": (
        TRIGGER,
        [oss(source_arn="acs:oss:cn-hongkong:1234567890123456:b-1")],
        [oss(source_arn="acs:oss:cn-hangzhou:1234567890123456:b-1")],
    ),
    "OSS-BUCKET-NAME": values(OSS_BUCKET, "bucket", ("abc", "a" * 63), ("ab", "a.b", "-ab", "a" * 64)),
    "RAM-ROLE-NAME": values(RAM_ROLE, "role_name", ("AliyunCDNAccessingPrivateOSSRole", "a" * 64), ("a_b", "a" * 65)),
    "RAM-POLICY-NAME": values(RAM_POLICY, "policy_name", ("a-B", "a" * 128), ("a_b", "a" * 129)),
    "RAM-POLICY-TYPE": values(GRANT, "policy_type", ("Custom", "System"), ("custom",)),
    "RAM-DOCUMENT": (
        RAM_POLICY,
        [{"policy_document": document("oss:GetObject", "acs:oss:*:*:b/*", version="1")}],
        [{"policy_document": document()}, {"policy_document": "x"}],
    ),
    "RAM-WILDCARD": (
        RAM_POLICY,
        [
            {"policy_document": document("oss:Get*", "*", version="1")},
            {"policy_document": document("oss:*", "*", version="1"), "description": "Why."},
        ],
        [{"policy_document": document("oss:*", "*", version="1")}],
    ),
    "FC-LOG-PROJECT": values(LOG_PROJECT, "project_name", ("abc",), ("a_b", "ab")),
    "FC-LOG-RETENTION": values(LOG_STORE, "retention_period", (1, 3650), (0, 3651)),
    "CDN-DOMAIN-NAME": values(CDN_DOMAIN, "domain_name", ("a.example.com", ".example.com"), ("http://a.com", "A.com")),
    "CDN-ORIGIN": values(CDN_DOMAIN, "domain_name", ("a.example.com",), ("b.oss-cn-hongkong.aliyuncs.com",)),
    "CDN-SCOPE": values(CDN_DOMAIN, "scope", ("overseas",), ("china",)),
    "CDN-ICP": values(CDN_DOMAIN, "scope", ("overseas",), ("domestic", "global")),
    "CDN-TYPE": values(CDN_DOMAIN, "cdn_type", ("web", "video"), ("oss",)),
    "CDN-SELF": (CDN_DOMAIN, [{}], [{"sources": [{"type": "domain", "content": "www.example.com"}]}]),
    "CDN-SOURCE-TYPE": (CDN_DOMAIN, [source()], [source(type="bucket")]),
    "CDN-BUCKET-HOST": (
        CDN_DOMAIN,
        [source(), source(type="domain", content="a.example.com")],
        [source(content="b.oss-cn-hongkong-internal.aliyuncs.com"), source(content="b")],
    ),
    "CDN-PORT": (CDN_DOMAIN, [source(port=443)], [source(port=0)]),
    "CDN-TTL": (CDN_CONFIG, [argument("ttl", "0")], [argument("ttl", "-1"), argument("ttl", "1h")]),
    "CDN-WEIGHT": (CDN_CONFIG, [argument("weight", "99")], [argument("weight", "0"), argument("weight", "100")]),
    "CDN-OSS-AUTH": (
        CDN_CONFIG,
        [{**argument("private_oss_auth", "on"), "function_name": "l2_oss_key"}],
        [{**argument("private_oss_auth", "on"), "function_name": "oss_auth"}],
    ),
}
"""One resource by itself."""


def inputs(type_, changed):
    """A whole resource of that type; None takes an input away."""
    whole = {**BASES.get(type_, {}), **changed}
    return {name: value for name, value in whole.items() if value is not None}
