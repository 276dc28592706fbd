"""What the guides of both clouds show for these resources, written as programs: nothing of it may be refused."""

from __future__ import annotations

_HEAD = """
import json
import pulumi
import pulumi_alicloud as alicloud
import pulumi_aws as aws
from components.stack_rules import watch

watch()

def document(version, *statements):
    return json.dumps({"Version": version, "Statement": list(statements)})

def trust(*services, version="2012-10-17"):
    return document(version, {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": list(services)}})

zip_of = pulumi.FileArchive("dist/function.zip")
edge_zip = pulumi.FileArchive("dist/edge.zip")
role = aws.iam.Role("execution", assume_role_policy=trust("lambda.amazonaws.com"))
"""

LAMBDA = f"""{_HEAD}
# Lambda Developer Guide: execution role, environment variables, quotas at their ends, function URLs, aliases
aws.iam.RolePolicy("basic-execution", role=role.name, policy=document("2012-10-17", {{
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "*",
}}))
aws.cloudwatch.LogGroup("group", name="/aws/lambda/my-function", retention_in_days=14)
node = aws.lambda_.Function(
    "node", role=role.arn, code=zip_of, runtime="nodejs22.x", handler="index.handler",
    environment={{"variables": {{"BUCKET": "amzn-s3-demo-bucket", "KEY": "file.txt", "PREFIX": "inbound"}}}})
python = aws.lambda_.Function(
    "python", role=role.arn, code=zip_of, runtime="python3.13", handler="lambda_function.lambda_handler", timeout=900,
    memory_size=10240, ephemeral_storage={{"size": 10240}}, architectures=["x86_64"], publish=True,
    snap_start={{"apply_on": "PublishedVersions"}}, tracing_config={{"mode": "Active"}})
aws.lambda_.Function(
    "java", role=role.arn, code=zip_of, runtime="java21", handler="example.Handler::handleRequest", memory_size=128)
aws.lambda_.Function(
    "os-only", role=role.arn, code=zip_of, runtime="provided.al2023", handler="bootstrap", timeout=1)
live = aws.lambda_.Alias("live", function_name=python.name, function_version=python.version)
aws.lambda_.FunctionUrl(
    "public", function_name=node.name, authorization_type="NONE",
    cors={{"allow_origins": ["*"], "allow_methods": ["GET"], "max_age": 86400}})
aws.lambda_.Permission(
    "anyone-url", action="lambda:InvokeFunctionUrl", function=node.name, principal="*", function_url_auth_type="NONE")
aws.lambda_.Permission(
    "anyone", action="lambda:InvokeFunction", function=node.name, principal="*", invoked_via_function_url=True)
aws.lambda_.FunctionUrl(
    "aliased", function_name=python.name, qualifier=live.name, authorization_type="AWS_IAM",
    invoke_mode="RESPONSE_STREAM")
"""

