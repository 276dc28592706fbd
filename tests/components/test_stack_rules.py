"""The watch over a whole program, on mocks: what it sees, what it holds back, and how it tells it.

Does not prove that an engine runs stack transformations alike; tests/engine does.
"""

from __future__ import annotations

import importlib

import pulumi
import pulumi_aws as aws
import pytest
from pulumi_alicloud import oss

from components.findings import end_in_order
from components.lambda_runtime import LambdaCustomRuntime
from components.validation import ProgramError, told_to_user
from tests.rules.resource_cases import CASES, inputs, trust
from tests.support import mocks
from tests.support.mocks import deploy
from tests.support.sdk_types import _registered
from tests.support.watched import broken, by_hand, rules_of, run

pytestmark = pytest.mark.usefixtures("watched")


def create(type_, changed, name="x"):
    module, cls = _registered(type_.partition(":")[0])[type_]
    return getattr(importlib.import_module(module), cls)(name, **inputs(type_, changed))


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_reaches_the_real_classes(rule):
    type_, right, wrong = CASES[rule]

    def attempt(changed):
        try:
            return [text.rpartition("[")[2].rstrip("]") for text in run(lambda: create(type_, changed)).warnings]
        except ProgramError as error:
            return [finding.rule for finding in error.findings]
        except (TypeError, AssertionError):  # what the SDK's own types refuse never reaches a rule
            return None

    assert rule not in (attempt(right[0]) or [])
    told = [attempt(changed) for changed in wrong]
    assert all(ids is None or rule in ids for ids in told)
    assert any(told)


@pytest.mark.parametrize("preview", [True, False])
def test_all_that_is_wrong_is_told_together(preview):
    def program():
        by_hand("slow", timeout=901)
        by_hand("small", memory_size=64)
        oss.Bucket("b", bucket="A_B")

    assert broken(program, preview=preview) == [
        ("LAMBDA-TIMEOUT", "aws:lambda/function:Function 'slow'"),
        ("LAMBDA-MEMORY", "aws:lambda/function:Function 'small'"),
        ("OSS-BUCKET-NAME", "alicloud:oss/bucket:Bucket 'b'"),
    ]


def test_nothing_is_registered_once_anything_is_wrong(monkeypatch):
    registered = []
    record = mocks.Recorder._record
    monkeypatch.setattr(
        mocks.Recorder, "_record", lambda self, request: (registered.append(request.name), record(self, request))
    )

    def program():
        by_hand("right")
        by_hand("wrong", memory_size=64)

    assert rules_of(program, preview=False) == ["LAMBDA-MEMORY"]
    assert registered == []
    run(lambda: by_hand("right"), preview=False)
    assert registered == ["right"]


def test_an_output_that_waits_for_nothing_counts_as_known():
    def program():
        by_hand(timeout=pulumi.Output.from_input(900).apply(lambda known: known + 1), memory_size=64)

    assert sorted(rules_of(program)) == ["LAMBDA-MEMORY", "LAMBDA-TIMEOUT"]


def test_an_output_of_a_resource_is_checked_before_what_is_made_from_it():
    def program():
        role = aws.iam.Role("r", assume_role_policy=trust("lambda.amazonaws.com"))
        by_hand(role=role.arn, handler=role.arn.apply(lambda arn: f"{arn} "))

    assert rules_of(program, preview=False) == ["LAMBDA-HANDLER-TEXT"]
    run(program, preview=True)


def test_what_comes_to_be_known_together_is_told_together():
    def program():
        role = aws.iam.Role("r", name="a", assume_role_policy=trust("lambda.amazonaws.com"))
        by_hand(handler=role.name.apply(lambda name: f"{name} b"))
        aws.cloudwatch.LogGroup("l", name=role.name.apply(lambda name: f"{name} b"))

    assert sorted(rules_of(program, preview=False)) == ["LAMBDA-HANDLER-TEXT", "LOGS-GROUP-NAME"]


