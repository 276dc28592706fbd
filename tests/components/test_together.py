"""Steps that are all taken, even after one has failed."""

from __future__ import annotations

import pulumi
import pytest

from components.edge_trigger import EdgeTrigger
from components.lambda_runtime import LambdaCustomRuntime
from components.validation import ProgramError, Together
from rules.finding import Finding, UserError
from tests.support.mocks import deploy


def failing(rule):
    def step():
        raise UserError([Finding(rule, "c", "f", 1, "2", "write 2")])

    return step


def test_what_every_step_gives():
    with Together() as steps:
        assert [steps.take(lambda each=each: each) for each in (1, 2)] == [1, 2]


def test_findings_of_all_steps_and_of_the_block_itself():
    def block():
        with Together() as steps:
            steps.take(failing("A"))
            assert steps.take(lambda: 1) == 1
            steps.take(failing("B"))
            failing("C")()

    with pytest.raises(ProgramError) as error:
        block()
    assert [finding.rule for finding in error.value.findings] == ["A", "B", "C"]


def test_another_error_is_not_hidden():
    def block():
        with Together() as steps:
            steps.take(failing("A"))
            steps.take(lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        block()


@pytest.mark.parametrize("preview", [True, False])
def test_what_takes_outputs_of_a_failed_component_is_checked_nonetheless(preview):
    def program():
        with Together() as steps:
            function = steps.take(
                lambda: LambdaCustomRuntime("web", {"zip_path": "function.zip", "handler": "a.b", "memory_mb": 1})
            )
            steps.take(
                lambda: EdgeTrigger(
                    "edge",
                    {
                        "zip_path": "edge.zip",
                        "handler": "handlers.edge.handler",
                        "runtime": "java21",
                        "function_name": function.function_name,
                        "function_url": pulumi.Output.concat(function.function_url, ""),
                    },
                )
            )

    with pytest.raises(ProgramError) as error:
        deploy(program, preview=preview)
    assert [finding.rule for finding in error.value.findings] == ["LAMBDA-MEMORY", "E3"]
