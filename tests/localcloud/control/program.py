"""A Pulumi program with what a deploy on both clouds needs, in few lines. Run by the engine, not imported."""

import hashlib
import json
from pathlib import Path

import pulumi
import pulumi_alicloud as ali
import pulumi_aws as aws


def trust(*services: str, version: str = "2012-10-17") -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": list(services)}}
    return json.dumps({"Version": version, "Statement": [statement]})


config = pulumi.Config()
group = aws.cloudwatch.LogGroup("hello", retention_in_days=14)
role = aws.iam.Role("hello", assume_role_policy=trust("lambda.amazonaws.com"))
allow = group.arn.apply(
    lambda arn: json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": f"{arn}:*"}}
    )
)
aws.iam.RolePolicy("hello", role=role.name, policy=allow)
hello = aws.lambda_.Function(
    "hello",
    role=role.arn,
    runtime="provided.al2023",
    handler="handlers.hello.handler",
    code=pulumi.FileArchive("function.zip"),
    environment={"variables": {"TOKEN": config.require_secret("token")}},
    logging_config={"log_format": "JSON", "log_group": group.name},
)
url = aws.lambda_.FunctionUrl("hello", function_name=hello.name, authorization_type="AWS_IAM")
edge_role = aws.iam.Role(
    "edge", assume_role_policy=trust("lambda.amazonaws.com", *(config.get_object("edgeServices") or []))
)
edge = aws.lambda_.Function(
    "edge",
    region="us-east-1",
    role=edge_role.arn,
    runtime="python3.13",
    handler="edge.handler",
    code=pulumi.FileArchive("edge.zip"),
    publish=True,
)
control = aws.cloudfront.OriginAccessControl(
    "hello", origin_access_control_origin_type="lambda", signing_behavior="always", signing_protocol="sigv4"
)
distribution = aws.cloudfront.Distribution(
    "hello",
    enabled=True,
    origins=[
        {
            "origin_id": "hello",
            "domain_name": url.function_url.apply(lambda address: address.split("/")[2]),
            "origin_access_control_id": control.id,
            "custom_origin_config": {
                "http_port": 80,
                "https_port": 443,
                "origin_protocol_policy": "https-only",
                "origin_ssl_protocols": ["TLSv1.2"],
            },
        }
    ],
    default_cache_behavior={
        "target_origin_id": "hello",
        "viewer_protocol_policy": "redirect-to-https",
        "allowed_methods": ["GET", "HEAD"],
        "cached_methods": ["GET", "HEAD"],
        "cache_policy_id": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "lambda_function_associations": [
            {"event_type": "origin-request", "lambda_arn": edge.qualified_arn, "include_body": True}
        ],
    },
    restrictions={"geo_restriction": {"restriction_type": "none"}},
    viewer_certificate={"cloudfront_default_certificate": True},
)
for name in ("InvokeFunctionUrl", "InvokeFunction"):
    aws.lambda_.Permission(
        name,
        action=f"lambda:{name}",
        function=hello.name,
        principal="cloudfront.amazonaws.com",
        source_arn=distribution.arn,
    )

digest = hashlib.sha256(Path("function.zip").read_bytes()).hexdigest()[:16]
bucket = ali.oss.Bucket("code", bucket="isthmus-code")
package = ali.oss.BucketObject("code", bucket=bucket.bucket, key=f"code/{digest}.zip", source="function.zip")
fc_role = ali.ram.Role(
    "hello", role_name="isthmus-hello", assume_role_policy_document=trust("fc.aliyuncs.com", version="1")
)
project = ali.log.Project("hello", project_name="isthmus-hello")
store = ali.log.Store("hello", project_name=project.project_name, logstore_name="fc")
function = ali.fc.V3Function(
    "hello",
    function_name="isthmus-hello",
    runtime="custom.debian10",
    handler="handlers.hello.handler",
    role=fc_role.arn,
    code={"oss_bucket_name": bucket.bucket, "oss_object_name": package.key},
    log_config={"project": project.project_name, "logstore": store.logstore_name},
)
trigger = ali.fc.V3Trigger(
    "hello",
    function_name=function.function_name,
    qualifier="LATEST",
    trigger_name="http",
    trigger_type="http",
    trigger_config=json.dumps({"authType": "anonymous", "methods": ["GET", "POST"]}),
)
domain = ali.cdn.DomainNew(
    "site",
    domain_name="site.isthmus.test",
    cdn_type="web",
    scope="overseas",
    sources=[{"content": pulumi.Output.concat("isthmus-code.", bucket.extranet_endpoint), "type": "oss"}],
)
ali.cdn.DomainConfig(
    "site",
    domain_name=domain.domain_name,
    function_name="l2_oss_key",
    function_args=[{"arg_name": "private_oss_auth", "arg_value": "on"}],
)
pulumi.export("cloudfront", distribution.domain_name)
pulumi.export("edge", edge.qualified_arn)
pulumi.export("fc", trigger.http_trigger.url_internet)
pulumi.export("accounts", [aws.get_caller_identity().account_id, ali.get_account().id])
