"""The recorder itself: it refuses what the mocks of Pulumi let pass.

Does not prove that the SDK's types are what the real providers accept.
"""

from __future__ import annotations

import pulumi
import pytest
from pulumi_aws import lambda_, sqs

from tests.support.mocks import deploy
from tests.support.sdk_types import input_problems

FUNCTION = "aws:lambda/function:Function"


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({}, "role: missing"),
        ({"role": 123}, "role: expected str, got 123"),
        ({"role": "r", "memorySize": "big"}, "memorySize: expected int, got 'big'"),
        ({"role": "r", "memorySize": 1.5}, "memorySize: expected int, got 1.5"),
        ({"role": "r", "publish": 1}, "publish: expected bool, got 1"),
        ({"role": "r", "environment": {"varriables": {}}}, "environment.varriables: unknown property"),
        ({"role": "r", "environment": {"variables": {"A": 1}}}, "environment.variables.A: expected str, got 1"),
        ({"role": "r", "architectures": "arm64"}, "architectures: expected a list, got 'arm64'"),
        ({"role": "r", "architectures": [1]}, "architectures[0]: expected str, got 1"),
        ({"role": "r", "loggingConfig": {}}, "loggingConfig.logFormat: missing"),
        ({"role": "r", "code": "x.zip"}, "code: expected Archive, got 'x.zip'"),
        ({"role": "r", "runtime": 3}, "runtime"),
    ],
)
def test_the_sdks_types_are_held_against_inputs(inputs, problem):
    (found,) = input_problems(FUNCTION, inputs)
    assert found.startswith(problem)


def test_what_the_sdk_takes_has_no_problem():
    inputs = {
        "role": "r",
        "code": pulumi.FileArchive("x.zip"),
        "memorySize": 512.0,
        "runtime": "provided.al2023",
        "environment": {"variables": {"A": "1"}},
    }
    assert input_problems(FUNCTION, inputs) == []
    cpu = {"handler": "h", "runtime": "custom", "cpu": 1, "code": {"ossBucketName": "b"}}
    assert input_problems("alicloud:fc/v3Function:V3Function", cpu) == []


def test_a_problem_fails_the_run():
    with pytest.raises(AssertionError, match="varriables"):
        deploy(lambda: lambda_.Function("f", role="r", environment={"varriables": {}}))


def test_an_undeclared_type_fails_the_run():
    with pytest.raises(LookupError, match="sqs/queue"):
        deploy(lambda: sqs.Queue("q"))


def test_the_same_name_twice_fails_the_run():
    def program():
        lambda_.Function("f", role="r")
        lambda_.Function("f", role="r")

    with pytest.raises(AssertionError, match="duplicate URN"):
        deploy(program)


def test_a_failure_in_an_apply_fails_the_run():
    def program():
        pulumi.Output.from_input(1).apply(lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        deploy(program)
