"""A folder with the zips that a build leaves, as the working directory."""

from __future__ import annotations

import pytest

from tests.rules.resource_cases import CASES
from tests.support import mocks
from tests.support.zips import write_edge_zip, write_function_zip


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_function_zip(tmp_path / "function.zip")
    write_edge_zip(tmp_path / "edge.zip")
    return tmp_path


@pytest.fixture
def watched(monkeypatch):
    """Mocks for every type that has rules, and a region for either provider."""
    outputs = {type_: mocks.OUTPUTS.get(type_, lambda _: {}) for type_, _, _ in CASES.values()}
    for type_ in (
        "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig",
        "aws:lambda/runtimeManagementConfig:RuntimeManagementConfig",
        "aws:lambda/alias:Alias",
        "aws:cloudfront/originRequestPolicy:OriginRequestPolicy",
        "aws:cloudfront/cachePolicy:CachePolicy",
    ):
        outputs[type_] = lambda _: {}
    for type_ in (
        "oss/bucket:Bucket",
        "ram/role:Role",
        "fc/v3Function:V3Function",
        "fc/v3Trigger:V3Trigger",
        "oss/bucketObject:BucketObject",
    ):
        outputs[f"alicloud:{type_}"] = lambda _: {}
    monkeypatch.setattr(mocks, "OUTPUTS", {**mocks.OUTPUTS, **outputs})
    monkeypatch.setattr("components.stack_rules.end_in_order", lambda: None)  # the findings are for the tests
    monkeypatch.setenv("PULUMI_CONFIG", '{"aws:region": "ap-northeast-1", "alicloud:region": "cn-hongkong"}')
