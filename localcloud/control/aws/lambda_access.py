"""Who reaches a Lambda function and how: aliases, function URLs and permissions.

Sources: Lambda API Reference (CreateAlias, CreateFunctionUrlConfig, AddPermission); Lambda Developer Guide, "Control
access to Lambda function URLs"; AWS provider `internal/service/lambda/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from localcloud.control.autoname import Autoname
from localcloud.control.aws.base import BASE32, AwsKind, function_reference, require_function
from localcloud.control.kind import Cloud, CloudError, Given, Values, known, random_text
from localcloud.control.validate import Failure
from localcloud.store import Resource

ALIAS = "aws:lambda/alias:Alias"
URL = "aws:lambda/functionUrl:FunctionUrl"
PERMISSION = "aws:lambda/permission:Permission"

_URL_ID_LENGTH = 32
_PRINCIPAL = re.compile(r"\*|\d{12}|arn:.*|.*\.amazonaws\.com(\.cn)?|[\w-]+\.alexa\.com|.*@.*")


class _OfFunction(AwsKind):
    """A type that refers to a function in `reference`, by name or ARN."""

    service = "Lambda"
    reference = "functionName"

    def same(self, name: str, old: Any, new: Any) -> bool:
        return name == self.reference and isinstance(new, str) and _bare(old) == _bare(new)

    def function(self, cloud: Cloud, inputs: Given) -> Resource:
        return require_function(cloud, inputs, inputs[self.reference])


class Alias(_OfFunction):
    label = "Lambda Alias"
    identity = ("functionName", "name")
    operations = ("CreateAlias", "UpdateAlias", "DeleteAlias")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        return f"{self.function(cloud, inputs).properties['arn']}:{inputs['name']}"

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        function = self.function(cloud, inputs)
        weights = (inputs.get("routingConfig") or {}).get("additionalVersionWeights") or {}
        for version in (inputs["functionVersion"], *weights):
            if version != "$LATEST" and version not in function.private["versions"]:
                sentence = f"Function not found: {function.properties['arn']}:{version}"
                raise CloudError("ResourceNotFoundException", sentence, 404)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        path = f"arn:aws:apigateway:{cloud.region_of(inputs)}:lambda:path/2015-03-31/functions"
        return {"arn": id_, "invokeArn": f"{path}/{id_}/invocations"}

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del inputs
        return CloudError("ResourceConflictException", f"Alias already exists: {id_}", 409)


class FunctionUrl(_OfFunction):
    label = "Lambda Function URL"
    identity = ("functionName", "qualifier")
    operations = ("CreateFunctionUrlConfig", "UpdateFunctionUrlConfig", "DeleteFunctionUrlConfig")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        name = _bare(inputs["functionName"])
        return f"{name}/{inputs['qualifier']}" if inputs.get("qualifier") else name

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        function, qualifier = self.function(cloud, inputs), inputs.get("qualifier")
        if qualifier and qualifier.isdigit():
            sentence = (
                f"1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: ((?!^[0-9]+$)([a-zA-Z0-9-_]+))"
            )
            raise CloudError("ValidationException", sentence)
        if qualifier:
            _require_qualifier(cloud, function, qualifier)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del id_
        url_id = random_text(_URL_ID_LENGTH, BASE32)
        arn = self.function(cloud, inputs).properties["arn"]
        return {
            "urlId": url_id,
            "functionUrl": f"https://{url_id}.lambda-url.{cloud.region_of(inputs)}.on.aws/",
            "functionArn": f"{arn}:{inputs['qualifier']}" if inputs.get("qualifier") else arn,
        }

    def private(self, cloud: Cloud, properties: Values, old: Resource | None) -> dict[str, Any]:
        # The provider opens a URL without authentication by itself, and never takes that back.
        if properties["authorizationType"] == "NONE":
            _open_to_everyone(cloud, properties)
        return super().private(cloud, properties, old)

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del id_
        sentence = (
            f"Failed to create function url config for [functionArn = {inputs['functionName']}]. "
            "Error message:  FunctionUrlConfig exists for this Lambda function"
        )
        return CloudError("ResourceConflictException", sentence, 409)


class Permission(_OfFunction):
    label = "Lambda Permission"
    reference = "function"
    autoname = Autoname("statementId", 100)
    identity = ("function", "qualifier", "statementId")
    operations = ("AddPermission", "", "RemovePermission")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        principal = inputs.get("principal")
        if known(principal) and not principal:
            yield Failure(("principal",), "expected principal to not be an empty string")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        return inputs.get("statementId") or f"{inputs.get('statementIdPrefix', '')}{random_text(26, '0123456789')}"

    def key(self, id_: str, properties: Given) -> str:
        return f"{_bare(properties['function'])}/{properties.get('qualifier', '')}/{id_}"

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        function = self.function(cloud, inputs)
        qualifier = inputs.get("qualifier") or function_reference(cloud, inputs["function"], "")[2]
        if qualifier:
            _require_qualifier(cloud, function, qualifier)
        if not _PRINCIPAL.fullmatch(inputs["principal"]):
            sentence = "The provided principal was invalid. Please check the principal and try again."
            raise CloudError("InvalidParameterValueException", sentence)
        _check_conditions(inputs)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del cloud, inputs
        return {"statementId": id_}

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del inputs
        sentence = (
            f"The statement id ({id_}) provided already exists. Please provide a new statement id, "
            "or remove the existing statement."
        )
        return CloudError("ResourceConflictException", sentence, 409)


def _check_conditions(inputs: Given) -> None:
    """Two conditions belong to one action each. The sentences are our own: no AWS page gives them."""
    action = inputs["action"]
    if inputs.get("functionUrlAuthType") and action not in ("lambda:InvokeFunctionUrl", "lambda:*", "*"):
        sentence = "FunctionUrlAuthType is only supported for the lambda:InvokeFunctionUrl action"
        raise CloudError("InvalidParameterValueException", sentence)
    if inputs.get("invokedViaFunctionUrl") and action not in ("lambda:InvokeFunction", "lambda:*", "*"):
        sentence = "InvokedViaFunctionUrl is only supported for the lambda:InvokeFunction action"
        raise CloudError("InvalidParameterValueException", sentence)


def _bare(reference: str) -> str:
    """The name of a function that is given by name, `name:qualifier` or ARN."""
    return reference.rpartition("function:")[2].partition(":")[0]


def _require_qualifier(cloud: Cloud, function: Resource, qualifier: str) -> None:
    arn = f"{function.properties['arn']}:{qualifier}"
    if qualifier == "$LATEST" or qualifier in function.private["versions"] or cloud.store.get(ALIAS, arn):
        return
    sentence = f"Function not found: {arn}" if qualifier.isdigit() else f"Cannot find alias arn: {arn}"
    raise CloudError("ResourceNotFoundException", sentence, 404)


def _open_to_everyone(cloud: Cloud, url: Given) -> None:
    """The two statements that a public URL needs since October 2025."""
    statements = (
        ("FunctionURLAllowPublicAccess", {"action": "lambda:InvokeFunctionUrl", "functionUrlAuthType": "NONE"}),
        ("FunctionURLAllowInvokeAction", {"action": "lambda:InvokeFunction", "invokedViaFunctionUrl": True}),
    )
    for statement_id, condition in statements:
        shared = {"function": _bare(url["functionName"]), "principal": "*", "region": url["region"]}
        properties = {"statementId": statement_id, **shared, **condition}
        if url.get("qualifier"):
            properties["qualifier"] = url["qualifier"]
        key = f"{properties['function']}/{properties.get('qualifier', '')}/{statement_id}"
        cloud.store.put(Resource(PERMISSION, key, "", properties))


KINDS = {ALIAS: Alias, URL: FunctionUrl, PERMISSION: Permission}
