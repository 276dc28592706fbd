"""A Function Compute 3.0 web function on a custom runtime, with its code in OSS."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NotRequired, TypedDict

import pulumi
from pulumi_alicloud import fc, log, oss, ram

from components.constants import (
    FC_HTTP_METHODS,
    FC_LATEST,
    FC_PORT,
    FC_RUNTIME,
    FC_SMALL_DISK_MB,
    FC_START_COMMAND,
    LOG_DELIMITERS,
)
from components.package import custom_runtime_facts, sha256_of, source_facts
from components.policies import fc_function, fc_trust
from components.validation import validate
from rules import fc_source
from rules.fc import CPU_STEPS_PER_CORE, FUNCTION, TABLE
from rules.kind import pick

_DEFAULTS: Final = {
    "memory_mb": 512,
    "disk_mb": FC_SMALL_DISK_MB,
    "timeout_s": 30,
    "concurrency": 20,
    "initializer_timeout_s": 30,
    "pre_stop_timeout_s": 10,
    "http_trigger": True,
    "auth": "function",
    "log_retention_days": 14,
    "read_prefixes": (),
    "write_prefixes": (),
    "refresh_domains": (),
}
_LOGSTORE: Final = "function"
_RULES: Final = (*TABLE, *pick(FUNCTION, "FC-DISK"))
_HEALTH_PATH_VARIABLE: Final = "ISTHMUS_HEALTH_PATH"
_HEALTH_SETTINGS: Final = {
    "health_initial_delay_s": "initial_delay_seconds",
    "health_period_s": "period_seconds",
    "health_timeout_s": "timeout_seconds",
    "health_failure_threshold": "failure_threshold",
    "health_success_threshold": "success_threshold",
}
"""Our arguments and the cloud's names for them."""


class FcWebFunctionArgs(TypedDict):
    """Arguments of FcWebFunction."""

    zip_path: str
    """A finished zip with an executable `bootstrap` at its root; the path is relative to the project."""
    handler: pulumi.Input[str]
    """What the runtime calls, `package.module.function`."""
    region: str
    """Region of the provider; the limit on the zip's size depends on it."""
    resource_name: pulumi.Input[str]
    """Name of the function, and what the names of its role and policy begin with; at most 48 characters."""
    bucket_name: pulumi.Input[str]
    """Name of the bucket for the code, unique in all of OSS."""
    log_project_name: pulumi.Input[str]
    """Name of the Log Service project, unique in all of Log Service."""
    memory_mb: NotRequired[pulumi.Input[int]]
    """Memory in MB, a multiple of 64 from 128 to 32768. Defaults to 512."""
    cpu: NotRequired[pulumi.Input[float]]
    """vCPU in steps of 0.05, one for each 1 to 4 GB. Defaults to one for each 2 GB, rounded up to a step."""
    disk_mb: NotRequired[pulumi.Input[int]]
    """Disk in MB, 512 or 10240. Defaults to 512."""
    timeout_s: NotRequired[pulumi.Input[int]]
    """Seconds that one invocation may take, 1 to 86400. Defaults to 30."""
    concurrency: NotRequired[pulumi.Input[int]]
    """Requests that one instance serves at once, 1 to 200. Defaults to 20."""
    initializer_timeout_s: NotRequired[pulumi.Input[int]]
    """Seconds that an instance may take to initialize, 1 to 300. Defaults to 30."""
    pre_stop_timeout_s: NotRequired[pulumi.Input[int]]
    """Seconds that an instance may take to say goodbye, 1 to 90. Defaults to 10."""
    http_trigger: NotRequired[bool]
    """Whether the function has a URL. Defaults to true."""
    auth: NotRequired[pulumi.Input[str]]
    """`function`: the URL takes signed requests only; `anonymous`: it takes all. Defaults to function."""
    log_retention_days: NotRequired[pulumi.Input[int]]
    """Days that the log is kept, 1 to 3650. Defaults to 14."""
    health_path: NotRequired[pulumi.Input[str]]
    """Path of Function Compute's own health check, such as `/healthz`. Our runtime answers it as soon as the handler
    is imported. Left out, there is no such check."""
    health_initial_delay_s: NotRequired[pulumi.Input[int]]
    """Seconds from the end of the initialization to the first check, 0 to 120. The cloud's default is 0."""
    health_period_s: NotRequired[pulumi.Input[int]]
    """Seconds between two checks, 1 to 120. The cloud's default is 3."""
    health_timeout_s: NotRequired[pulumi.Input[int]]
    """Seconds that an answer may take, 1 to 3. The cloud's default is 1."""
    health_failure_threshold: NotRequired[pulumi.Input[int]]
    """Failed checks in a row that make an instance unhealthy, 1 to 120. The cloud's default is 3."""
    health_success_threshold: NotRequired[pulumi.Input[int]]
    """Passed checks in a row that make an instance healthy, 1 to 120. The cloud's default is 1."""
    environment: NotRequired[pulumi.Input[Mapping[str, pulumi.Input[str]]]]
    """Environment variables, at most 4 KB in all. References to secrets belong here, secrets do not."""
    read_prefixes: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """What the function may read of OSS, as `bucket/` or `bucket/prefix/`. Defaults to nothing."""
    write_prefixes: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """What the function may read, write and delete in OSS, as `bucket/` or `bucket/prefix/`. Defaults to nothing."""
    refresh_domains: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """CDN domains whose cached pages the function may have fetched anew. Defaults to none."""


