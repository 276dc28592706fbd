"""Whole programs that a cloud would refuse, and the rules that must say so: name -> (program, ids)."""

from __future__ import annotations

_HEAD = """
import json
import pulumi
import pulumi_alicloud as alicloud
import pulumi_aws as aws
from components.stack_rules import watch

watch()

def trust(*services, version="2012-10-17"):
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": list(services)}}
    return json.dumps({"Version": version, "Statement": [allow]})

role = aws.iam.Role("role", assume_role_policy=trust("lambda.amazonaws.com"))
zip_of = pulumi.FileArchive("dist/function.zip")
"""

_LAMBDA = """
def function(name, **changed):
    right = {"role": role.arn, "runtime": "provided.al2023", "handler": "app.handler", "code": zip_of}
    return aws.lambda_.Function(name, **{key: item for key, item in {**right, **changed}.items() if item is not None})

function("memory", memory_size=64)
function("timeout", timeout=pulumi.Output.from_input(901))
function("pair", handler=None)
function("twice", s3_bucket="code", s3_key="code.zip")
function("variables", environment={"variables": {"AWS_REGION": "x", "A-B": "x", "BIG": "x" * 4096}})
function("credential", environment={"variables": {"KEY": "AKIA" + "IOSFODNN7EXAMPLE"}})
function("snap", snap_start={"apply_on": "PublishedVersions"})
function("storage", ephemeral_storage=aws.lambda_.FunctionEphemeralStorageArgs(size=256))
function("chips", architectures=["x86_64", "arm64"])
function("layers", layers=[f"arn:aws:lambda:ap-northeast-1:123456789012:layer:l:{number}" for number in range(6)])
aws.lambda_.FunctionUrl("url", function_name="f", authorization_type="IAM", qualifier="7", cors={"max_age": 90000})
aws.lambda_.Permission("a", function="f", action="lambda:InvokeFunction", principal="*", function_url_auth_type="NONE")
aws.lambda_.Alias("alias", function_name="f", function_version="latest")
aws.cloudwatch.LogGroup("logs", name="a b", retention_in_days=8)
aws.iam.Policy("policy", policy="{'Statement': []}")
aws.s3.Bucket("bucket", bucket="A_bucket")
"""

_EDGE = """
def behavior(**changed):
    return {
        "target_origin_id": "o",
        "allowed_methods": ["GET", "HEAD"],
        "cached_methods": ["GET", "HEAD"],
        "viewer_protocol_policy": "https-only",
        "cache_policy_id": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        **changed,
    }

def distribution(name, **changed):
    right = {
        "enabled": True,
        "origins": [{"origin_id": "o", "domain_name": "www.example.com", "custom_origin_config": {
            "http_port": 80, "https_port": 443, "origin_protocol_policy": "https-only",
            "origin_ssl_protocols": ["TLSv1.2"]}}],
        "default_cache_behavior": behavior(),
        "restrictions": {"geo_restriction": {"restriction_type": "none"}},
        "viewer_certificate": {"cloudfront_default_certificate": True},
    }
    return aws.cloudfront.Distribution(name, **{**right, **changed})

def at(event, arn, **more):
    return [{"event_type": event, "lambda_arn": arn, **more}]

edge = aws.lambda_.Function(
    "edge", role=role.arn, code=zip_of, runtime="provided.al2023", handler="x", timeout=31, layers=["l"],
    architectures=["arm64"], ephemeral_storage={"size": 1024}, environment={"variables": {"STAGE": "x"}},
    tracing_config={"mode": "Active"}, dead_letter_config={"target_arn": "arn:aws:sqs:us-east-1:123456789012:q"},
    vpc_config={"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]},
    source_kms_key_arn="arn:aws:kms:us-east-1:123456789012:key/1",
)
aws.lambda_.ProvisionedConcurrencyConfig(
    "ready", function_name=edge.name, qualifier="1", provisioned_concurrent_executions=1)
aws.lambda_.RuntimeManagementConfig("pin", function_name=edge.name, update_runtime_on="Manual")
distribution("all", default_cache_behavior=behavior(lambda_function_associations=at("origin-request", edge.arn)))

version = "arn:aws:lambda:us-east-1:123456789012:function:f:1"
distribution("twice", default_cache_behavior=behavior(
    lambda_function_associations=at("origin-request", version) * 2))
distribution("mixed", default_cache_behavior=behavior(
    lambda_function_associations=at("viewer-response", version, include_body=True),
    function_associations=[
        {"event_type": "viewer-request", "function_arn": "arn:aws:cloudfront::123456789012:function/f"}]))
distribution("smooth", default_cache_behavior=behavior(
    smooth_streaming=True, lambda_function_associations=at("viewer-request", version.removesuffix(":1") + ":live")))
distribution("target", ordered_cache_behaviors=[behavior(path_pattern="/a", target_origin_id="p")])
distribution("names", aliases=["www.example.com"], default_root_object="/index.html")
distribution("tokyo", aliases=["www.example.com"], viewer_certificate={
    "acm_certificate_arn": "arn:aws:acm:ap-northeast-1:123456789012:certificate/1"})
distribution("host", origins=[{"origin_id": "o", "domain_name": "https://www.example.com/"}])
"""

