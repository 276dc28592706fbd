"""The context in this process: what it takes from its function. What the clouds fill in, the loops' tests show."""

from __future__ import annotations

import pytest

from runtime.context import Context, Function

ENVIRON = {
    "AWS_LAMBDA_FUNCTION_NAME": "hello",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_REGION": "ap-northeast-1",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/26/[7]abc",
}
TOLD = {
    "cloud": "aws",
    "function_name": "hello",
    "function_version": "7",
    "memory_limit_in_mb": "512",
    "region": "ap-northeast-1",
    "account_id": "",
    "log_group_name": "/aws/lambda/hello",
    "log_stream_name": "2026/11/26/[7]abc",
    "invoked_function_arn": "",
}


def test_all_that_its_function_knows():
    context = Context(Function("aws", ENVIRON), "id", 0)
    assert {name: getattr(context, name) for name in TOLD} == TOLD
    assert set(TOLD) == set(Function.__slots__)


def test_an_alias_changes_what_it_names_and_nothing_else():
    function = Function("aws", ENVIRON)
    called = Context(function.called({"invoked_function_arn": "arn:x", "account_id": "1"}), "id", 0)
    assert {name: getattr(called, name) for name in TOLD} == TOLD | {"invoked_function_arn": "arn:x", "account_id": "1"}
    assert Context(function, "id", 0).account_id == ""


def test_a_handler_may_set_what_it_likes_for_its_own_invocation():
    function = Function("aws", ENVIRON)
    mine, other = Context(function, "1", 0), Context(function, "2", 0)
    mine.function_name = "renamed"
    mine.tracer = object()
    assert (mine.function_name, other.function_name) == ("renamed", "hello")
    assert not hasattr(other, "tracer")
    with pytest.raises(AttributeError):
        _ = other.unknown