class FcWebFunction(pulumi.ComponentResource):
    """A function on `custom.debian10` with its code bucket, role, log and, unless left out, HTTP trigger.

    The code's digest stands in its object key, so that changed code is a change that Pulumi sees. The role can write
    this function's log, reach the given prefixes and refresh the given CDN domains, and nothing else.
    """

    function_name: pulumi.Output[str]
    """Name of the function."""
    function_arn: pulumi.Output[str]
    """ARN of the function."""
    url: pulumi.Output[str]
    """Public URL of the HTTP trigger, `https://<function>-<letters>.<region>.fcapp.run`; empty without one."""
    role_arn: pulumi.Output[str]
    """ARN of the function's role."""
    log_project_name: pulumi.Output[str]
    """Name of the Log Service project that holds the function's log."""

    def __init__(self, name: str, args: FcWebFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        values = validate(
            f"FcWebFunction {name!r}",
            FcWebFunctionArgs,
            args,
            (*_RULES, *fc_source.TABLE),
            defaults=_DEFAULTS,
            derived={
                **custom_runtime_facts(args.get("zip_path")),
                **source_facts(args.get("zip_path"), args.get("handler")),
                "has_health_path": args.get("health_path") is not None,
                "health_settings": [name for name in _HEALTH_SETTINGS if args.get(name) is not None],
            },
        )
        super().__init__("isthmus:index:FcWebFunction", name, {}, opts)

        code = self._code(name, values)
        project, logstore = self._log(name, values)
        role, granted = self._role(name, values, project, logstore)
        function = fc.V3Function(
            name,
            function_name=values["resource_name"],
            runtime=FC_RUNTIME,
            handler=values["handler"],
            code={"oss_bucket_name": code.bucket, "oss_object_name": code.key},
            role=role.arn,
            memory_size=values["memory_mb"],
            cpu=values.get("cpu", pulumi.Output.from_input(values["memory_mb"]).apply(cpu_for)),
            disk_size=values["disk_mb"],
            timeout=values["timeout_s"],
            instance_concurrency=values["concurrency"],
            environment_variables=_environment(values),
            custom_runtime_config=_custom_runtime(values),
            # The names only switch the hooks on: a custom runtime is called at fixed paths.
            instance_lifecycle_config={
                "initializer": {"handler": "initialize", "timeout": values["initializer_timeout_s"]},
                "pre_stop": {"handler": "pre-stop", "timeout": values["pre_stop_timeout_s"]},
            },
            log_config={
                "project": project.project_name,
                "logstore": logstore.logstore_name,
                "enable_request_metrics": True,
                "enable_instance_metrics": True,
                "log_begin_rule": "None",
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[granted]),
        )

        self.function_name = function.function_name
        self.function_arn = function.function_arn
        self.url = self._url(name, function, values) if values["http_trigger"] else pulumi.Output.from_input("")
        self.role_arn = role.arn
        self.log_project_name = project.project_name
        self.register_outputs(
            {
                "function_name": self.function_name,
                "function_arn": self.function_arn,
                "url": self.url,
                "role_arn": self.role_arn,
                "log_project_name": self.log_project_name,
            }
        )

    def _url(self, name: str, function: fc.V3Function, values: dict[str, Any]) -> pulumi.Output[str]:
        """The URL of a new HTTP trigger."""
        trigger = fc.V3Trigger(
            f"{name}-http",
            function_name=function.function_name,
            qualifier=FC_LATEST,
            trigger_name="http",
            trigger_type="http",
            trigger_config=pulumi.Output.from_input(values["auth"]).apply(_trigger_config),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return trigger.http_trigger.url_internet

    def _code(self, name: str, values: dict[str, Any]) -> oss.BucketObject:
        """The zip in a private bucket."""
        child = pulumi.ResourceOptions(parent=self)
        bucket = oss.Bucket(f"{name}-code", bucket=values["bucket_name"], opts=child)
        block = oss.BucketPublicAccessBlock(
            f"{name}-code-block", bucket=bucket.bucket, block_public_access=True, opts=child
        )
        return oss.BucketObject(
            f"{name}-code-zip",
            bucket=bucket.bucket,
            key=f"code/{sha256_of(values['zip_path'])}.zip",
            source=values["zip_path"],
            content_type="application/zip",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[block]),
        )

    def _log(self, name: str, values: dict[str, Any]) -> tuple[log.Project, log.Store]:
        """The function's own log, searchable."""
        child = pulumi.ResourceOptions(parent=self)
        project = log.Project(f"{name}-log", project_name=values["log_project_name"], opts=child)
        logstore = log.Store(
            f"{name}-logstore",
            project_name=project.project_name,
            logstore_name=_LOGSTORE,
            retention_period=values["log_retention_days"],
            opts=child,
        )
        log.StoreIndex(
            f"{name}-log-index",
            project=project.project_name,
            logstore=logstore.logstore_name,
            full_text={"token": LOG_DELIMITERS},
            opts=child,
        )
        return project, logstore

    def _role(
        self, name: str, values: dict[str, Any], project: log.Project, logstore: log.Store
    ) -> tuple[ram.Role, ram.RolePolicyAttachment]:
        """The function's role and what it is granted."""
        child = pulumi.ResourceOptions(parent=self)
        role = ram.Role(
            f"{name}-role",
            role_name=pulumi.Output.concat(values["resource_name"], "-fc"),
            assume_role_policy_document=fc_trust(),
            opts=child,
        )
        document = pulumi.Output.all(
            project=project.project_name,
            logstore=logstore.logstore_name,
            read_prefixes=values["read_prefixes"],
            write_prefixes=values["write_prefixes"],
            refresh_domains=values["refresh_domains"],
        ).apply(lambda known: fc_function(**known))
        policy = ram.Policy(
            f"{name}-policy",
            policy_name=pulumi.Output.concat(values["resource_name"], "-fc"),
            policy_document=document,
            opts=child,
        )
        granted = ram.RolePolicyAttachment(
            f"{name}-grant",
            role_name=role.role_name,
            policy_name=policy.policy_name,
            policy_type="Custom",
            opts=child,
        )
        return role, granted


def cpu_for(memory_mb: int) -> float:
    """One vCPU for each 2 GB, rounded up to the cloud's steps: in the middle of what it accepts."""
    return math.ceil(memory_mb / 2048 * CPU_STEPS_PER_CORE) / CPU_STEPS_PER_CORE


def _custom_runtime(values: Mapping[str, Any]) -> fc.V3FunctionCustomRuntimeConfigArgsDict:
    config: fc.V3FunctionCustomRuntimeConfigArgsDict = {"commands": list(FC_START_COMMAND), "port": FC_PORT}
    if "health_path" in values:
        check: Any = {theirs: values[ours] for ours, theirs in _HEALTH_SETTINGS.items() if ours in values}
        check["http_get_url"] = values["health_path"]
        config["health_check_config"] = check
    return config


def _environment(values: Mapping[str, Any]) -> pulumi.Input[Mapping[str, Any]] | None:
    """The given variables; with them the path at which the runtime is to answer health checks, where it has to."""
    given = values.get("environment")
    if "health_path" not in values:
        return given
    path = values["health_path"]
    return pulumi.Output.all(given or {}, path).apply(lambda known: {**known[0], _HEALTH_PATH_VARIABLE: known[1]})


def _trigger_config(auth: str) -> str:
    return json.dumps({"authType": auth, "disableURLInternet": False, "methods": list(FC_HTTP_METHODS)}, sort_keys=True)
