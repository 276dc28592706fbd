"""One Python handler on two clouds: a Lambda function behind CloudFront, an FC function beside a CDN."""

from functools import partial
from pathlib import Path

import pulumi
import pulumi_alicloud as alicloud

import asset
from components.cdn import Cdn, CdnArgs
from components.constants import SITE_HANDLER
from components.edge_trigger import EdgeTrigger
from components.fc_function import FcWebFunction
from components.lambda_runtime import LambdaCustomRuntime
from components.naming import BUCKET_NAME_LENGTH, RESOURCE_NAME_LENGTH, physical_name
from components.settings import Settings
from components.site import SiteBuild
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
                "invoke_mode": "RESPONSE_STREAM" if settings.streaming else "BUFFERED",
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
    """A web function, a CDN with a private bucket, and a function that builds what the CDN shows; each if wanted."""
    if settings.has_hello:
        deploy_web_function(settings, function_zip, steps)
    if settings.cdn_domain:
        cdn = deploy_cdn(settings, steps)
        if settings.has_site_build:
            deploy_site_build(settings, function_zip, cdn, steps)


def deploy_web_function(settings: Settings, function_zip: asset.Package, steps: Together) -> None:
    """The handler with a URL."""
    function = steps.take(
        partial(
            FcWebFunction,
            f"{PROJECT}-fc",
            {
                "zip_path": str(function_zip.path),
                "handler": settings.handler,
                "region": settings.alicloud_region,
                "resource_name": resource_name(),
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


def deploy_cdn(settings: Settings, steps: Together) -> Cdn:
    """The CDN and the bucket behind it."""
    site: CdnArgs = {
        "domain_name": settings.cdn_domain,
        "bucket_name": globally_unique("site"),
        "resource_name": resource_name(),
        "scope": settings.cdn_scope,
        "private_origin_role": settings.cdn_private_origin_role,
        "built": settings.has_site_build,
        "force_destroy": settings.force_destroy,
    }
    if settings.cdn_certificate_id:
        site["certificate_id"] = settings.cdn_certificate_id
    cdn = steps.take(partial(Cdn, f"{PROJECT}-cdn", site))
    pulumi.export("cdn_url", cdn.url)
    pulumi.export("cdn_cname", cdn.cname)
    return cdn


def deploy_site_build(settings: Settings, function_zip: asset.Package, cdn: Cdn, steps: Together) -> None:
    """The function that turns uploaded projects into the site."""
    build = steps.take(
        partial(
            SiteBuild,
            f"{PROJECT}-build",
            {
                "zip_path": str(function_zip.path),
                "handler": SITE_HANDLER,
                "region": settings.alicloud_region,
                "resource_name": resource_name("build"),
                "code_bucket_name": globally_unique("build-code"),
                "source_bucket_name": globally_unique("source"),
                "log_project_name": globally_unique("build-log"),
                "site_bucket_name": cdn.bucket_name,
                "domain_name": settings.cdn_domain,
                "site_url": cdn.url,
                "prune": settings.site_prune,
                "memory_mb": settings.site_memory_mb,
                "timeout_s": settings.site_timeout_s,
                "log_retention_days": settings.log_retention_days,
                "force_destroy": settings.force_destroy,
            },
        )
    )
    pulumi.export("source_bucket", build.source_bucket_name)
    pulumi.export("source_prefix", build.source_prefix)
    pulumi.export("site_bucket", cdn.bucket_name)
    pulumi.export("site_function_name", build.function_name)


def resource_name(*purpose: str) -> str:
    """A name that one account of Alibaba Cloud has once."""
    return physical_name(PROJECT, STACK, *purpose, limit=RESOURCE_NAME_LENGTH)


def globally_unique(purpose: str) -> pulumi.Output[str]:
    """A name for what all accounts of Alibaba Cloud share one space of names for."""
    account = alicloud.get_account_output().id
    return account.apply(
        lambda known: physical_name(PROJECT, STACK, purpose, limit=BUCKET_NAME_LENGTH, unique_in=known)
    )


def handlers(settings: Settings) -> list[str]:
    """What the functions run that share the zip."""
    hello = [settings.handler] if settings.has_hello else []
    return [*hello, SITE_HANDLER] if settings.has_site_build else hello


def main() -> None:
    """Settings, zips, components, outputs."""
    settings = Settings.from_config()
    watch(settings.rules_off)
    clouds = {"aws": settings.on_aws, "alibaba": settings.alibaba}
    targets = [image for cloud, image in asset.DEPLOYED.items() if clouds[cloud]]
    plan = asset.Plan.named(settings.interpreter, settings.architecture, settings.bootstrap_path, targets)
    handler, *further = handlers(settings)
    with Together() as builds:
        function_zip = builds.take(
            partial(asset.build_function, ROOT, handler, settings.edge_handler, plan=plan, further=further)
        )
        edge_zip = builds.take(partial(asset.build_edge, ROOT, settings.edge_handler)) if settings.on_aws else None

    pulumi.export("code_sha256", function_zip.sha256)
    with Together() as steps:
        if edge_zip is not None:
            deploy_aws(settings, function_zip, edge_zip, steps)
        elif settings.aws:
            pulumi.log.info("AWS gets nothing: site_build runs on Alibaba Cloud alone, whose image has Node.js.")
        if settings.alibaba:
            deploy_alibaba(settings, function_zip, steps)


with told_to_user():
    main()