_URL = """
edge_role = aws.iam.Role("edge-role", assume_role_policy=trust("lambda.amazonaws.com"))
edge = aws.lambda_.Function(
    "edge", role=edge_role.arn, code=zip_of, runtime="python3.13", handler="a.b", publish=True, region="us-east-1")
function = aws.lambda_.Function("behind", role=role.arn, code=zip_of, runtime="python3.13", handler="a.b")
url = aws.lambda_.FunctionUrl("url", function_name=function.name, authorization_type="NONE")
access = aws.cloudfront.OriginAccessControl(
    "access", origin_access_control_origin_type="lambda", signing_behavior="always", signing_protocol="sigv4")
certificate = aws.acm.Certificate("certificate", domain_name="www.example.com", validation_method="DNS")
aws.cloudfront.Distribution(
    "distribution",
    enabled=True,
    aliases=["www.example.com"],
    origins=[{
        "origin_id": "o",
        "domain_name": "a1b2.lambda-url.ap-northeast-1.on.aws",
        "origin_access_control_id": access.id,
        "custom_origin_config": {"http_port": 80, "https_port": 443, "origin_protocol_policy": "match-viewer",
                                 "origin_ssl_protocols": ["TLSv1.2"], "origin_read_timeout": 121},
    }, {
        "origin_id": "p",
        "domain_name": url.function_url.apply(lambda known: known.split("/")[2]),
        "origin_access_control_id": access.id,
        "custom_origin_config": {"http_port": 80, "https_port": 443, "origin_protocol_policy": "https-only",
                                 "origin_ssl_protocols": ["TLSv1.2"]},
    }],
    default_cache_behavior={
        "target_origin_id": "o",
        "allowed_methods": ["GET", "POST"],
        "cached_methods": ["GET", "HEAD"],
        "viewer_protocol_policy": "https",
        "origin_request_policy_id": "216adef6-5c7f-47e4-b989-5492eafa07d3",
        "lambda_function_associations": [{"event_type": "origin-request", "lambda_arn": edge.qualified_arn}],
    },
    restrictions={"geo_restriction": {"restriction_type": "none"}},
    viewer_certificate={"acm_certificate_arn": certificate.arn, "ssl_support_method": "sni-only"},
)
"""