CLOUDFRONT = f"""{_HEAD}
# CloudFront Developer Guide: S3 with OAC, function URL with OAC, Lambda@Edge and CloudFront Functions, own domain
site = aws.s3.Bucket("site", bucket="amzn-s3-demo-bucket")
aws.s3.BucketPublicAccessBlock(
    "closed", bucket=site.id, block_public_acls=True, block_public_policy=True, ignore_public_acls=True,
    restrict_public_buckets=True)
signed = aws.cloudfront.OriginAccessControl(
    "s3-access", origin_access_control_origin_type="s3", signing_behavior="always", signing_protocol="sigv4")
signed_url = aws.cloudfront.OriginAccessControl(
    "url-access", origin_access_control_origin_type="lambda", signing_behavior="always", signing_protocol="sigv4")
api = aws.lambda_.Function("api", role=role.arn, code=zip_of, runtime="provided.al2023", handler="x", timeout=30)
url = aws.lambda_.FunctionUrl("api-url", function_name=api.name, authorization_type="AWS_IAM")
edge_role = aws.iam.Role("edge", assume_role_policy=trust("lambda.amazonaws.com", "edgelambda.amazonaws.com"))
edge = aws.lambda_.Function(
    "edge", region="us-east-1", role=edge_role.arn, code=edge_zip, runtime="python3.13", publish=True,
    handler="handlers.edge.handler", timeout=5, memory_size=128, skip_destroy=True)
certificate = aws.acm.Certificate(
    "certificate", region="us-east-1", domain_name="www.example.com", validation_method="DNS",
    subject_alternative_names=["*.example.com"])
function = aws.cloudfront.Function(
    "rewrite", runtime="cloudfront-js-2.0", code="function handler(event) {{ return event.request; }}", publish=True)
CACHED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
distribution = aws.cloudfront.Distribution(
    "distribution",
    enabled=True,
    aliases=["www.example.com"],
    default_root_object="index.html",
    origins=[
        {{"origin_id": "s3", "domain_name": site.bucket_regional_domain_name, "origin_access_control_id": signed.id}},
        {{
            "origin_id": "url",
            "domain_name": url.function_url.apply(lambda known: known.split("/")[2]),
            "origin_access_control_id": signed_url.id,
            "custom_origin_config": {{
                "http_port": 80, "https_port": 443, "origin_protocol_policy": "https-only",
                "origin_ssl_protocols": ["TLSv1.2"], "origin_read_timeout": 30, "origin_keepalive_timeout": 5}},
        }},
    ],
    default_cache_behavior={{
        "target_origin_id": "s3", "allowed_methods": ["GET", "HEAD"], "cached_methods": ["GET", "HEAD"],
        "viewer_protocol_policy": "redirect-to-https", "cache_policy_id": CACHED,
        "function_associations": [{{"event_type": "viewer-request", "function_arn": function.arn}}],
        "lambda_function_associations": [{{"event_type": "origin-response", "lambda_arn": edge.qualified_arn}}]}},
    ordered_cache_behaviors=[{{
        "path_pattern": "/api/*", "target_origin_id": "url", "viewer_protocol_policy": "https-only",
        "allowed_methods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
        "cached_methods": ["GET", "HEAD"], "cache_policy_id": DISABLED,
        "origin_request_policy_id": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
        "lambda_function_associations": [
            {{"event_type": "origin-request", "lambda_arn": edge.qualified_arn, "include_body": True}}]}}],
    restrictions={{"geo_restriction": {{"restriction_type": "none"}}}},
    viewer_certificate={{
        "acm_certificate_arn": certificate.arn, "ssl_support_method": "sni-only",
        "minimum_protocol_version": "TLSv1.2_2021"}},
)
for action, more in (
    ("lambda:InvokeFunctionUrl", {{"function_url_auth_type": "AWS_IAM"}}),
    ("lambda:InvokeFunction", {{"invoked_via_function_url": True}}),
):
    aws.lambda_.Permission(
        action.partition(":")[2], action=action, function=api.name, principal="cloudfront.amazonaws.com",
        source_arn=distribution.arn, **more)
aws.s3.BucketPolicy("readable", bucket=site.id, policy=pulumi.Output.all(site.arn, distribution.arn).apply(
    lambda arns: document("2012-10-17", {{
        "Sid": "AllowCloudFrontServicePrincipalReadOnly", "Effect": "Allow", "Action": "s3:GetObject",
        "Principal": {{"Service": "cloudfront.amazonaws.com"}}, "Resource": f"{{arns[0]}}/*",
        "Condition": {{"StringEquals": {{"AWS:SourceArn": arns[1]}}}}}})))
"""

