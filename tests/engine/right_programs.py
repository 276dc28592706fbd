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

LAMBDA_CODE = f"""{_HEAD}
# Lambda Developer Guide: zip through a bucket, layers, custom runtime in a layer, container image, versions, VPC, logs
code = aws.s3.Bucket("code", bucket="amzn-s3-demo-code")
stored = aws.s3.BucketObjectv2("zip", bucket=code.id, key="function.zip", source=pulumi.FileAsset("dist/function.zip"))
aws.lambda_.Function(
    "stored", role=role.arn, s3_bucket=stored.bucket, s3_key=stored.key, runtime="provided.al2023", handler="x")
aws.lambda_.Function(
    "layered", role=role.arn, runtime="provided.al2023", handler="function.handler",
    code=pulumi.AssetArchive({{"function.sh": pulumi.StringAsset("function handler () {{ :; }}")}}),
    layers=["arn:aws:lambda:ap-northeast-1:123456789012:layer:runtime:1"])
aws.lambda_.Function(
    "packed", role=role.arn, runtime="nodejs22.x", handler="index.handler",
    code=pulumi.AssetArchive({{"index.mjs": pulumi.StringAsset("export const handler = async () => ({{}});")}}))
aws.lambda_.Function(
    "image", role=role.arn, package_type="Image", architectures=["arm64"],
    image_uri="123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/hello-world:latest")
logs = aws.cloudwatch.LogGroup("logs", retention_in_days=3653)
vpc = aws.lambda_.Function(
    "vpc", role=role.arn, code=zip_of, runtime="python3.12", handler="lambda_function.lambda_handler", publish=True,
    vpc_config={{"subnet_ids": ["subnet-085cd2"], "security_group_ids": ["sg-0a1b2c"]}},
    dead_letter_config={{"target_arn": "arn:aws:sqs:ap-northeast-1:123456789012:dlq"}},
    logging_config={{"log_format": "JSON", "log_group": logs.name, "application_log_level": "INFO"}},
    environment={{"variables": {{"SECRET_NAME": "prod/db", "DB_PASSWORD": "/prod/db/password"}}}})
aws.lambda_.ProvisionedConcurrencyConfig(
    "ready", function_name=vpc.name, qualifier=vpc.version, provisioned_concurrent_executions=1)
for name, principal, source in (
    ("s3", "s3.amazonaws.com", "arn:aws:s3:::amzn-s3-demo-bucket"),
    ("sns", "sns.amazonaws.com", "arn:aws:sns:ap-northeast-1:123456789012:lambda-x-account"),
):
    aws.lambda_.Permission(
        name, action="lambda:InvokeFunction", function=vpc.name, principal=principal, source_arn=source,
        source_account="123456789012" if name == "s3" else None)
"""

