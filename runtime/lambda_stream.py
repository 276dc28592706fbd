"""Results in pieces, and what a function URL makes of results, on AWS Lambda.

A function URL in the mode BUFFERED reads a result as one JSON document; in the mode RESPONSE_STREAM it passes on what
it gets, and learns status and header fields only from a prelude (Lambda Developer Guide, "Response streaming for
Lambda functions" and "Invoking Lambda function URLs").
"""

from __future__ import annotations

from runtime.codec import OCTETS, dumps, encode
from runtime.handler import URL_STREAMS, is_streamed
from runtime.lambda_api import MAX_RESULT
from runtime.streams import Pieces
from runtime.web import body_of, status_and_fields, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from runtime.lambda_api import RuntimeApi

_HTTP = "application/vnd.awslambda.http-integration-response"
_END_OF_PRELUDE = bytes(8)


def for_caller(result: Any, *, over_http: bool) -> tuple[StreamedResult | None, Any]:
    """A stream, or None and the result that is to be posted in one piece.

    Over HTTP, and for every reply with `statusCode`, the function URL's mode decides. Other results that are
    iterators are streamed: who invokes directly reads them in pieces or whole, as the call asks. Raises what the
    result raises before its first piece, MarshalError, and ReplyError where it is no HTTP response.
    """
    if not over_http and not isinstance(result, dict):
        return StreamedResult(Pieces(result, shared_loop=False)), None
    if not (isinstance(result, dict) and "statusCode" in result):
        result = _reply(result)
    if URL_STREAMS:
        return _streamed_reply(result), None
    return None, _gathered(result) if is_streamed(result) else result


class StreamedResult:
    """A result that has yielded its first piece, so that an error before it is an ordinary failure."""

    def __init__(self, pieces: Pieces, prelude: bytes = b"") -> None:
        """Raises what `pieces` raise before the first one."""
        self._media_type = _HTTP if prelude else OCTETS
        self._prelude = prelude
        self._pieces = pieces
        try:
            pieces.peek()
        except BaseException:
            pieces.close()
            raise

    def post(self, api: RuntimeApi, invocation: dict[str, str]) -> None:
        """Send it as it comes. Raises ApiLostError."""
        try:
            api.stream(invocation, self._all(), self._media_type)
        finally:
            self._pieces.close()

    def _all(self) -> Iterator[bytes]:
        if self._prelude:
            yield self._prelude + next(self._pieces, b"")
        yield from self._pieces


def _reply(value: Any) -> dict[str, Any]:
    """The reply that a result without `statusCode` stands for: a 200, as on Function Compute."""
    if is_streamed(value):
        return {"statusCode": 200, "headers": {"content-type": OCTETS}, "body": value}
    data, media_type = encode(value)
    body, is_base64 = text_of(data)
    return {"statusCode": 200, "headers": {"content-type": media_type}, "body": body, "isBase64Encoded": is_base64}


def _streamed_reply(reply: dict[str, Any]) -> StreamedResult:
    prelude = _prelude(reply)
    source = reply["body"] if is_streamed(reply) else iter([body_of(reply)])
    return StreamedResult(Pieces(source, shared_loop=False), prelude)


def _gathered(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply with its body in one piece; no more is fetched than the Runtime API takes."""
    status_and_fields(reply)
    pieces = Pieces(reply["body"], shared_loop=False)
    body = bytearray()
    try:
        for piece in pieces:
            body += piece
            if len(body) > MAX_RESULT:
                break
    finally:
        pieces.close()
    text, is_base64 = text_of(bytes(body))
    return {**reply, "body": text, "isBase64Encoded": is_base64}


def _prelude(reply: dict[str, Any]) -> bytes:
    status, headers, cookies = status_and_fields(reply)
    if not any(name.lower() == "content-type" for name in headers):
        headers = {**headers, "content-type": "application/json"}
    prelude: dict[str, Any] = {"statusCode": status, "headers": headers}
    if cookies:
        prelude["cookies"] = cookies
    return dumps(prelude) + _END_OF_PRELUDE
