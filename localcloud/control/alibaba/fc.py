"""Function Compute 3.0: functions, triggers and asynchronous invocation.

Sources: Function Compute 3.0 API reference (CreateFunction, CreateTrigger); Function Compute 3.0 documentation,
"Limits", "Configure an HTTP trigger", "Grant permissions to Function Compute". FC's own sentences for a missing code
object and for a role that it cannot assume are in no document: those two are ours.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Iterator
from typing import Any

from localcloud import ram
from localcloud.control.alibaba import oss_trigger
from localcloud.control.alibaba.base import BUCKET, FUNCTION, AlibabaKind
from localcloud.control.alibaba.logs import require_logstore
from localcloud.control.content import unzipped_size
from localcloud.control.kind import Cloud, CloudError, Given, Values, known, now, parsed_json, random_text
from localcloud.control.validate import Failure
from localcloud.store import Resource

TRIGGER = "alicloud:fc/v3Trigger:V3Trigger"
ASYNC = "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig"
_VERSION = "alicloud:fc/v3FunctionVersion:V3FunctionVersion"
_ALIAS = "alicloud:fc/v3Alias:V3Alias"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_ROLE = re.compile(r"acs:ram::\d+:role/[\w.-]+")
_METHODS = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"}
_AUTHENTICATION = {"anonymous", "function", "jwt", "cookie", "bearer"}
_MEGABYTE = 1024 * 1024
_LARGE_ZIP_REGIONS = {
    "cn-hangzhou", "cn-shanghai", "cn-shenzhen", "cn-beijing", "cn-zhangjiakou", "cn-huhehaote", "cn-hongkong",
    "ap-southeast-1", "ap-northeast-1", "us-east-1", "eu-central-1",
}  # fmt: skip
_ENVIRONMENT_BYTES = 4096
_DISKS_MB = (512, 10_240)
_HOST_NAME_CHARACTERS = 52
_HEALTH_RANGES = {
    "initialDelaySeconds": (0, 120), "periodSeconds": (1, 120), "timeoutSeconds": (1, 3),
    "failureThreshold": (1, 120), "successThreshold": (1, 120),
}  # fmt: skip
_MAX_EVENT_AGE_S = 604_800


class Function(AlibabaKind):
    identity = ("functionName",)
    operations = ("CreateFunction", "UpdateFunction", "DeleteFunction")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        name = inputs.get("functionName")
        if name is None:
            yield Failure(("functionName",), "Missing required property 'functionName': FC makes no name by itself")
        elif known(name) and not _NAME.fullmatch(name):
            reason = f"invalid value for functionName (must match {_NAME.pattern}), got {name!r}"
            yield Failure(("functionName",), reason)
        if (
            known(inputs.get("runtime"))
            and not inputs["runtime"].startswith("custom-container")
            and "code" not in inputs
        ):
            yield Failure(("code",), "Missing required property 'code': only custom containers have none")

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        _check_size(inputs)
        _check_health((inputs.get("customRuntimeConfig") or {}).get("healthCheckConfig") or {})
        _check_role(cloud, inputs.get("role"))
        log = inputs.get("logConfig") or {}
        if log.get("project"):
            require_logstore(cloud, log["project"], log.get("logstore", ""))

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        created = now()
        memory = inputs.get("memorySize", 512)
        return {
            "functionArn": f"acs:fc:{cloud.region}:{cloud.account}:functions/{id_}",
            "functionId": str(uuid.uuid4()),
            "createTime": created,
            "lastModifiedTime": created,
            "state": "Active",
            "lastUpdateStatus": "Successful",
            "memorySize": memory,
            "cpu": inputs.get("cpu", _default_cpu(memory)),
            "diskSize": inputs.get("diskSize", _DISKS_MB[0]),
            "timeout": inputs.get("timeout", 3),
            "instanceConcurrency": inputs.get("instanceConcurrency", 1),
            "internetAccess": inputs.get("internetAccess", True),
            "sessionAffinity": inputs.get("sessionAffinity", "NONE"),
            "instanceIsolationMode": inputs.get("instanceIsolationMode", "SHARE"),
        }

    def private(self, cloud: Cloud, properties: Values, old: Resource | None) -> dict[str, Any]:
        """Copy the zip: what later happens to the object does not touch the function."""
        if old and old.properties.get("code") == properties.get("code"):
            return dict(old.private)
        if "code" not in properties:
            return {}
        data = _code(cloud, properties["code"])
        properties["codeSize"] = len(data)
        return {"code": cloud.store.put_blob(data)}

    def recomputed(self, cloud: Cloud, old: Resource, properties: Given) -> Values:
        del cloud, old, properties
        return {"lastModifiedTime": now()}

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del inputs
        return CloudError("FunctionAlreadyExists", f"function '{id_}' already exists", 409)

    def remove(self, cloud: Cloud, row: Resource) -> None:
        for type_ in (TRIGGER, ASYNC):
            for child in cloud.store.find(type_, functionName=row.id):
                cloud.store.delete(child.type, child.id)
        super().remove(cloud, row)


class Trigger(AlibabaKind):
    identity = ("functionName", "triggerName")
    json_texts = frozenset({"triggerConfig"})
    operations = ("CreateTrigger", "UpdateTrigger", "DeleteTrigger")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        if "triggerName" not in inputs:
            yield Failure(("triggerName",), "Missing required property 'triggerName': FC makes no name by itself")
        config = inputs.get("triggerConfig")
        if known(config) and not isinstance(parsed_json(config), dict):
            yield Failure(("triggerConfig",), "triggerConfig contains an invalid JSON: it must be an object")

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        require_function(cloud, inputs["functionName"])
        _require_qualifier(cloud, inputs)
        if inputs["triggerType"] == "oss":
            oss_trigger.check(cloud, inputs, old)
        if inputs["triggerType"] != "http":
            return
        _check_http_config(parsed_json(inputs.get("triggerConfig", "{}")))
        others = cloud.store.find(
            TRIGGER, functionName=inputs["functionName"], qualifier=inputs["qualifier"], triggerType="http"
        )
        if old is None and any(other.properties["triggerName"] != inputs["triggerName"] for other in others):
            sentence = (
                f"function '{inputs['functionName']}' qualifier '{inputs['qualifier']}' already has an HTTP trigger: "
                "only one is allowed per version or alias"
            )
            raise CloudError("InvalidArgument", sentence)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del id_
        created = now()
        arn = f"acs:fc:{cloud.region}:{cloud.account}:functions/{inputs['functionName']}"
        values: Values = {
            "triggerId": str(uuid.uuid4()),
            "targetArn": arn if inputs["qualifier"] == "LATEST" else f"{arn}/{inputs['qualifier']}",
            "createTime": created,
            "lastModifiedTime": created,
            "sourceArn": inputs.get("sourceArn", ""),
            "status": "",
            "httpTrigger": {"urlInternet": "", "urlIntranet": ""},
        }
        if inputs["triggerType"] == "http":
            stem = inputs["functionName"].replace("_", "-").lower()[:_HOST_NAME_CHARACTERS].rstrip("-")
            host = f"{stem}-{random_text(10, 'abcdefghijklmnopqrstuvwxyz')}"
            values["httpTrigger"] = {
                "urlInternet": f"https://{host}.{cloud.region}.fcapp.run",
                "urlIntranet": f"https://{host}.{cloud.region}-vpc.fcapp.run",
            }
        return values

    def recomputed(self, cloud: Cloud, old: Resource, properties: Given) -> Values:
        del cloud, old, properties
        return {"lastModifiedTime": now()}

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del id_
        sentence = f"trigger '{inputs['triggerName']}' already exists in function '{inputs['functionName']}'"
        return CloudError("TriggerAlreadyExists", sentence, 409)


class AsyncInvokeConfig(AlibabaKind):
    identity = ("functionName",)
    puts = True
    operations = ("PutAsyncInvokeConfig", "PutAsyncInvokeConfig", "")

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        require_function(cloud, inputs["functionName"])
        attempts = inputs.get("maxAsyncRetryAttempts", 3)
        if not 0 <= attempts <= 8:
            raise CloudError("InvalidArgument", f"maxAsyncRetryAttempts must be between 0 and 8, got {attempts}")
        age = inputs.get("maxAsyncEventAgeInSeconds", _MAX_EVENT_AGE_S)
        if not 1 <= age <= _MAX_EVENT_AGE_S:
            sentence = f"maxAsyncEventAgeInSeconds must be between 1 and {_MAX_EVENT_AGE_S}, got {age}"
            raise CloudError("InvalidArgument", sentence)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del inputs
        return {
            "functionArn": f"acs:fc:{cloud.region}:{cloud.account}:functions/{id_}",
            "createTime": now(),
            "lastModifiedTime": now(),
        }


def require_function(cloud: Cloud, name: str) -> Resource:
    """The function; raises CloudError when there is none."""
    row = cloud.store.get(FUNCTION, name)
    if row is None:
        raise CloudError("FunctionNotFound", f"function '{name}' does not exist", 404)
    return row


def _require_qualifier(cloud: Cloud, inputs: Given) -> None:
    name, qualifier = inputs["functionName"], inputs["qualifier"]
    versions = cloud.store.find(_VERSION, functionName=name, versionId=qualifier)
    aliases = cloud.store.find(_ALIAS, functionName=name, aliasName=qualifier)
    if qualifier != "LATEST" and not versions and not aliases:
        sentence = f"version or alias '{qualifier}' does not exist in function '{name}'"
        raise CloudError("VersionNotFound" if qualifier.isdigit() else "AliasNotFound", sentence, 404)


def _check_http_config(config: Any) -> None:
    config = config if isinstance(config, dict) else {}
    authentication = config.get("authType", "function")
    if authentication not in _AUTHENTICATION:
        sentence = f"authType must be one of {sorted(_AUTHENTICATION)}, got '{authentication}'"
        raise CloudError("InvalidArgument", sentence)
    methods = config.get("methods")
    if not isinstance(methods, list) or not methods or set(methods) - _METHODS:
        sentence = f"methods must be a list of {sorted(_METHODS)}, got {methods!r}"
        raise CloudError("InvalidArgument", sentence)


def _check_size(inputs: Given) -> None:
    """Memory, CPU, disk, concurrency and environment (FC "Limits")."""
    memory = inputs.get("memorySize", 512)
    if memory % 64 or memory < 128:
        raise CloudError("InvalidArgument", f"memorySize must be a multiple of 64 from 128 to 32768, got {memory}")
    cpu = inputs.get("cpu")
    if cpu is not None:
        if abs(cpu * 20 - round(cpu * 20)) > 1e-6:
            raise CloudError("InvalidArgument", f"cpu must be a multiple of 0.05, got {cpu}")
        if not 1 <= memory / 1024 / cpu + 1e-9 <= 4 + 1e-6:
            sentence = f"the ratio of cpu (vCPU) to memorySize (GB) must be from 1:1 to 1:4, got {cpu} and {memory} MB"
            raise CloudError("InvalidArgument", sentence)
    if inputs.get("diskSize", _DISKS_MB[0]) not in _DISKS_MB:
        raise CloudError("InvalidArgument", f"diskSize must be 512 or 10240, got {inputs['diskSize']}")
    if inputs.get("instanceConcurrency", 1) > 1 and not inputs["runtime"].startswith("custom"):
        sentence = f"instanceConcurrency above 1 is only supported in custom runtimes, not {inputs['runtime']}"
        raise CloudError("InvalidArgument", sentence)
    variables = inputs.get("environmentVariables", {})
    if sum(len(str(item).encode()) for pair in variables.items() for item in pair) > _ENVIRONMENT_BYTES:
        raise CloudError("InvalidArgument", f"environmentVariables exceed {_ENVIRONMENT_BYTES} bytes")


def _check_health(config: Given) -> None:
    """The ranges of the API's reference (CustomHealthCheckConfig), where the provider lets more pass.

    FC's own sentences are in no document; these are ours.
    """
    for name, (low, high) in _HEALTH_RANGES.items():
        value = config.get(name, low)
        if not low <= value <= high:
            raise CloudError("InvalidArgument", f"{name} must be between {low} and {high}, got {value}")
    url = config.get("httpGetUrl", "/")
    if not url.startswith("/") or not url.isascii() or not url.isprintable() or " " in url:
        raise CloudError("InvalidArgument", f"httpGetUrl must be a path that begins with /, got '{url}'")


def _check_role(cloud: Cloud, arn: str | None) -> None:
    if not arn:
        return
    if not _ROLE.fullmatch(arn):
        raise CloudError("InvalidArgument", f"role must be like acs:ram::<account id>:role/<name>, got '{arn}'")
    role = ram.find_role(cloud.store, arn)
    if role is None or not ram.trusts(role, "fc.aliyuncs.com"):
        raise CloudError("InvalidArgument", f"the role '{arn}' cannot be assumed by fc.aliyuncs.com")


def _code(cloud: Cloud, code: Given) -> bytes:
    """The zip that a function's code names; raises CloudError."""
    if code.get("zipFile"):
        try:
            data = base64.b64decode(code["zipFile"], validate=True)
        except binascii.Error as error:
            raise CloudError("InvalidArgument", "code.zipFile is not base64") from error
        limit = 74
    else:
        data = _code_object(cloud, code)
        limit = 500 if cloud.region in _LARGE_ZIP_REGIONS else 100
    if len(data) > limit * _MEGABYTE:
        sentence = f"the code package has {len(data)} bytes, the maximum in {cloud.region} is {limit} MB"
        raise CloudError("InvalidArgument", sentence)
    if unzipped_size(data) is None:
        raise CloudError("InvalidArgument", "the code package is not a zip file")
    return data


def _code_object(cloud: Cloud, code: Given) -> bytes:
    bucket, key = code.get("ossBucketName", ""), code.get("ossObjectName", "")
    owner = cloud.store.get(BUCKET, bucket)
    if owner is None:
        raise CloudError("InvalidArgument", f"the OSS bucket '{bucket}' of the code does not exist (NoSuchBucket)")
    if owner.properties["location"] != f"oss-{cloud.region}":
        place = owner.properties["location"]
        sentence = f"the OSS bucket '{bucket}' is in {place}: the code must be in the function's region {cloud.region}"
        raise CloudError("InvalidArgument", sentence)
    stored = cloud.store.oss.get(bucket, key)
    if stored is None:
        raise CloudError("InvalidArgument", f"the OSS object '{key}' does not exist in bucket '{bucket}' (NoSuchKey)")
    return cloud.store.blob_path(stored.blob).read_bytes()


def _default_cpu(memory: int) -> float:
    """512 MB get 0.35 vCPU; other sizes the least that 1:4 allows."""
    return 0.35 if memory == 512 else max(0.05, -(-memory // 204.8) / 20)


KINDS = {FUNCTION: Function, TRIGGER: Trigger, ASYNC: AsyncInvokeConfig}