_ALIBABA = """
def function(name, **changed):
    return alicloud.fc.V3Function(name, **{"handler": "h", "runtime": "custom.debian10", **changed})

function("memory", memory_size=100)
function("cpu", memory_size=4096, cpu=0.5)
function("timeout", timeout=86401, disk_size=1024, instance_concurrency=201)
function("hooks", instance_lifecycle_config={"initializer": {"timeout": 301}, "pre_stop": {"timeout": 91}})
function("variables", environment_variables={"FC_REGION": "x"})
function("credential", environment_variables={"ID": "LTAI" + "5tAbCdEfGhIjKlMnOpQr"})
function("python", custom_runtime_config={"commands": ["/var/fc/lang/python3.12/bin/python3"]})
function("node", custom_runtime_config={"commands": ["node"]})
function("python-runtime", runtime="python3.10", instance_concurrency=5)
oss_role = alicloud.ram.Role(
    "role", role_name="a_b", assume_role_policy_document=trust("oss.aliyuncs.com", version="1"))
function("trust", role=oss_role.arn)
config = {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "/in*"}}}
alicloud.fc.V3Trigger(
    "trigger", function_name="f", qualifier="LATEST", trigger_type="oss", trigger_config=json.dumps(config),
    source_arn="acs:oss:cn-hangzhou:1234567890123456:bucket")
alicloud.fc.V3Trigger(
    "http", function_name="f", qualifier="LATEST", trigger_type="http",
    trigger_config=json.dumps({"authType": "none", "methods": ["get"]}))
alicloud.ram.Policy("policy", policy_name="p", policy_document=trust("x"))
alicloud.oss.Bucket("bucket", bucket="a.b")
alicloud.cdn.DomainNew(
    "cdn", domain_name="b.oss-cn-hongkong.aliyuncs.com", cdn_type="site", scope="china",
    sources=[{"type": "oss", "content": "b.oss-cn-hongkong-internal.aliyuncs.com"}])
alicloud.cdn.DomainConfig(
    "ttl", domain_name="www.example.com", function_name="path_based_ttl_set",
    function_args=[{"arg_name": "ttl", "arg_value": "1h"}, {"arg_name": "weight", "arg_value": "100"}])
alicloud.cdn.DomainConfig(
    "auth", domain_name="www.example.com", function_name="oss_auth",
    function_args=[{"arg_name": "private_oss_auth", "arg_value": "on"}])
"""

_MADE_OF_OUTPUTS = """
edge = aws.lambda_.Function(
    "edge", role=role.arn, code=zip_of, runtime="provided.al2023", handler="a.b", publish=True,
    environment={"variables": {"STAGE": "x"}})
policy = aws.cloudfront.OriginRequestPolicy(
    "policy", cookies_config={"cookie_behavior": "all"}, query_strings_config={"query_string_behavior": "all"},
    headers_config={"header_behavior": "whitelist", "headers": {"items": ["Host"]}})
urls = []
for name in ("one", "two"):
    function = aws.lambda_.Function(name, role=role.arn, code=zip_of, runtime="provided.al2023", handler="a.b")
    urls.append(aws.lambda_.FunctionUrl(name, function_name=function.name, authorization_type="AWS_IAM"))
access = aws.cloudfront.OriginAccessControl(
    "access", origin_access_control_origin_type="lambda", signing_behavior="always", signing_protocol="sigv4")
aws.cloudfront.Distribution(
    "distribution",
    enabled=True,
    origins=[{
        "origin_id": "o",
        "domain_name": urls[1].function_url.apply(lambda known: known.split("/")[2]),
        "origin_access_control_id": access.id,
        "custom_origin_config": {"http_port": 80, "https_port": 443, "origin_protocol_policy": "https-only",
                                 "origin_ssl_protocols": ["TLSv1.2"]},
    }],
    default_cache_behavior={
        "target_origin_id": "o",
        "allowed_methods": ["GET", "HEAD"],
        "cached_methods": ["GET", "HEAD"],
        "viewer_protocol_policy": "https-only",
        "cache_policy_id": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "origin_request_policy_id": POLICY,
        "lambda_function_associations": [
            {"event_type": "origin-request", "lambda_arn": pulumi.Output.concat(edge.arn, ":", edge.version)}],
    },
    restrictions={"geo_restriction": {"restriction_type": "none"}},
    viewer_certificate={"cloudfront_default_certificate": True},
)
"""