EDGE = f"""{_HEAD}
# CloudFront Developer Guide: Lambda@Edge at each event, by a second provider, its version's ARN put together;
# custom policies; origin groups; a function URL whose permissions name it in several ways
virginia = pulumi.ResourceOptions(provider=aws.Provider("virginia", region="us-east-1"))
edge_role = aws.iam.Role("edge", assume_role_policy=pulumi.Output.json_dumps({{
    "Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {{"Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]}}}}]}}))
edges = [
    aws.lambda_.Function(
        f"at-{{event}}", role=edge_role.arn, code=edge_zip, runtime="python3.13", handler="handlers.edge.handler",
        publish=True, memory_size=128, timeout=5, opts=virginia)
    for event in ("viewer-request", "origin-request", "origin-response", "viewer-response")]
without_host = aws.cloudfront.OriginRequestPolicy(
    "without-host", cookies_config={{"cookie_behavior": "all"}},
    query_strings_config={{"query_string_behavior": "all"}},
    headers_config={{"header_behavior": "allExcept", "headers": {{"items": ["host"]}}}})
with_host = aws.cloudfront.OriginRequestPolicy(
    "with-host", cookies_config={{"cookie_behavior": "all"}}, query_strings_config={{"query_string_behavior": "all"}},
    headers_config={{"header_behavior": "allViewer"}})
short = aws.cloudfront.CachePolicy(
    "short", min_ttl=1, default_ttl=60, max_ttl=600, parameters_in_cache_key_and_forwarded_to_origin={{
        "cookies_config": {{"cookie_behavior": "none"}}, "query_strings_config": {{"query_string_behavior": "all"}},
        "headers_config": {{"header_behavior": "whitelist", "headers": {{"items": ["Accept-Language"]}}}}}})
signed = aws.cloudfront.OriginAccessControl(
    "signed", origin_access_control_origin_type="lambda", signing_behavior="always", signing_protocol="sigv4")
custom = {{"http_port": 80, "https_port": 443, "origin_protocol_policy": "https-only",
          "origin_ssl_protocols": ["TLSv1.2"]}}
for number in range(2):
    function = aws.lambda_.Function(
        f"api-{{number}}", role=role.arn, code=zip_of, runtime="provided.al2023", handler="x", timeout=30)
    url = aws.lambda_.FunctionUrl(f"url-{{number}}", function_name=function.arn, authorization_type="AWS_IAM")
    distribution = aws.cloudfront.Distribution(
        f"distribution-{{number}}",
        enabled=True,
        price_class="PriceClass_100",
        origins=[
            {{"origin_id": "url", "domain_name": url.function_url.apply(lambda known: known.split("/")[2]),
             "origin_access_control_id": signed.id, "custom_origin_config": custom}},
            {{"origin_id": "www", "domain_name": "www.example.com", "custom_origin_config": custom}},
            {{"origin_id": "spare", "domain_name": "spare.example.com", "custom_origin_config": custom}}],
        origin_groups=[{{"origin_id": "group", "failover_criteria": {{"status_codes": [500, 502]}},
                        "members": [{{"origin_id": "www"}}, {{"origin_id": "spare"}}]}}],
        default_cache_behavior={{
            "target_origin_id": "url", "allowed_methods": ["GET", "HEAD", "OPTIONS"],
            "cached_methods": ["GET", "HEAD"], "viewer_protocol_policy": "redirect-to-https",
            "cache_policy_id": short.id, "origin_request_policy_id": without_host.id,
            "lambda_function_associations": [
                {{"event_type": event, "lambda_arn": pulumi.Output.concat(
                    each.arn, ":", each.version), "include_body": event.endswith("-request")}}
                for event, each in zip(
                    ("viewer-request", "origin-request", "origin-response", "viewer-response"), edges)]}},
        ordered_cache_behaviors=[{{
            "path_pattern": "/images/*", "target_origin_id": "group", "allowed_methods": ["GET", "HEAD"],
            "cached_methods": ["GET", "HEAD"], "viewer_protocol_policy": "https-only", "cache_policy_id": short.id,
            "origin_request_policy_id": with_host.id}}],
        restrictions={{"geo_restriction": {{"restriction_type": "whitelist", "locations": ["US", "CA"]}}}},
        viewer_certificate={{"cloudfront_default_certificate": True}})
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        aws.lambda_.Permission(
            f"{{action.partition(':')[2]}}-{{number}}", action=action, principal="cloudfront.amazonaws.com",
            function=url.function_name if number else function.name,
            source_arn=distribution.id.apply(lambda known: f"arn:aws:cloudfront::123456789012:distribution/{{known}}"))
"""

