"""Joining the SDK's classes with the declared properties. Does not prove that either agrees with a real cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from localcloud.control import schema

TYPES = [(package, token) for package in ("aws", "alicloud") for token in schema.declarations(package)]

# Deprecated in the declaration and gone from the SDK.
GONE = {"notify_type", "operator", "statistics", "threshold", "triggered_count"}


def unjoined(declared: Mapping[str, Any], properties: Mapping[str, schema.Property], at: str) -> Iterator[str]:
    siblings = next(iter(properties.values())).siblings
    for name, own in declared.items():
        if name not in siblings:
            if name not in GONE:
                yield f"{at}.{name}"
            continue
        inside = own.get("elem", {})
        shape = properties[siblings[name]].shape
        element = shape.element if shape.kind == "list" else shape
        if inside and not isinstance(inside.get("type"), str) and element:
            assert element.kind == "object", f"{at}.{name}"
            yield from unjoined(inside, element.properties, f"{at}.{name}")


@pytest.mark.parametrize(("package", "token"), TYPES)
def test_every_declared_property_has_its_name_in_the_sdk(package: str, token: str) -> None:
    loaded = schema.load(token)
    assert loaded
    declared = schema.declarations(package)[token]["properties"]
    assert list(unjoined(declared, loaded.state, token)) == []
    assert all(known.shape.kind != "any" for known in loaded.inputs.values())


def test_names_types_and_rules_of_one_type() -> None:
    function = schema.load("aws:lambda/function:Function")
    assert function
    assert [name for name, known in function.inputs.items() if known.required] == ["role"]
    assert function.inputs["memorySize"].shape.kind == "integer"
    assert function.inputs["memorySize"].default == 128
    assert function.inputs["code"].shape.kind == "asset"
    assert function.inputs["code"].others("exactlyOneOf") == ("code", "imageUri", "s3Bucket")
    assert function.inputs["environment"].shape.properties["variables"].shape.kind == "map"
    assert function.inputs["tags"].shape.element == schema.Shape("string")
    assert "arn" not in function.inputs
    assert function.state["arn"].computed


def test_the_arguments_of_a_resource_are_not_those_of_the_nested_type_with_its_name() -> None:
    versioning = schema.load("aws:s3/bucketVersioning:BucketVersioning")
    website = schema.load("alicloud:oss/bucketWebsite:BucketWebsite")
    assert versioning
    assert "versioningConfiguration" in versioning.inputs
    assert website
    assert "bucket" in website.inputs


def test_an_undeclared_type_has_no_schema() -> None:
    assert schema.load("aws:ec2/instance:Instance") is None