ALIBABA = f"""{_HEAD}
# Function Compute: limits at their ends, custom runtimes, HTTP and OSS triggers; RAM, OSS and CDN guides
fc_role = alicloud.ram.Role(
    "fc", role_name="my-fc-role", assume_role_policy_document=trust("fc.aliyuncs.com", version="1"))
alicloud.ram.Policy("oss-read", policy_name="oss-read", policy_document=document("1", {{
    "Effect": "Allow", "Action": ["oss:GetObject", "oss:ListObjects"], "Resource": ["acs:oss:*:*:mybucket",
    "acs:oss:*:*:mybucket/*"], "Condition": {{"StringLike": {{"oss:Prefix": ["source/*"]}}}}}}))
code = alicloud.oss.Bucket("code", bucket="fc-code-bucket")
smallest = {{"runtime": "custom.debian10", "handler": "index.handler", "memory_size": 128, "cpu": 0.05, "timeout": 1,
             "disk_size": 512, "instance_concurrency": 1}}
largest = {{**smallest, "memory_size": 32768, "cpu": 16, "timeout": 86400, "disk_size": 10240,
            "instance_concurrency": 200}}
package = {{"oss_bucket_name": code.bucket, "oss_object_name": "code.zip"}}
alicloud.fc.V3Function("smallest", function_name="smallest", code=package, role=fc_role.arn, **smallest)
alicloud.fc.V3Function("largest", function_name="largest", code=package, **largest)
alicloud.fc.V3Function(
    "python", function_name="web_python", runtime="custom.debian10", handler="index.handler", code=package, cpu=0.35,
    memory_size=512,
    custom_runtime_config={{
        "commands": ["/var/fc/lang/python3.10/bin/python3"], "args": ["-u", "/code/server.py"], "port": 9000,
        "health_check_config": {{"http_get_url": "/", "initial_delay_seconds": 0, "period_seconds": 3,
                                "timeout_seconds": 1, "failure_threshold": 3, "success_threshold": 1}}}},
    environment_variables={{"PATH": "/var/fc/lang/nodejs20/bin:/usr/local/bin:/usr/bin:/bin", "TZ": "Asia/Shanghai"}},
    instance_lifecycle_config={{
        "initializer": {{"handler": "initialize", "timeout": 300}}, "pre_stop": {{"handler": "stop", "timeout": 90}}}})
alicloud.fc.V3Function(
    "event", function_name="event", runtime="python3.10", handler="index.handler", code=package, memory_size=512,
    cpu=0.5)
alicloud.fc.V3Trigger(
    "http", function_name="web_python", qualifier="LATEST", trigger_name="http", trigger_type="http",
    trigger_config=json.dumps({{"authType": "anonymous", "disableURLInternet": False, "methods": ["GET", "POST"]}}))
oss_role = alicloud.ram.Role(
    "oss", role_name="AliyunOSSEventNotificationRole",
    assume_role_policy_document=trust("oss.aliyuncs.com", version="1"))
alicloud.fc.V3Trigger(
    "upload", function_name="event", qualifier="LATEST", trigger_name="upload", trigger_type="oss",
    invocation_role=oss_role.arn, source_arn="acs:oss:cn-hongkong:1234567890123456:source-bucket",
    trigger_config=json.dumps({{
        "events": ["oss:ObjectCreated:PutObject", "oss:ObjectCreated:CompleteMultipartUpload"],
        "filter": {{"key": {{"prefix": "source/", "suffix": ".zip"}}}}}}))
alicloud.fc.V3AsyncInvokeConfig(
    "async", function_name="event", qualifier="LATEST", max_async_retry_attempts=0,
    max_async_event_age_in_seconds=86400)
logs = alicloud.log.Project("logs", project_name="fc-logs-project")
alicloud.log.Store("store", project_name=logs.project_name, logstore_name="function", retention_period=3650)
site = alicloud.oss.Bucket("site", bucket="my-site-bucket")
host = "my-site-bucket.oss-cn-hongkong.aliyuncs.com"
domain = alicloud.cdn.DomainNew(
    "domain", domain_name="www.example.com", cdn_type="web", scope="overseas",
    sources=[{{"type": "oss", "content": host, "port": 443, "priority": 20, "weight": 10}}])
for name, arguments in {{
    "l2_oss_key": {{"private_oss_auth": "on"}},
    "set_req_host_header": {{"domain_name": host}},
    "forward_scheme": {{"enable": "on", "scheme_origin": "https"}},
    "filetype_based_ttl_set": {{"file_type": "jpg,txt", "ttl": "1000", "weight": "1"}},
    "back_to_origin_url_rewrite": {{"source_url": "^/$", "target_url": "/index.html", "flag": "break"}},
}}.items():
    alicloud.cdn.DomainConfig(
        name, domain_name=domain.domain_name, function_name=name,
        function_args=[{{"arg_name": key, "arg_value": value}} for key, value in arguments.items()])
"""

RIGHT = {"lambda": LAMBDA, "cloudfront": CLOUDFRONT, "alibaba": ALIBABA}
