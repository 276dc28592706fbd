"""What can be read off an edge handler's source.

Does not prove what the handler does: a header may be written by code that reading does not follow.
"""

from __future__ import annotations

import pytest

from components.edge_trigger import EdgeTrigger
from rules.edge_source import DISALLOWED, READ_ONLY, written_headers
from tests.support.mocks import deploy
from tests.support.stacks import ROOT
from tests.support.zips import write_zip


@pytest.mark.parametrize(
    ("source", "headers"),
    [
        ('request["headers"]["Host"] = [{"value": "x"}]', ["host"]),
        ('headers["via"] = []', ["via"]),
        ('self.headers["x-edge-a"] = []', ["x-edge-a"]),
        ('return_ = {"status": "200", "headers": {"Connection": [], "a": []}}', ["a", "connection"]),
        ('headers = {"X-Cache": []}', ["x-cache"]),
        ('host = request["headers"]["host"]', []),
        ('settings["via"] = 1', []),
        ("not python (", []),
        ("\0", []),
    ],
)
def test_written_headers(source, headers):
    assert written_headers(source) == headers


def warned(tmp_path, monkeypatch, header, event):
    monkeypatch.chdir(tmp_path)
    source = f'def handler(event, context):\n    event["headers"]["{header}"] = []\n'.encode()
    write_zip(tmp_path / "edge.zip", {"edge.py": (source, 0o644)})
    args = {
        "zip_path": "edge.zip",
        "handler": "edge.handler",
        "runtime": "python3.13",
        "function_name": "f",
        "function_url": "https://a.lambda-url.eu-west-1.on.aws/",
        "event": event,
    }
    warnings = deploy(lambda: EdgeTrigger("site", args), preview=True).warnings
    return [text.rpartition("[")[2].rstrip("]") for text in warnings]


@pytest.mark.parametrize("header", ["connection", "X-Edge-Anything", "x-amz-cf-id"])
def test_a_header_that_no_edge_function_may_add(tmp_path, monkeypatch, header):
    assert warned(tmp_path, monkeypatch, header, "origin-request") == ["E-HEADERS"]


def test_a_header_that_is_read_only_at_one_event(tmp_path, monkeypatch):
    assert warned(tmp_path, monkeypatch, "host", "viewer-request") == ["E-HEADERS-READ-ONLY"]
    assert warned(tmp_path, monkeypatch, "host", "origin-request") == []


def test_our_own_handler_writes_none_of_them():
    written = set(written_headers((ROOT / "handlers/edge.py").read_text()))
    assert not written & (DISALLOWED | set().union(*READ_ONLY.values()))
