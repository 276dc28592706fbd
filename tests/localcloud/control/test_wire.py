"""Decoding and encoding property values. Does not prove that an engine sends them so: `test_engine.py` does."""

from __future__ import annotations

import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from localcloud.control.wire import UNKNOWN, Archive, Asset, decode, encode, from_json, path_text, to_json

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def message(value: dict[str, object]) -> struct_pb2.Struct:
    return json_format.ParseDict(value, struct_pb2.Struct())


def test_numbers_unknowns_and_nulls() -> None:
    decoded = decode(message({"whole": 3, "part": 0.5, "later": UNKNOWN_TEXT, "none": None, "list": [None, 1]}))
    assert decoded.values == {"whole": 3, "part": 0.5, "later": UNKNOWN, "list": [None, 1]}
    assert isinstance(decoded.values["whole"], int)


def test_a_secret_is_decoded_plain_and_encoded_secret_again() -> None:
    wire = {"env": {"KEY": {SIGNATURE: SECRET, "value": "hidden"}, "OPEN": "shown"}}
    decoded = decode(message(wire))
    assert decoded.values == {"env": {"KEY": "hidden", "OPEN": "shown"}}
    assert decoded.secrets == {("env", "KEY")}
    assert json_format.MessageToDict(encode(decoded.values, decoded.secrets)) == wire


def test_a_secret_unknown_stays_both() -> None:
    wire = {"key": {SIGNATURE: SECRET, "value": UNKNOWN_TEXT}}
    decoded = decode(message(wire))
    assert decoded.values == {"key": UNKNOWN}
    assert json_format.MessageToDict(encode(decoded.values, decoded.secrets)) == wire


def test_output_values_become_their_value() -> None:
    output = {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
    decoded = decode(message({"a": {**output, "value": 1, "secret": True, "dependencies": ["urn"]}, "b": output}))
    assert decoded.values == {"a": 1, "b": UNKNOWN}
    assert decoded.secrets == {("a",)}


def test_a_resource_reference_becomes_the_id_and_a_component_the_urn() -> None:
    reference = {SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e", "urn": "urn:x"}
    assert decode(message({"a": {**reference, "id": "i-1"}, "b": reference})).values == {"a": "i-1", "b": "urn:x"}


def test_assets_and_archives_keep_their_form() -> None:
    wire = {
        "source": {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "hash": "ab", "text": "hello"},
        "code": {SIGNATURE: "0def7320c3a5731c473e5ecbe6d01bc7", "hash": "cd", "path": "f.zip"},
    }
    decoded = decode(message(wire))
    assert decoded.values == {"source": Asset("ab", text="hello"), "code": Archive("cd", path="f.zip")}
    assert json_format.MessageToDict(encode(decoded.values)) == wire


def test_a_diff_sends_only_the_hash() -> None:
    wire = {"code": {SIGNATURE: "0def7320c3a5731c473e5ecbe6d01bc7", "hash": "cd"}}
    assert decode(message(wire)).values == {"code": Archive("cd")}


def test_an_unknown_signature_is_refused() -> None:
    with pytest.raises(ValueError, match="does not know"):
        decode(message({"a": {SIGNATURE: "made-up"}}))


values = st.recursive(
    st.text(max_size=5)
    | st.integers(-(2**50), 2**50)
    | st.booleans()
    | st.just(UNKNOWN)
    | st.builds(Archive, st.text()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), values, max_size=4))
def test_any_value_comes_back(value: dict[str, object]) -> None:
    assert decode(encode(value)).values == value
    assert from_json(to_json(value)) == value


def test_paths_are_written_as_pulumi_writes_them() -> None:
    assert path_text(("origins", 0, "domainName")) == "origins[0].domainName"
    assert path_text(("environment", "variables", "A.B")) == 'environment.variables["A.B"]'
