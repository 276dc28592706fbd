"""What users of the components see: type tokens, arguments and outputs, each with its description.

Does not prove that a description is true; the other tests of this folder hold defaults and effects.
"""

from __future__ import annotations

import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components.cdn import Cdn
from components.edge_trigger import EdgeTrigger
from components.fc_function import FcWebFunction
from components.lambda_runtime import LambdaCustomRuntime
from components.site import SiteBuild

COMPONENTS = [LambdaCustomRuntime, EdgeTrigger, FcWebFunction, Cdn, SiteBuild]
REQUIRED = {
    "LambdaCustomRuntime": {"zipPath", "handler"},
    "EdgeTrigger": {"zipPath", "handler", "runtime", "functionName", "functionUrl"},
    "FcWebFunction": {"zipPath", "handler", "region", "resourceName", "bucketName", "logProjectName"},
    "Cdn": {"domainName", "bucketName", "resourceName"},
    "SiteBuild": {
        *("zipPath", "handler", "region", "resourceName", "codeBucketName", "sourceBucketName", "logProjectName"),
        *("siteBucketName", "domainName", "siteUrl"),
    },
}
OPTIONAL = {
    "LambdaCustomRuntime": {
        *("memoryMb", "timeoutS", "architecture", "logRetentionDays", "environment", "invokeMode"),
    },
    "EdgeTrigger": {"event", "memoryMb", "timeoutS", "originTimeoutS", "domainName", "certificateArn"},
    "FcWebFunction": {
        *("memoryMb", "cpu", "timeoutS", "concurrency", "initializerTimeoutS", "preStopTimeoutS", "auth"),
        *("logRetentionDays", "environment", "readPrefixes", "writePrefixes", "diskMb", "httpTrigger"),
        "refreshDomains",
        *("healthPath", "healthInitialDelayS", "healthPeriodS", "healthTimeoutS"),
        *("healthFailureThreshold", "healthSuccessThreshold"),
    },
    "Cdn": {"certificateId", "scope", "privateOriginRole", "firstPage", "forceDestroy"},
    "SiteBuild": {"sourcePrefix", "sitePrefix", "prune", "memoryMb", "timeoutS", "logRetentionDays", "forceDestroy"},
}
OUTPUTS = {
    "LambdaCustomRuntime": {"functionName", "functionArn", "functionUrl", "roleName", "logGroupName"},
    "EdgeTrigger": {"url", "domain", "distributionId", "distributionArn", "edgeVersionArn"},
    "FcWebFunction": {"functionName", "functionArn", "url", "roleArn", "logProjectName"},
    "Cdn": {"url", "cname", "bucketName"},
    "SiteBuild": {"functionName", "sourceBucketName", "sourcePrefix"},
}


@pytest.fixture(scope="module")
def schema():
    return Analyzer("isthmus").analyze(COMPONENTS)["component_definitions"]


@pytest.mark.parametrize("name", REQUIRED)
def test_arguments_and_outputs_are_these(schema, name):
    inputs = schema[name].inputs
    assert {key for key, each in inputs.items() if not each.optional} == REQUIRED[name]
    assert {key for key, each in inputs.items() if each.optional} == OPTIONAL[name]
    assert set(schema[name].outputs) == OUTPUTS[name]


@pytest.mark.parametrize("name", REQUIRED)
def test_each_of_them_is_described(schema, name):
    assert schema[name].description
    for each in (*schema[name].inputs.values(), *schema[name].outputs.values()):
        assert each.description
        assert each.description.endswith(".")
