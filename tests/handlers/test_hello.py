"""The hello handler called as a function.

Does not prove that a cloud brings it these events; the runtime's tests do.
"""

from __future__ import annotations

import base64
import json

import pytest

from handlers.hello import handler
from runtime import Context
from runtime.context import Function

CONTEXT = Context(Function("aws", {}), "1", 0)


def http(body: str | None, *, base64_encoded: bool = False) -> dict:
    """As a Lambda function URL sends it (Lambda Developer Guide, "Invoking Lambda function URLs")."""
    event = {
        "version": "2.0", "rawPath": "/", "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/"}}, "isBase64Encoded": base64_encoded,
    }  # fmt: skip
    return event if body is None else event | {"body": body}


GREETING = {"message": "Hello, Rustacean!"}
BODY = '{"firstName": "Rustacean"}'


def test_a_raw_event_and_both_forms_of_an_http_body_give_the_same():
    assert handler({"firstName": "Rustacean"}, CONTEXT) == GREETING
    assert handler(http(BODY), CONTEXT) == GREETING
    assert handler(http(base64.b64encode(BODY.encode()).decode(), base64_encoded=True), CONTEXT) == GREETING


WRONG = [{}, [], None, "x", {"firstName": ""}, {"firstName": 5}, {"name": "x"}, {"requestContext": "x"}]


@pytest.mark.parametrize("event", WRONG)
def test_a_wrong_raw_event_is_an_error(event):
    with pytest.raises(ValueError, match="firstName is missing or no text"):
        handler(event, CONTEXT)


@pytest.mark.parametrize("body", [None, "", "{", "firstName=x", "\ud800", *map(json.dumps, WRONG)])
def test_a_wrong_http_body_is_a_400_that_says_what_to_send(body):
    reply = handler(http(body), CONTEXT)
    assert reply["statusCode"] == 400
    assert reply["headers"] == {"content-type": "application/json"}
    assert 'send a JSON object such as {"firstName": "Ada"}' in json.loads(reply["body"])["message"]


def test_a_body_that_is_no_base64_is_a_400():
    assert handler(http("a", base64_encoded=True), CONTEXT)["statusCode"] == 400
