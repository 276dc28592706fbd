"""A function that builds a front-end project, started by its arrival in OSS."""

import json
from typing import Any, Final, NotRequired, TypedDict

import pulumi
from pulumi_alicloud import fc, oss, ram

from components.constants import FC_LARGE_DISK_MB, FC_LATEST, FC_PATH_WITH_NODE
from components.fc_function import FcWebFunction
from components.package import custom_runtime_facts
from components.policies import fc_invoke, oss_trust
from components.validation import validate
from rules.site import TABLE

_DEFAULTS: Final = {
    "source_prefix": "projects/",
    "site_prefix": "",
    "prune": False,
    "memory_mb": 4096,
    "timeout_s": 900,
    "log_retention_days": 14,
    "force_destroy": False,
}
_RETRIES: Final = 1
_EVENT_AGE_S: Final = 3600
_EVENTS: Final = (
    "oss:ObjectCreated:PutObject",
    "oss:ObjectCreated:PostObject",
    "oss:ObjectCreated:CompleteMultipartUpload",
)
"""One event for each finished upload. A wildcard would report each part of a multipart upload, too.
Source: Function Compute, Questions about triggers."""


class SiteBuildArgs(TypedDict):
    """Arguments of SiteBuild."""

    zip_path: str
    """A finished zip with an executable `bootstrap` at its root; the path is relative to the project."""
    handler: pulumi.Input[str]
    """What the runtime calls, `package.module.function`."""
    region: str
    """Region of the provider, in which function and source bucket are."""
    resource_name: pulumi.Input[str]
    """Name of the function, and what the names of its roles and policies begin with; at most 48 characters."""
    code_bucket_name: pulumi.Input[str]
    """Name of the bucket for the code, unique in all of OSS."""
    source_bucket_name: pulumi.Input[str]
    """Name of the bucket that projects are uploaded to, unique in all of OSS."""
    log_project_name: pulumi.Input[str]
    """Name of the Log Service project, unique in all of Log Service."""
    site_bucket_name: pulumi.Input[str]
    """Name of the bucket that the site is published to."""
    domain_name: str
    """The CDN domain in front of that bucket."""
    site_url: pulumi.Input[str]
    """The site's address with its scheme, `https://<domain_name>/`: what refreshed addresses begin with."""
    source_prefix: NotRequired[pulumi.Input[str]]
    """Folder of the source bucket in which an upload starts a build. Defaults to projects/."""
    site_prefix: NotRequired[pulumi.Input[str]]
    """Folder of the site bucket that the site is published to. Defaults to the whole bucket."""
    prune: NotRequired[bool]
    """Remove files from the site that a build no longer makes. Defaults to false."""
    memory_mb: NotRequired[pulumi.Input[int]]
    """Memory in MB, a multiple of 64 from 128 to 32768. Defaults to 4096, with which bundlers feel well."""
    timeout_s: NotRequired[pulumi.Input[int]]
    """Seconds that a build may take, 1 to 86400. Defaults to 900."""
    log_retention_days: NotRequired[pulumi.Input[int]]
    """Days that the log is kept, 1 to 3650. Defaults to 14."""
    force_destroy: NotRequired[bool]
    """Delete the source bucket with all that it holds when it is destroyed. Defaults to false."""