_ZIPS = """
import zipfile

def write(path, entry, mode, content):
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(entry)
        info.create_system, info.external_attr = 3, (0o100000 | mode) << 16
        archive.writestr(info, content)
    return path

dull = write("dist/dull.zip", "bootstrap", 0o644, "#!/bin/sh\\n")
windows = write("dist/windows.zip", "bootstrap", 0o755, "#!/bin/sh\\r\\n")
arm = write("dist/arm.zip", "bootstrap", 0o755, b"\\x7fELF\\x02\\x01\\x01" + bytes(11) + bytes([183, 0]) + bytes(44))
for name in (dull, windows, arm):
    aws.lambda_.Function(
        name[5:8], role=role.arn, code=pulumi.FileArchive(name), runtime="provided.al2023", handler="x")
regions = {name: pulumi.ResourceOptions(provider=alicloud.Provider(name, region=name))
           for name in ("cn-hongkong", "cn-hangzhou")}
bucket = alicloud.oss.Bucket("code", bucket="the-code-bucket", opts=regions["cn-hangzhou"])
stored = alicloud.oss.BucketObject("zip", bucket=bucket.bucket, key="arm.zip", source=arm, opts=regions["cn-hangzhou"])
alicloud.fc.V3Function(
    "far", handler="h", runtime="custom.debian10", opts=regions["cn-hongkong"],
    code={"oss_bucket_name": stored.bucket, "oss_object_name": stored.key})
"""

_COMPONENTS = """
from components.lambda_runtime import LambdaCustomRuntime

aws.lambda_.Function("beside", role=role.arn, code=zip_of, runtime="provided.al2023", handler="x", memory_size=64)
LambdaCustomRuntime("component", {"zip_path": "dist/function.zip", "handler": "app", "timeout_s": 901})
"""

_LOOP = """
from components.site import SiteBuild

SiteBuild("build", {
    "zip_path": "dist/function.zip", "handler": "handlers.site_build.handler", "region": "cn-hongkong",
    "resource_name": "build", "code_bucket_name": "code-7f3a", "log_project_name": "log-7f3a",
    "source_bucket_name": "pages-7f3a", "site_bucket_name": pulumi.Output.from_input("pages-7f3a"),
    "domain_name": "www.example.com", "site_url": "http://www.example.com/", "site_prefix": "projects/site/"})
"""

_OUTPUT = """
writer = alicloud.ram.Role(
    "writer", role_name="writer", assume_role_policy_document=trust("fc.aliyuncs.com", version="1"))
write = {"Effect": "Allow", "Action": ["oss:PutObject"], "Resource": ["acs:oss:*:*:pages-7f3a/in/*"]}
policy = alicloud.ram.Policy(
    "policy", policy_name="write", policy_document=json.dumps({"Version": "1", "Statement": [write]}))
alicloud.ram.RolePolicyAttachment(
    "attached", role_name=writer.role_name, policy_name=policy.policy_name, policy_type="Custom")
resized = alicloud.fc.V3Function(
    "resize", function_name="resize", runtime="python3.10", handler="index.handler", role=writer.arn)
alicloud.fc.V3Trigger(
    "pictures", function_name=resized.function_name, qualifier="LATEST", trigger_type="oss",
    trigger_config=json.dumps({"events": ["oss:ObjectCreated:PutObject"], "filter": {"key": {"prefix": "in/"}}}),
    source_arn="acs:oss:cn-hongkong:1234567890123456:pages-7f3a")
"""

