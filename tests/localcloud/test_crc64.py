"""CRC-64: the published check value, in pieces or at once, with the library and without."""

from __future__ import annotations

import os

import pytest

from localcloud.crc64 import crc64, in_python


@pytest.mark.parametrize("function", [crc64, in_python])
def test_the_check_value_of_the_catalogue_of_checksums(function):
    assert function(b"123456789") == 0x995DC9BBDF1939FA
    assert function(b"6789", function(b"12345")) == 0x995DC9BBDF1939FA
    assert function(b"") == 0


def test_both_ways_agree():
    data = os.urandom(10_000)

    assert crc64(data) == in_python(data)
