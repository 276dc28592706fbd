"""One Python handler on two clouds: a Lambda function behind CloudFront, an FC function beside a CDN."""

from functools import partial
from pathlib import Path

import pulumi
import pulumi_alicloud as alicloud

import asset
from components.cdn import Cdn, CdnArgs
from components.edge_trigger import EdgeTrigger
from components.fc_function import FcWebFunction
from components.lambda_runtime import LambdaCustomRuntime
from components.naming import BUCKET_NAME_LENGTH, RESOURCE_NAME_LENGTH, physical_name
from components.settings import Settings
from components.stack_rules import watch
from components.validation import Together, told_to_user

ROOT = Path(__file__).parent
PROJECT, STACK = pulumi.get_project(), pulumi.get_stack()


def deploy_aws(settings: Settings, function_zip: asset.Package, edge_zip: asset.Package, steps: Together) -> None:
    """A function and, in front of it, CloudFront with an edge function."""
    function = steps.take(
        partial(
            LambdaCustomRuntime,
            PROJECT,
            {
                "zip_path": str(function_zip.path),
                "handler": settings.handler,
                "memory_mb": settings.memory_mb,
                "timeout_s": settings.timeout_s,
                "log_retention_days": settings.log_retention_days,
            },
        )
    )
    edge = steps.take(
        partial(
            EdgeTrigger,
            f"{PROJECT}-edge",
            {
                "zip_path": str(edge_zip.path),
                "handler": settings.edge_handler,
                "runtime": settings.edge_runtime,
                "event": settings.edge_event,
                "function_name": function.function_name,
                "function_url": function.function_url,
                "origin_timeout_s": settings.timeout_s,
            },
        )
    )
    pulumi.export("cloudfront_url", edge.url)
    pulumi.export("function_url", function.function_url)
    pulumi.export("function_arn", function.function_arn)
    pulumi.export("function_name", function.function_name)
    pulumi.export("edge_version_arn", edge.edge_version_arn)
    pulumi.export("distribution_id", edge.distribution_id)


def deploy_alibaba(settings: Settings, function_zip: asset.Package, steps: Together) -> None:
    """A web function and, where there is a domain for it, a CDN with a private bucket."""
    resource_name = physical_name(PROJECT, STACK, limit=RESOURCE_NAME_LENGTH)
    function = steps.take(
        partial(
            FcWebFunction,
            f"{PROJECT}-fc",
            {
                "zip_path": str(function_zip.path),
                "handler": settings.handler,
                "region": settings.alicloud_region,
                "resource_name": resource_name,
                "bucket_name": globally_unique("code"),
                "log_project_name": globally_unique("log"),
                "memory_mb": settings.memory_mb,
                "timeout_s": settings.timeout_s,
                "concurrency": settings.fc_concurrency,
                "auth": settings.fc_auth,
                "log_retention_days": settings.log_retention_days,
            },
        )
    )
    pulumi.export("fc_url", function.url)
    pulumi.export("fc_function_name", function.function_name)
    if not settings.cdn_domain:
        return
    site: CdnArgs = {
        "domain_name": settings.cdn_domain,
        "bucket_name": globally_unique("site"),
        "resource_name": resource_name,
        "scope": settings.cdn_scope,
        "private_origin_role": settings.cdn_private_origin_role,
    }
    if settings.cdn_certificate_id:
        site["certificate_id"] = settings.cdn_certificate_id
    cdn = steps.take(partial(Cdn, f"{PROJECT}-cdn", site))
    pulumi.export("cdn_url", cdn.url)
    pulumi.export("cdn_cname", cdn.cname)


def globally_unique(purpose: str) -> pulumi.Output[str]:
    """A name for what all accounts of Alibaba Cloud share one space of names for."""
    account = alicloud.get_account_output().id
    return account.apply(
        lambda known: physical_name(PROJECT, STACK, purpose, limit=BUCKET_NAME_LENGTH, unique_in=known)
    )


def main() -> None:
    """Settings, zips, components, outputs."""
    settings = Settings.from_config()
    watch(settings.rules_off)
    clouds = {"aws": settings.aws, "alibaba": settings.alibaba}
    targets = [image for cloud, image in asset.DEPLOYED.items() if clouds[cloud]]
    plan = asset.Plan.named(settings.interpreter, settings.architecture, settings.bootstrap_path, targets)
    with Together() as builds:
        function_zip = builds.take(
            partial(asset.build_function, ROOT, settings.handler, settings.edge_handler, plan=plan)
        )
        edge_zip = builds.take(partial(asset.build_edge, ROOT, settings.edge_handler)) if settings.aws else None

    pulumi.export("code_sha256", function_zip.sha256)
    with Together() as steps:
        if edge_zip is not None:
            deploy_aws(settings, function_zip, edge_zip, steps)
        if settings.alibaba:
            deploy_alibaba(settings, function_zip, steps)


with told_to_user():
    main()