WRONG = {
    "lambda": (
        _HEAD + _LAMBDA,
        [
            *("LAMBDA-MEMORY", "LAMBDA-TIMEOUT", "LAMBDA-PACKAGE", "LAMBDA-CODE", "LAMBDA-ENV-RESERVED"),
            *("LAMBDA-ENV-NAMES", "LAMBDA-ENV-SIZE", "LAMBDA-ENV-SECRET", "LAMBDA-SNAPSTART", "LAMBDA-STORAGE"),
            *("LAMBDA-ARCHITECTURES", "LAMBDA-LAYERS", "LAMBDA-URL-AUTH", "LAMBDA-URL-QUALIFIER"),
            *("LAMBDA-URL-CORS-AGE", "LAMBDA-PERMISSION-URL-AUTH", "LAMBDA-ALIAS-VERSION", "LAMBDA-LOG-RETENTION"),
            *("LOGS-GROUP-NAME", "IAM-DOCUMENT", "S3-BUCKET-NAME"),
        ],
    ),
    "edge": (
        _HEAD + _EDGE,
        [
            *("E1", "E2", "E2-SOURCE", "E2-PUBLISH", "E3", "E5", "E6", "E7", "E8", "E9", "E10", "E11", "E12", "E13"),
            *("E14", "E15", "E17", "E17-KINDS", "E18", "E19", "E-TIMEOUT", "CF-TARGETS", "CF-ALIAS-CERTIFICATE"),
            *("CF-ROOT-OBJECT", "CF-CERTIFICATE-REGION", "CF-SSL-SUPPORT", "CF-ORIGIN-HOST"),
            "LAMBDA-ZIP-ARCHITECTURE",
        ],
    ),
    "function-url": (
        _HEAD + _URL,
        [
            *("E15", "CF-OAC-PERMISSIONS", "CF-OAC-URL-AUTH", "ACM-EDGE-REGION", "CF-ORIGIN-PROTOCOL", "CF-METHODS"),
            *("CF-ORIGIN-TIMEOUT", "CF-VIEWER-PROTOCOL", "CF-HOST", "CF-CACHE-POLICY"),
        ],
    ),
    "host": (
        _HEAD + _MADE_OF_OUTPUTS.replace("POLICY", "policy.id"),
        ["CF-HOST"],
    ),
    "made-of-outputs": (
        _HEAD + _MADE_OF_OUTPUTS.replace("POLICY", "None"),
        ["E1", "E3", "E5", "E15", "CF-OAC-PERMISSIONS"],
    ),
    "zips": (
        _HEAD + _ZIPS,
        [
            *("ZIP-BOOTSTRAP", "ZIP-SHEBANG", "LAMBDA-BOOTSTRAP-MACHINE", "FC-BOOTSTRAP-MACHINE", "FC-CODE-REGION"),
        ],
    ),
    "alibaba": (
        _HEAD + _ALIBABA,
        [
            *("FC-MEMORY", "FC-CPU", "FC-TIMEOUT", "FC-DISK", "FC-CONCURRENCY", "FC-INITIALIZER", "FC-PRE-STOP"),
            *("FC-ENV-RESERVED", "FC-ENV-SECRET", "FC-INTERPRETER", "FC-COMMAND-PATH", "FC-CONCURRENCY-RUNTIME"),
            *("RAM-ROLE-NAME", "RAM-TRUST-FC", "OSS-TRIGGER-EVENTS", "OSS-TRIGGER-FILTER", "OSS-TRIGGER-SLASH"),
            *("OSS-TRIGGER-REGION", "FC-TRIGGER-AUTH", "FC-TRIGGER-METHODS", "RAM-DOCUMENT", "OSS-BUCKET-NAME"),
            *("CDN-ORIGIN", "CDN-TYPE", "CDN-SCOPE", "CDN-BUCKET-HOST", "CDN-TTL", "CDN-WEIGHT", "CDN-OSS-AUTH"),
        ],
    ),
    "site": (_HEAD + _LOOP, ["SITE-LOOP"]),
    "output": (_HEAD + _OUTPUT, ["OSS-TRIGGER-OUTPUT"]),
    "components": (_HEAD + _COMPONENTS, ["LAMBDA-MEMORY", "LAMBDA-HANDLER", "LAMBDA-TIMEOUT"]),
}