class SiteBuild(pulumi.ComponentResource):
    """The bucket for projects, the function that builds them, and the trigger between the two.

    The function serves one build at a time on a disk of 10 GB, has no URL, and is invoked again once when it fails.
    It can read the projects, write the site and refresh the one CDN domain, and nothing else.
    """

    function_name: pulumi.Output[str]
    """Name of the function."""
    source_bucket_name: pulumi.Output[str]
    """Name of the bucket that projects are uploaded to."""
    source_prefix: pulumi.Output[str]
    """What the key of a project must begin with."""

    def __init__(self, name: str, args: SiteBuildArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        values = validate(
            f"SiteBuild {name!r}",
            SiteBuildArgs,
            args,
            TABLE,
            defaults=_DEFAULTS,
            derived=custom_runtime_facts(args.get("zip_path")),
        )
        super().__init__("isthmus:index:SiteBuild", name, {}, opts)

        source, block = self._source(name, values)
        function = self._function(name, values, source)
        once = fc.V3AsyncInvokeConfig(
            f"{name}-once",
            function_name=function.function_name,
            qualifier=FC_LATEST,
            max_async_retry_attempts=_RETRIES,
            max_async_event_age_in_seconds=_EVENT_AGE_S,
            opts=pulumi.ResourceOptions(parent=self),
        )
        role, granted = self._reporter(name, values["resource_name"], function)
        fc.V3Trigger(
            f"{name}-upload",
            function_name=function.function_name,
            qualifier=FC_LATEST,
            trigger_name="upload",
            trigger_type="oss",
            trigger_config=pulumi.Output.from_input(values["source_prefix"]).apply(_trigger_config),
            source_arn=pulumi.Output.all(function.function_arn, source.bucket).apply(_bucket_arn),
            invocation_role=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[granted, once, block]),
        )

        self.function_name = function.function_name
        self.source_bucket_name = source.bucket
        self.source_prefix = pulumi.Output.from_input(values["source_prefix"])
        self.register_outputs(
            {
                "function_name": self.function_name,
                "source_bucket_name": self.source_bucket_name,
                "source_prefix": self.source_prefix,
            }
        )

    def _source(self, name: str, values: dict[str, Any]) -> tuple[oss.Bucket, oss.BucketPublicAccessBlock]:
        """The private bucket for projects."""
        child = pulumi.ResourceOptions(parent=self)
        bucket = oss.Bucket(
            f"{name}-source", bucket=values["source_bucket_name"], force_destroy=values["force_destroy"], opts=child
        )
        block = oss.BucketPublicAccessBlock(
            f"{name}-source-block", bucket=bucket.bucket, block_public_access=True, opts=child
        )
        return bucket, block

    def _function(self, name: str, values: dict[str, Any], source: oss.Bucket) -> FcWebFunction:
        """The function, which is given what it may read and write and nothing more."""
        site = pulumi.Output.concat(values["site_bucket_name"], "/", values["site_prefix"])
        return FcWebFunction(
            name,
            {
                "zip_path": values["zip_path"],
                "handler": values["handler"],
                "region": values["region"],
                "resource_name": values["resource_name"],
                "bucket_name": values["code_bucket_name"],
                "log_project_name": values["log_project_name"],
                "memory_mb": values["memory_mb"],
                "disk_mb": FC_LARGE_DISK_MB,
                "timeout_s": values["timeout_s"],
                # A build takes the instance's whole processor and memory.
                "concurrency": 1,
                "http_trigger": False,
                "log_retention_days": values["log_retention_days"],
                "environment": {
                    "PATH": FC_PATH_WITH_NODE,
                    "SITE_BUCKET": values["site_bucket_name"],
                    "SITE_PREFIX": values["site_prefix"],
                    "SITE_URL": values["site_url"],
                    "SITE_PRUNE": "true" if values["prune"] else "false",
                },
                "read_prefixes": [pulumi.Output.concat(source.bucket, "/", values["source_prefix"])],
                "write_prefixes": [site],
                "refresh_domains": [values["domain_name"]],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _reporter(
        self, name: str, resource_name: pulumi.Input[str], function: FcWebFunction
    ) -> tuple[ram.Role, ram.RolePolicyAttachment]:
        """The role with which OSS reports uploads to this function."""
        child = pulumi.ResourceOptions(parent=self)
        role = ram.Role(
            f"{name}-upload-role",
            role_name=pulumi.Output.concat(resource_name, "-upload"),
            assume_role_policy_document=oss_trust(),
            opts=child,
        )
        policy = ram.Policy(
            f"{name}-upload-policy",
            policy_name=pulumi.Output.concat(resource_name, "-upload"),
            policy_document=function.function_arn.apply(fc_invoke),
            opts=child,
        )
        granted = ram.RolePolicyAttachment(
            f"{name}-upload-grant",
            role_name=role.role_name,
            policy_name=policy.policy_name,
            policy_type="Custom",
            opts=child,
        )
        return role, granted


def _trigger_config(prefix: str) -> str:
    """Source: Function Compute, OSS triggers."""
    config = {"events": list(_EVENTS), "filter": {"key": {"prefix": prefix, "suffix": ""}}}
    return json.dumps(config, sort_keys=True)


def _bucket_arn(known: list[Any]) -> str:
    """ARN of a bucket that is in the Region and account of a function."""
    function_arn, bucket = known
    _, _, region, account, _ = function_arn.split(":", 4)
    return f"acs:oss:{region}:{account}:{bucket}"
