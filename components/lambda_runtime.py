"""A Lambda function on the OS-only runtime that brings its own interpreter."""

from collections.abc import Mapping
from typing import Any, Final, NotRequired, TypedDict

import pulumi
from pulumi_aws import cloudwatch, iam, lambda_, s3

from components.constants import LAMBDA_RUNTIME
from components.package import custom_runtime_facts, sha256_of
from components.policies import lambda_logs, lambda_trust
from components.validation import validate
from rules.lambda_ import DIRECT_UPLOAD_BYTES, TABLE

_DEFAULT_ARCHITECTURE: Final = "x86_64"
_DEFAULTS: Final = {"memory_mb": 512, "timeout_s": 30, "log_retention_days": 14, "invoke_mode": "BUFFERED"}
_INVOKE_MODE_VARIABLE: Final = "ISTHMUS_INVOKE_MODE"


class LambdaCustomRuntimeArgs(TypedDict):
    """Arguments of LambdaCustomRuntime."""

    zip_path: str
    """A finished zip with an executable `bootstrap` at its root; the path is relative to the project."""
    handler: pulumi.Input[str]
    """What the runtime calls, `package.module.function`."""
    memory_mb: NotRequired[pulumi.Input[int]]
    """Memory in MB, 128 to 10240. Defaults to 512."""
    timeout_s: NotRequired[pulumi.Input[int]]
    """Seconds that one invocation may take, 1 to 900. Defaults to 30."""
    architecture: NotRequired[pulumi.Input[str]]
    """x86_64 or arm64. Defaults to what the zip's manifest names, x86_64 where it names none."""
    log_retention_days: NotRequired[pulumi.Input[int]]
    """Days that the log is kept, one of the numbers that CloudWatch Logs knows. Defaults to 14."""
    environment: NotRequired[pulumi.Input[Mapping[str, pulumi.Input[str]]]]
    """Environment variables, at most 4 KB in all. References to secrets belong here, secrets do not."""
    invoke_mode: NotRequired[str]
    """What the URL does with a response: `BUFFERED`, or `RESPONSE_STREAM` to pass it on while it is made. Our runtime
    learns it from the variable ISTHMUS_INVOKE_MODE. Defaults to BUFFERED."""


class LambdaCustomRuntime(pulumi.ComponentResource):
    """A function on `provided.al2023` with its role, its log group and a URL that takes signed requests only.

    The role can write into this function's log group and do nothing else. A zip above 50 MB goes through a versioned
    bucket of its own, since Lambda takes no larger one directly.
    """

    function_name: pulumi.Output[str]
    """Name of the function."""
    function_arn: pulumi.Output[str]
    """ARN of the function, without a version."""
    function_url: pulumi.Output[str]
    """`https://<url-id>.lambda-url.<region>.on.aws/`; authorization type AWS_IAM."""
    role_name: pulumi.Output[str]
    """Name of the function's role, for further policies."""
    log_group_name: pulumi.Output[str]
    """Name of the function's log group."""

    def __init__(self, name: str, args: LambdaCustomRuntimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        zip_facts = custom_runtime_facts(args.get("zip_path"))
        values = validate(
            f"LambdaCustomRuntime {name!r}",
            LambdaCustomRuntimeArgs,
            args,
            TABLE,
            defaults={**_DEFAULTS, "architecture": zip_facts.get("zip_architecture", _DEFAULT_ARCHITECTURE)},
            derived=zip_facts,
        )
        super().__init__("isthmus:index:LambdaCustomRuntime", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)

        role = iam.Role(f"{name}-role", assume_role_policy=lambda_trust(), opts=child)
        log_group = cloudwatch.LogGroup(f"{name}-logs", retention_in_days=values["log_retention_days"], opts=child)
        log_policy = iam.RolePolicy(
            f"{name}-logs-policy", role=role.name, policy=log_group.arn.apply(lambda_logs), opts=child
        )
        function = lambda_.Function(
            name,
            runtime=LAMBDA_RUNTIME,
            handler=values["handler"],
            **self._code(name, values["zip_path"], zip_facts["zip_bytes"]),
            role=role.arn,
            architectures=[values["architecture"]],
            memory_size=values["memory_mb"],
            timeout=values["timeout_s"],
            logging_config={"log_format": "Text", "log_group": log_group.name},
            environment=_environment(values),
            # Without the policy the first invocations would run unlogged.
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[log_policy])),
        )
        url = lambda_.FunctionUrl(
            f"{name}-url",
            function_name=function.name,
            authorization_type="AWS_IAM",
            invoke_mode=values["invoke_mode"],
            opts=child,
        )

        self.function_name = function.name
        self.function_arn = function.arn
        self.function_url = url.function_url
        self.role_name = role.name
        self.log_group_name = log_group.name
        self.register_outputs(
            {
                "function_name": self.function_name,
                "function_arn": self.function_arn,
                "function_url": self.function_url,
                "role_name": self.role_name,
                "log_group_name": self.log_group_name,
            }
        )

    def _code(self, name: str, zip_path: str, size: int) -> dict[str, Any]:
        """The arguments of a function that say where its code is."""
        if size <= DIRECT_UPLOAD_BYTES:
            return {"code": pulumi.FileArchive(zip_path)}
        child = pulumi.ResourceOptions(parent=self)
        bucket = s3.Bucket(f"{name}-code", force_destroy=True, opts=child)
        block = s3.BucketPublicAccessBlock(
            f"{name}-code-block",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        versioning = s3.BucketVersioning(
            f"{name}-code-versions",
            bucket=bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=child,
        )
        code = s3.BucketObjectv2(
            f"{name}-code-zip",
            bucket=bucket.bucket,
            key="function.zip",
            source=pulumi.FileAsset(zip_path),
            # The file's path stays the same: without the digest a change of its bytes would not reach the bucket.
            source_hash=sha256_of(zip_path),
            content_type="application/zip",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[block, versioning]),
        )
        return {"s3_bucket": code.bucket, "s3_key": code.key, "s3_object_version": code.version_id}


def _environment(values: Mapping[str, Any]) -> lambda_.FunctionEnvironmentArgsDict | None:
    """The given variables; with them the URL's mode where it streams, which a function cannot see by itself."""
    given = values.get("environment")
    if values["invoke_mode"] == "BUFFERED":
        return None if given is None else {"variables": given}
    mode = {_INVOKE_MODE_VARIABLE: values["invoke_mode"]}
    return {"variables": pulumi.Output.from_input(given or {}).apply(lambda known: {**known, **mode})}
