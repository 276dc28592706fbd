"""JSON by orjson gives what the standard way gives. Needs orjson; does not prove other versions of it."""

from __future__ import annotations

import datetime as dt
import decimal
import importlib.util
import json
import uuid
from collections import namedtuple
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import codec as standard

Pair = namedtuple("Pair", "a b")  # noqa: PYI024


def fast():
    spec = importlib.util.spec_from_file_location("runtime_codec_fast", standard.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.use_orjson()
    assert module._orjson is not None
    return module


FAST = fast()
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.datetimes(timezones=st.none() | st.just(dt.UTC))
    | st.dates()
    | st.uuids()
    | st.decimals(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.builds(Pair, inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=12,
)


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except (standard.UnmarshalError, standard.MarshalError, FAST.UnmarshalError, FAST.MarshalError) as error:
        return type(error).__name__, str(error)


def same(left, right):
    """Equal with the same types, NaN equal to itself, zeros with their sign; however deep they are nested."""
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, (dict, list)) and len(one) != len(other):
            return False
        if isinstance(one, dict):
            if list(one) != list(other):
                return False
            pairs += [(one[key], other[key]) for key in one]
        elif isinstance(one, list):
            pairs += zip(one, other, strict=True)
        elif (repr(one) != repr(other)) if isinstance(one, float) else one != other:
            return False
    return True


@settings(max_examples=120, deadline=None)
@given(VALUES)
def test_results_are_equal(value):
    ours, theirs = outcome(FAST.dumps, value), outcome(standard.dumps, value)
    if isinstance(theirs, tuple):
        assert ours == theirs
    else:
        assert same(json.loads(ours), json.loads(theirs))


@settings(max_examples=120, deadline=None)
@given(
    VALUES.map(lambda value: json.dumps(value, default=str, skipkeys=True))
    | st.text('0123456789-+.eE[]{}:," \n\\ud8é', max_size=40)
)
def test_events_are_equal(text):
    data = memoryview(text.encode("utf-8", "surrogatepass"))
    ours, theirs = outcome(FAST.decode, data), outcome(standard.decode, data)
    assert same(ours, theirs) or ours == theirs


@pytest.mark.parametrize(
    "text",
    ["-0", "-0.0", "0.1", "1e999", "NaN", "[Infinity]", "18446744073709551616", "-9223372036854775809",
     "9223372036854775807", '"\\ud800"', "\ufeff{}", "1 ", "[1,]", '{"a":1,"a":2}',
     "[" * 2000 + "]" * 2000, '"\\u0000"',
     "123456789012345678901234567890", "0.30000000000000004", "1.7976931348623157e308", "5e-324", "1E400", "01",
     "1.", ".5"],
)  # fmt: skip
def test_known_differences_do_not_show(text):
    data = memoryview(text.encode())
    ours, theirs = outcome(FAST.decode, data), outcome(standard.decode, data)
    assert same(ours, theirs) or ours == theirs


@pytest.mark.parametrize(
    "value",
    [float("nan"), [None, float("inf")], 2**70, {1: 2}, "\ud800", decimal.Decimal("1.10"), Pair(1, 2), uuid.UUID(int=5),
     dt.datetime(2026, 1, 2, 3, 4, 5, 600, dt.UTC), dt.time(1, 2), {"a": {1}}, {"a": b"x"}, None, "null", -0.0, 1e16,
     1e-7],
)  # fmt: skip
def test_known_differences_of_results_do_not_show(value):
    ours, theirs = outcome(FAST.dumps, value), outcome(standard.dumps, value)
    assert ours == theirs or same(json.loads(ours), json.loads(theirs))


def test_a_runtime_uses_it_where_the_handler_brings_it(start_lambda):
    folder = str(Path(orjson.__file__).parents[1])
    source = f"import sys\nsys.path.append({folder!r})\ndef handler(event, context):\n    return [event, 1]\n"
    assert start_lambda(source).invoke({"a": 1}).body == b'[{"a":1},1]'
    assert (
        start_lambda("def handler(event, context):\n    return [event, 1]\n").invoke({"a": 1}).body == b'[{"a": 1}, 1]'
    )