@pytest.mark.parametrize("preview", [True, False])
def test_a_refused_program_ends_with_its_sentences_alone(monkeypatch, preview):
    told = []
    monkeypatch.setattr("components.stack_rules.end_in_order", end_in_order)
    monkeypatch.setattr("pulumi.log.error", told.append)

    def program():
        by_hand(memory_size=64)
        LambdaCustomRuntime("web", {"zip_path": "function.zip", "handler": "a.b", "timeout_s": 901})

    with pytest.raises(SystemExit) as ended:
        run(program, preview=preview)
    assert ended.value.code == 32
    assert sorted(sentence.rpartition("[")[2] for sentence in told) == ["LAMBDA-MEMORY]", "LAMBDA-TIMEOUT]"]


def test_a_secret_is_never_shown():
    def program():
        by_hand(handler=pulumi.Output.secret("hid den"))

    assert run(program).warnings == []


def test_a_credential_in_the_environment_is_named_but_not_printed():
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    with pytest.raises(ProgramError) as error:
        run(lambda: by_hand(environment={"variables": {"KEY": key}}))
    assert "['KEY']" in str(error.value)
    assert key not in str(error.value)


def test_argument_classes_and_either_spelling_are_read():
    def program():
        by_hand("a", ephemeral_storage=aws.lambda_.FunctionEphemeralStorageArgs(size=100))
        by_hand("b", snap_start={"applyOn": "PublishedVersions"}, runtime="provided.al2023")

    assert rules_of(program) == ["LAMBDA-STORAGE", "LAMBDA-SNAPSTART"]


def test_an_archive_that_pulumi_packs_is_warned_of():
    def program(code, runtime):
        return lambda: by_hand(code=code, s3_bucket=None, s3_key=None, runtime=runtime)

    packed = pulumi.AssetArchive({"bootstrap": pulumi.StringAsset("#!/bin/sh\n")})
    (warning,) = run(program(packed, "provided.al2023")).warnings
    assert "[LAMBDA-ARCHIVE-MODE]" in warning
    assert run(program(packed, "python3.13")).warnings == []
    assert run(program(pulumi.FileArchive("function.zip"), "provided.al2023")).warnings == []


def test_a_switched_off_rule_is_named_and_passed_over():
    deployment = run(lambda: by_hand(memory_size=64), off=["LAMBDA-MEMORY"])
    assert [warning for warning in deployment.warnings if "LAMBDA-MEMORY is switched off" in warning]
    assert [each.name for each in deployment.resources] == ["mine"]


def test_a_component_is_not_told_twice():
    def program():
        LambdaCustomRuntime("web", {"zip_path": "function.zip", "handler": "a.b", "timeout_s": 901})

    assert broken(program) == [("LAMBDA-TIMEOUT", "LambdaCustomRuntime 'web'")]

    def later():
        timeout = pulumi.Output.from_input(901)
        LambdaCustomRuntime("web", {"zip_path": "function.zip", "handler": "a.b", "timeout_s": timeout})

    assert broken(later) == [("LAMBDA-TIMEOUT", "LambdaCustomRuntime 'web'")]


def test_a_component_and_what_stands_beside_it_are_told_together():
    def program():
        by_hand(memory_size=64)
        LambdaCustomRuntime("web", {"zip_path": "function.zip", "handler": "a.b", "timeout_s": 901})

    assert sorted(rules_of(program)) == ["LAMBDA-MEMORY", "LAMBDA-TIMEOUT"]


def test_each_sentence_is_told_once_where_the_program_tells_the_user(monkeypatch):
    told = []
    monkeypatch.setattr("pulumi.log.error", told.append)

    def program():
        with told_to_user():
            by_hand(memory_size=64)
            LambdaCustomRuntime("web", {"zip_path": "function.zip", "handler": "a.b", "timeout_s": 901})

    assert sorted(rules_of(program)) == ["LAMBDA-MEMORY", "LAMBDA-TIMEOUT"]
    assert told == []  # the language host shows the error that ends the run


def test_what_is_only_looked_up_is_left_alone():
    deployment = run(lambda: aws.iam.Role.get("r", "existing"))
    assert deployment.warnings == []


def test_the_watch_adds_no_dependency():
    def program():
        role = aws.iam.Role("r", assume_role_policy=trust("lambda.amazonaws.com"))
        by_hand(role=role.arn)

    watched, alone = run(program, preview=False), deploy(program)
    for one, other in zip(watched.resources, alone.resources, strict=True):
        assert one.request.dependencies == other.request.dependencies
        assert one.inputs == other.inputs
