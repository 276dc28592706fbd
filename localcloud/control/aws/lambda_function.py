"""Lambda functions: code, versions, and what Lambda refuses at CreateFunction and UpdateFunction.

Sources: Lambda API Reference; Lambda Developer Guide, "Lambda quotas", "Lambda runtimes", "SnapStart"; AWS provider
`internal/service/lambda/function.go`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from localcloud.control.autoname import Autoname
from localcloud.control.aws.base import BUCKET, DISTRIBUTION, FUNCTION, AwsKind, role_by_arn
from localcloud.control.content import archive_bytes, unzipped_size
from localcloud.control.diff import Change
from localcloud.control.kind import Cloud, CloudError, Given, Values, known
from localcloud.control.validate import Failure
from localcloud.control.wire import from_json, has_unknown, to_json
from localcloud.policies import trusts
from localcloud.store import Resource

_CHILDREN = ("aws:lambda/functionUrl:FunctionUrl", "aws:lambda/permission:Permission", "aws:lambda/alias:Alias")
_CODE = frozenset({"code", "s3Bucket", "s3Key", "s3ObjectVersion", "sourceCodeHash", "codeSha256", "imageUri"})
_CODE_OPTIONS = frozenset({"sourceKmsKeyArn", "architectures"})
_NOT_CONFIGURATION = frozenset(
    {"tags", "reservedConcurrentExecutions", "codeSigningConfigArn", "publish", "skipDestroy", "region"}
)
_CONFIGURATION = (
    "runtime", "handler", "memorySize", "timeout", "role", "environment", "loggingConfig", "layers", "vpcConfig",
    "architectures", "ephemeralStorage", "tracingConfig", "deadLetterConfig", "description", "packageType", "snapStart",
)  # fmt: skip

_ZIP_BYTES = 50 * 1024 * 1024
_UNZIPPED_BYTES = 262_144_000
_ENVIRONMENT_BYTES = 4096
_MEMORY_MB = 10_240
_ACCOUNT_CONCURRENCY = 1000
_UNRESERVED_CONCURRENCY = 100
_ENVIRONMENT_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_RESERVED_NAMES = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)  # fmt: skip
_RETIRED = re.compile(
    r"nodejs(4\.3|6\.10|8\.10|10\.x|12\.x|14\.x|4\.3-edge)?|python(2\.7|3\.6|3\.7)|java8|dotnetcore.*|go1\.x|ruby2\..|provided"
)


class Function(AwsKind):
    service = "Lambda"
    label = "Lambda Function"
    autoname = Autoname("name", 64)
    operations = ("CreateFunction", "UpdateFunctionConfiguration", "DeleteFunction")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        if inputs.get("packageType", "Zip") == "Zip" and ("handler" not in inputs or "runtime" not in inputs):
            yield Failure((), "handler and runtime must be set when PackageType is Zip")
        name = inputs.get("name")
        if known(name) and len(name) > 64 and not name.startswith("arn:"):
            yield Failure(("name",), f"expected length of name to be at most 64, got {name!r}")

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        if inputs.get("imageUri"):
            raise CloudError("ImageNotSupported", "the local cloud runs no container images: deploy a zip")
        _check_role(cloud, inputs["role"])
        _check_settings(inputs)
        _check_environment((inputs.get("environment") or {}).get("variables") or {})

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        region = cloud.region_of(inputs)
        arn = f"arn:aws:lambda:{region}:{cloud.account}:function:{id_}"
        invoke = f"arn:aws:apigateway:{region}:lambda:path"
        return {
            "arn": arn,
            "invokeArn": f"{invoke}/2015-03-31/functions/{arn}/invocations",
            "responseStreamingInvokeArn": f"{invoke}/2021-11-15/functions/{arn}/response-streaming-invocations",
            "architectures": inputs.get("architectures", ["x86_64"]),
            "ephemeralStorage": inputs.get("ephemeralStorage", {"size": 512}),
            "tracingConfig": inputs.get("tracingConfig", {"mode": "PassThrough"}),
            "loggingConfig": {"logFormat": "Text", "logGroup": f"/aws/lambda/{id_}", **inputs.get("loggingConfig", {})},
            "signingJobArn": "",
            "signingProfileVersionArn": "",
        }

    def private(self, cloud: Cloud, properties: Values, old: Resource | None) -> dict[str, Any]:
        """Keep the zip, publish a version when asked to, and fill in what follows from both."""
        before = dict(old.private) if old else {"versions": {}}
        data = _code(cloud, properties)
        digest = cloud.store.put_blob(data)
        was, properties["codeSha256"] = properties.get("codeSha256"), _base64(digest)
        # A hash that the user gave stays as given; else it follows the code.
        if properties.get("sourceCodeHash", was) in ("", was):
            properties["sourceCodeHash"] = properties["codeSha256"]
        properties["sourceCodeSize"] = len(data)
        configuration = _configured(properties)
        changed = old is None or digest != before["code"] or configuration != before["configuration"]
        if changed:
            properties["lastModified"] = _lambda_time()
        versions = dict(before["versions"])
        if properties.get("publish") and (changed or not versions):
            number = max(map(int, versions), default=0) + 1
            versions[str(number)] = {"code": digest, "properties": configuration}
        newest = str(max(map(int, versions))) if versions else "$LATEST"
        properties["version"] = newest
        properties["qualifiedArn"] = f"{properties['arn']}:{newest}"
        properties["qualifiedInvokeArn"] = properties["invokeArn"].replace(
            properties["arn"], properties["qualifiedArn"]
        )
        return {"code": digest, "versions": versions, "configuration": configuration}

    def unknown_after_update(self, changes: list[Change], inputs: Given) -> set[str]:
        tops = {change.top for change in changes}
        code = bool(tops & (_CODE | _CODE_OPTIONS))
        configuration = bool(tops - _CODE - _CODE_OPTIONS - _NOT_CONFIGURATION)
        unknown = {"lastModified"} if code else set()
        if inputs.get("publish") and (code or configuration or "publish" in tops):
            unknown |= {"version", "qualifiedArn", "qualifiedInvokeArn"}
        return unknown

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del inputs
        return CloudError("ResourceConflictException", f"Function already exist: {id_}", 409)

    def release(self, cloud: Cloud, row: Resource) -> None:
        for distribution in cloud.store.list(DISTRIBUTION):
            for association in edge_associations(from_json(distribution.properties)):
                if str(association.get("lambdaArn", "")).startswith(f"{row.properties['arn']}:"):
                    raise CloudError("InvalidParameterValueException", _replicated(association["lambdaArn"]))

    def delete(self, cloud: Cloud, row: Resource) -> None:
        # With skipDestroy the function stays; only the state forgets it.
        if not row.properties.get("skipDestroy"):
            super().delete(cloud, row)

    def remove(self, cloud: Cloud, row: Resource) -> None:
        # Replicas are gone as soon as no distribution names the version: here at once, on AWS after hours.
        for type_ in _CHILDREN:
            for child in cloud.store.list(type_):
                reference = str(child.properties.get("function") or child.properties.get("functionName"))
                same_region = child.properties.get("region") == row.properties.get("region")
                if same_region and row.properties["name"] in (
                    reference,
                    reference.rpartition("function:")[2].split(":")[0],
                ):
                    cloud.store.delete(child.type, child.id)
        super().remove(cloud, row)


def edge_associations(distribution: Given) -> Iterator[dict[str, Any]]:
    """Every association of a distribution with a Lambda function."""
    for behavior in (distribution.get("defaultCacheBehavior", {}), *distribution.get("orderedCacheBehaviors", [])):
        yield from behavior.get("lambdaFunctionAssociations", [])


def _configured(properties: Given) -> dict[str, Any]:
    """The configuration that a version is published with.

    Without a log group of its own: the default differs between a function and its replicas at the edge.
    """
    chosen = {name: to_json(properties[name]) for name in _CONFIGURATION if name in properties}
    logging = dict(chosen.get("loggingConfig", {}))
    if logging.get("logGroup") == f"/aws/lambda/{properties['name']}":
        del logging["logGroup"]
    return {**chosen, "loggingConfig": logging}


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


def _replicated(arn: str) -> str:
    return (
        f"Lambda was unable to delete {arn} because it is a replicated function. Please see our documentation for "
        "Deleting Lambda@Edge Functions and Replicas."
    )


def _lambda_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _check_role(cloud: Cloud, arn: str) -> None:
    if arn.split(":")[4:5] != [cloud.account]:
        raise CloudError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    role = role_by_arn(cloud, arn)
    if role is None or not trusts(role.properties.get("assumeRolePolicy"), "lambda.amazonaws.com"):
        raise CloudError(
            "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."
        )


def _check_settings(inputs: Given) -> None:
    runtime = inputs.get("runtime", "")
    if _RETIRED.fullmatch(runtime):
        sentence = (
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions."
        )
        raise CloudError("InvalidParameterValueException", sentence)
    snap_start = (inputs.get("snapStart") or {}).get("applyOn", "None")
    if snap_start != "None" and runtime.startswith(("provided", "nodejs", "ruby")):
        raise CloudError(
            "InvalidParameterValueException", f"{runtime} is not supported for SnapStart enabled functions."
        )
    if inputs.get("memorySize", 0) > _MEMORY_MB:
        sentence = (
            f"1 validation error detected: Value '{inputs['memorySize']}' at 'memorySize' failed to satisfy "
            f"constraint: Member must have value less than or equal to {_MEMORY_MB}"
        )
        raise CloudError("ValidationException", sentence)
    if inputs.get("reservedConcurrentExecutions", -1) > _ACCOUNT_CONCURRENCY - _UNRESERVED_CONCURRENCY:
        sentence = (
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{_UNRESERVED_CONCURRENCY}]."
        )
        raise CloudError("InvalidParameterValueException", sentence)


def _check_environment(variables: Given) -> None:
    unable = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided"
    )
    wrong = sorted(name for name in variables if not _ENVIRONMENT_NAME.fullmatch(name))
    if wrong:
        sentence = (
            "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must "
            "satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]: "
            f"{', '.join(wrong)}"
        )
        raise CloudError("ValidationException", sentence)
    reserved = sorted(_RESERVED_NAMES & set(variables))
    if reserved:
        sentence = (
            f"{unable} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
        raise CloudError("InvalidParameterValueException", sentence)
    # AWS adds the text that it measured; it stays out of here, as it may hold secrets.
    size = sum(len(str(item).encode()) for pair in variables.items() for item in pair)
    if size > _ENVIRONMENT_BYTES:
        raise CloudError("InvalidParameterValueException", f"{unable} exceeded the 4KB limit.")


def _code(cloud: Cloud, properties: Given) -> bytes:
    """The zip of a function, from its archive or its S3 object."""
    if "code" in properties and not has_unknown(properties["code"]):
        data = archive_bytes(properties["code"])
        if len(data) > _ZIP_BYTES:
            # The request's limit, which base64 reaches with a zip of 50 MB.
            sentence = "Request must be smaller than 70167211 bytes for the CreateFunction operation"
            raise CloudError("RequestEntityTooLargeException", sentence, 413)
    else:
        data = _code_from_s3(cloud, properties)
    size = unzipped_size(data)
    if size is None:
        sentence = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise CloudError("InvalidParameterValueException", sentence)
    if size > _UNZIPPED_BYTES:
        sentence = f"Unzipped size must be smaller than {_UNZIPPED_BYTES} bytes"
        raise CloudError("InvalidParameterValueException", sentence)
    return data


def _code_from_s3(cloud: Cloud, properties: Given) -> bytes:
    prefix = "Error occurred while GetObject. S3 Error Code:"
    bucket, key = properties["s3Bucket"], properties["s3Key"]
    owner = cloud.store.get(BUCKET, bucket)
    if owner is None:
        sentence = f"{prefix} NoSuchBucket. S3 Error Message: The specified bucket does not exist"
        raise CloudError("InvalidParameterValueException", sentence)
    region = owner.properties.get("region")
    if region != cloud.region_of(properties):
        sentence = (
            f"{prefix} PermanentRedirect. S3 Error Message: The bucket is in this region: {region}. "
            "Please use this region to retry the request"
        )
        raise CloudError("InvalidParameterValueException", sentence)
    stored = cloud.store.s3.get(bucket, key)
    if stored is None:
        sentence = f"{prefix} NoSuchKey. S3 Error Message: The specified key does not exist."
        raise CloudError("InvalidParameterValueException", sentence)
    return cloud.store.blob_path(stored.blob).read_bytes()


KINDS = {FUNCTION: Function}