FUNCTION_COMPUTE = f"""{_HEAD}
# Function Compute: custom runtimes started by command, by bootstrap and from a layer, PATH as its guide writes it,
# custom container, asynchronous calls, custom domain; triggers of OSS, timer; a second region beside the first
far = pulumi.ResourceOptions(provider=alicloud.Provider("far", region="cn-hangzhou"))
bucket = alicloud.oss.Bucket("code", bucket="fc-code-in-hangzhou", opts=far)
zipped = alicloud.oss.BucketObject("zip", bucket=bucket.bucket, key="f.zip", source="dist/function.zip", opts=far)
package = {{"oss_bucket_name": zipped.bucket, "oss_object_name": zipped.key}}
alicloud.fc.V3Function(
    "bootstrap", function_name="bootstrap", runtime="custom.debian12", handler="h", code=package, opts=far)
alicloud.fc.V3Function(
    "node", function_name="node", runtime="custom.debian10", handler="h", code=package, opts=far,
    custom_runtime_config={{"commands": ["node"], "args": ["/code/server.js"], "port": 9000}},
    environment_variables={{
        "PATH": "/var/fc/lang/nodejs20/bin:/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
                "/bin:/opt/bin", "TZ": "Asia/Shanghai"}})
alicloud.fc.V3Function(
    "layered", function_name="layered", runtime="custom.debian11", handler="h", code=package, opts=far,
    layers=["acs:fc:cn-hangzhou:official:layers/Nodejs22/versions/3"],
    custom_runtime_config={{"commands": ["/opt/nodejs22/bin/node"], "args": ["/code/server.js"]}})
alicloud.fc.V3Function(
    "container", function_name="container", runtime="custom-container", handler="h", instance_concurrency=20, opts=far,
    custom_container_config={{"image": "registry.cn-hangzhou.aliyuncs.com/ns/app:1", "port": 9000}})
events = alicloud.fc.V3Function(
    "events", function_name="events", runtime="python3.10", handler="index.handler", code=package, opts=far)
uploads = alicloud.oss.Bucket("uploads", bucket="uploads-in-hangzhou", opts=far)
notify = alicloud.ram.Role(
    "notify", role_name="fc-oss-notify", assume_role_policy_document=trust("oss.aliyuncs.com", version="1"))
alicloud.ram.RolePolicyAttachment(
    "grant", role_name=notify.role_name, policy_name="AliyunFCInvocationAccess", policy_type="System")
alicloud.fc.V3Trigger(
    "uploaded", trigger_name="uploaded", function_name=events.function_name, qualifier="LATEST", opts=far,
    trigger_type="oss",
    invocation_role=notify.arn,
    source_arn=uploads.bucket.apply(lambda name: f"acs:oss:cn-hangzhou:12345678901234:{{name}}"),
    trigger_config=json.dumps({{
        "events": ["oss:ObjectCreated:PutObject", "oss:ObjectCreated:PostObject",
                   "oss:ObjectCreated:CompleteMultipartUpload"],
        "filter": {{"key": {{"prefix": "source/", "suffix": ".png"}}}}}}))
alicloud.fc.V3Trigger(
    "hourly", trigger_name="hourly", function_name=events.function_name, qualifier="LATEST", opts=far,
    trigger_type="timer",
    trigger_config=json.dumps({{"cronExpression": "@every 1h", "enable": True, "payload": "tick"}}))
alicloud.fc.V3AsyncInvokeConfig(
    "retries", function_name=events.function_name, qualifier="LATEST", max_async_retry_attempts=3,
    max_async_event_age_in_seconds=3600, opts=far)
alicloud.fc.V3CustomDomain(
    "domain", custom_domain_name="api.example.com", protocol="HTTP,HTTPS", opts=far,
    route_config={{"routes": [
        {{"function_name": "node", "path": "/*", "methods": ["GET", "POST"], "qualifier": "LATEST"}}]}})
for scope, name in (("overseas", "www.example.com"), ("overseas", ".example.org")):
    alicloud.cdn.DomainNew(
        name.strip(".").replace(".", "-"), domain_name=name, cdn_type="download", scope=scope,
        sources=[{{"type": "domain", "content": "origin.example.net", "port": 80}},
                 {{"type": "ipaddr", "content": "192.0.2.7", "port": 80, "priority": 30}}])
"""

RIGHT = {
    "lambda": LAMBDA,
    "lambda-code": LAMBDA_CODE,
    "cloudfront": CLOUDFRONT,
    "edge": EDGE,
    "alibaba": ALIBABA,
    "function-compute": FUNCTION_COMPUTE,
}
