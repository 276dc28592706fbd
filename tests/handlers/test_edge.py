"""The edge handler on the four CloudFront events, held against CloudFront's header rules.

Does not prove that CloudFront or its origin access control accepts the result; only AWS can.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from handlers import edge

SOURCE = Path(edge.__file__)
REQUEST_EVENTS = ["viewer-request", "origin-request"]
RESPONSE_EVENTS = ["origin-response", "viewer-response"]

# CloudFront Developer Guide, "Restrictions on edge functions".
DISALLOWED = {
    "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "trailer",
    "upgrade", "x-accel-buffering", "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect", "x-amzn-auth",
    "x-amzn-cf-billing", "x-amzn-cf-id", "x-amzn-cf-xff", "x-amzn-errortype", "x-amzn-fle-profile",
    "x-amzn-header-count", "x-amzn-header-order", "x-amzn-lambda-integration-tag", "x-amzn-requestid", "x-cache",
    "x-forwarded-proto", "x-real-ip", "cloudfront-viewer-cert-pem", "client-cert", "client-cert-chain",
}  # fmt: skip
READ_ONLY = {
    "viewer-request": {"cdn-loop", "content-length", "host", "transfer-encoding", "via"},
    "origin-request": {"accept-encoding", "cdn-loop", "content-length", "if-modified-since", "if-none-match",
                       "if-range", "if-unmodified-since", "transfer-encoding", "via"},
    "origin-response": {"transfer-encoding", "via"},
    "viewer-response": {"warning", "via", "content-length", "content-encoding", "transfer-encoding"},
}  # fmt: skip


def event(event_type: str, body: dict | None = None, *, method: str = "POST") -> dict:
    request = {
        "clientIp": "203.0.113.178", "method": method, "uri": "/a", "querystring": "size=large",
        "headers": {
            "host": [{"key": "Host", "value": "d111111abcdef8.cloudfront.net"}],
            "via": [{"key": "Via", "value": "2.0 x"}],
            "content-length": [{"key": "Content-Length", "value": "5"}],
            "x-amz-content-sha256": [{"key": "x-amz-content-sha256", "value": "forged"}],
        },
    }  # fmt: skip
    if body is not None:
        request["body"] = {"inputTruncated": False, "action": "read-only", "encoding": "base64", "data": ""} | body
    config = {
        "distributionDomainName": "d.cloudfront.net",
        "distributionId": "E",
        "eventType": event_type,
        "requestId": "r",
    }
    cloudfront = {"config": config, "request": request}
    if event_type.endswith("response"):
        headers = {"content-type": [{"key": "Content-Type", "value": "text/html"}], "via": [{"value": "1.1 y"}]}
        cloudfront["response"] = {"status": "200", "statusDescription": "OK", "headers": headers}
    return {"Records": [{"cf": cloudfront}]}


def changed(before: dict, after: dict) -> set[str]:
    names = set(before) | set(after)
    return {name for name in names if before.get(name) != after.get(name)}


@pytest.mark.parametrize("event_type", REQUEST_EVENTS + RESPONSE_EVENTS)
def test_only_headers_that_cloudfront_allows_are_touched(event_type):
    given = event(event_type, {"data": "aGVsbG8="})
    kind = "request" if event_type in REQUEST_EVENTS else "response"
    before = copy.deepcopy(given["Records"][0]["cf"][kind])
    after = edge.handler(given, None)
    touched = changed(before["headers"], after["headers"])
    assert "x-isthmus-edge" in touched
    assert not touched & (DISALLOWED | READ_ONLY[event_type])
    assert not any(name.startswith(("x-edge-", "x-amz-cf-")) for name in touched)
    assert after["headers"]["x-isthmus-edge"] == [{"key": "X-Isthmus-Edge", "value": event_type}]
    assert {k: v for k, v in after.items() if k != "headers"} == {k: v for k, v in before.items() if k != "headers"}


@pytest.mark.parametrize("event_type", REQUEST_EVENTS)
@pytest.mark.parametrize("payload", [b"", b"hello", "é€".encode(), bytes(range(256))])
def test_the_body_is_signed_for(event_type, payload):
    given = event(event_type, {"data": base64.b64encode(payload).decode()})
    signed = edge.handler(given, None)["headers"]["x-amz-content-sha256"]
    assert [header["value"] for header in signed] == [hashlib.sha256(payload).hexdigest()]


def test_a_body_as_text():
    signed = edge.handler(event("origin-request", {"encoding": "text", "data": "é"}), None)["headers"][
        "x-amz-content-sha256"
    ]
    assert signed[0]["value"] == hashlib.sha256("é".encode()).hexdigest()


def test_without_a_body_in_the_event_nothing_is_signed():
    given = event("viewer-request", method="GET")
    assert edge.handler(given, None)["headers"]["x-amz-content-sha256"][0]["value"] == "forged"


@pytest.mark.parametrize("event_type", REQUEST_EVENTS)
def test_a_body_cut_off_is_refused(event_type):
    reply = edge.handler(event(event_type, {"inputTruncated": True, "data": "aGVs"}), None)
    assert (reply["status"], type(reply["status"])) == ("413", str)
    assert reply["headers"]["cache-control"] == [{"key": "Cache-Control", "value": "no-store"}]
    assert reply["headers"]["x-isthmus-edge"][0]["value"] == event_type
    assert set(reply) <= {"status", "statusDescription", "headers", "body", "bodyEncoding"}
    assert not set(reply["headers"]) & (DISALLOWED | READ_ONLY[event_type])


@pytest.mark.parametrize("wrong", [{}, None, {"Records": []}, {"Records": [{"cf": {}}]}, {"firstName": "x"}])
def test_any_other_event_is_an_error(wrong):
    with pytest.raises(ValueError, match="not a CloudFront event"):
        edge.handler(wrong, None)


def test_it_runs_on_a_managed_python_with_nothing_of_ours(tmp_path):
    package = tmp_path / "handlers"
    package.mkdir()
    for source in (SOURCE, SOURCE.parent / "__init__.py"):
        (package / source.name).write_bytes(source.read_bytes())
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport handlers.edge\nassert 'runtime' not in sys.modules"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
