"""What a deployment would leave in the state: no credential, neither in inputs nor in outputs.

Knows credentials by their shapes only, and sees the outputs that the mocks give, not those of a cloud.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.runtime import rpc

from rules.secrets import credentials, suspects
from tests.support.stacks import stack_config


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from texts(item, f"{path}_{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from texts(item, f"{path}_{number}")
    elif isinstance(value, str):
        yield path, value


@pytest.mark.parametrize("stack", ["local", "example"])
def test_nothing_recorded_is_a_credential(program, stack):
    deployment = program(stack_config(stack))
    recorded = {each.name: each.inputs for each in deployment.resources}
    found = dict(texts({"inputs": recorded, "outputs": deployment.outputs}))
    assert len(found) > 50
    assert credentials(found) == []
    # The characters that part words in the log's index go by the name of a token, too.
    assert [name for name in suspects(found) if not name.endswith("fullText_token")] == []


@pytest.mark.parametrize("stack", ["local", "example"])
def test_nothing_recorded_is_a_secret_that_state_would_have_to_encrypt(program, stack):
    for each in program(stack_config(stack)).resources:
        assert not any(map(rpc.is_rpc_secret, each.inputs.values())), each.name
