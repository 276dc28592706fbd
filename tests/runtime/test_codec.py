"""JSON rules, through CPython's private C parts and through the public module that stands in for them.

Does not prove AWS's own encoder equal byte for byte: it writes NaN, for one, which we refuse.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import gc
import importlib.util
import json
import sys
import uuid
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import codec as c_codec

Pair = namedtuple("Pair", "a b")  # noqa: PYI024


def without_c_parts():
    """A second copy of the module, loaded where `_json` cannot be imported."""
    spec = importlib.util.spec_from_file_location("runtime_codec_plain", c_codec.__file__)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "_json", None)
        spec.loader.exec_module(module)
    return module


PLAIN = without_c_parts()


@pytest.fixture(params=[c_codec, PLAIN], ids=["c", "plain"])
def codec(request):
    return request.param


def test_both_ways_are_what_they_claim():
    assert type(c_codec._scan).__module__ == "_json"
    assert type(PLAIN._quick).__name__ == "function"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=150)
@given(VALUES)
def test_both_ways_agree_with_json(value):
    expected = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    for codec in (c_codec, PLAIN):
        encoded = codec.dumps(value)
        assert codec.loads(encoded) == value
        if "\\ud" not in encoded.decode():
            assert encoded == expected


@dataclasses.dataclass
class Point:
    x: int
    y: object = None
    z: dataclasses.InitVar[int] = 0


class Colour(enum.Enum):
    RED = "red"
    BOTH = Pair(1, [Pair(2, 3)])


class Size(enum.IntEnum):
    BIG = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1, 2: True, None: 1.5, True: "x"}, '{"a": 1, "2": true, "null": 1.5, "true": "x"}'),
        ((1, (2,)), "[1, [2]]"),
        (Pair(1, (2, Pair(3, None))), '{"a": 1, "b": [2, {"a": 3, "b": null}]}'),
        ({"in": [(Pair([], {}),)]}, '{"in": [[{"a": [], "b": {}}]]}'),
        (10**400, "1" + "0" * 400),
        (-0.0, "-0.0"),
        ('\x00\u2028"\\/é😀', '"\\u0000\u2028\\"\\\\/é😀"'),
        ("\ud83d é 😀", '"\\ud83d \\u00e9 \\ud83d\\ude00"'),
        ({"\udfff": 1}, '{"\\udfff": 1}'),
        (decimal.Decimal("0.1"), "0.1"),
        ([decimal.Decimal("-12345678901234567890.10"), decimal.Decimal("0E-7")], "[-12345678901234567890.10, 0E-7]"),
        ({"d": decimal.Decimal(5), "s": '"5"'}, '{"d": 5, "s": "\\"5\\""}'),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.timezone.utc), '"2026-01-02T03:04:05.000006+00:00"'),  # noqa: UP017
        ([dt.date(2026, 1, 2), dt.time(3, 4)], '["2026-01-02", "03:04:00"]'),
        (uuid.UUID(int=5), '"00000000-0000-0000-0000-000000000005"'),
        ([Colour.RED, Size.BIG], '["red", 3]'),
        ({"c": Colour.BOTH}, '{"c": {"a": 1, "b": [{"a": 2, "b": 3}]}}'),
        (Point(1, Point(2, decimal.Decimal("1.0"))), '{"x": 1, "y": {"x": 2, "y": 1.0}}'),
    ],
)
def test_forms(codec, value, expected):
    assert codec.dumps(value).decode() == expected


def circle():
    value: list[object] = []
    value.append({"a": value})
    return value


def nested(depth=200_000):
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "NaN and Infinity have no JSON form; return None or a string instead"),
        ({"a": [float("-inf")]}, "NaN and Infinity have no JSON form"),
        (decimal.Decimal("sNaN"), "Decimal('sNaN') has no JSON form"),
        ({1, 2}, "Object of type set is not JSON serializable"),
        ([b"x"], "Object of type bytes is not JSON serializable"),
        (Point, "Object of type type is not JSON serializable"),
        (dt.timedelta(1), "Object of type timedelta is not JSON serializable"),
        ((n for n in ()), "Object of type generator is not JSON serializable"),
        ({(1, 2): 3}, "keys must be str, int, float, bool or None, not tuple"),
        (circle(), "Circular reference detected"),
        ([10**5000], "Exceeds the limit"),
    ],
)
def test_refusals(codec, value, reason):
    with pytest.raises(codec.MarshalError, match="Unable to marshal response: ") as caught:
        codec.dumps(value)
    assert reason in str(caught.value)


def test_too_deep_nesting_is_refused(codec):
    with pytest.raises(codec.MarshalError, match="nested too deep"):
        codec.dumps(nested())
    with pytest.raises(codec.UnmarshalError):
        codec.decode(memoryview(b"[" * 200_000))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", {}),
        (b" {} ", {}),
        (b"\r\n\t1\n", 1),
        (b"\xef\xbb\xbf1", 1),
        (b'{"a": [1, -2.5e3, true, false, null, "\\ud83d\\ude00"]}', {"a": [1, -2500.0, True, False, None, "😀"]}),
        (b'"\\ud800"', "\ud800"),
    ],
)
def test_events(codec, data, value):
    assert codec.decode(memoryview(data)) == value


@pytest.mark.parametrize("data", [b" ", b"{", b"nul", b"1 2", b"\xff", b"'a'", b'{"a" 1}', b'"\n"', b"[1,]", b"\x00"])
def test_events_that_are_no_json(codec, data):
    with pytest.raises(codec.UnmarshalError, match="Unable to unmarshal input: "):
        codec.decode(memoryview(data))


def test_the_collector_rests_only_during_a_large_event(codec):
    large = memoryview(b"[" + b"[]," * 50_000 + b"[]]")
    counts = gc.get_stats()[0]["collections"]
    kept = codec.decode(large)
    assert gc.get_stats()[0]["collections"] <= counts + 1
    assert len(kept) == 50_001
    assert gc.isenabled()
    gc.disable()
    try:
        codec.decode(large)
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(codec.UnmarshalError):
        codec.decode(memoryview(b"[" * 70_000 + b"x"))
    assert gc.isenabled()


def test_bytes_pass_through(codec):
    assert codec.encode(b"\xff") == (b"\xff", "application/octet-stream")
    assert codec.encode(memoryview(b"ab")) == (b"ab", "application/octet-stream")
    assert codec.encode("a") == (b'"a"', "application/json")


def test_malformed_json_where_json_is_not_loaded():
    """CPython 3.11's scanner fails with SystemError there; a process of its own shows that the user never sees it."""
    import subprocess

    root = Path(c_codec.__file__).parents[1]
    code = f"import sys; sys.path.insert(0, {str(root)!r})\nfrom runtime import codec\n"
    code += "try: codec.loads(b'{')\nexcept ValueError as error: print(error)"
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert "Expecting property name" in ran.stdout
