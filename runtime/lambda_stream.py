"""A streamed result on AWS Lambda (Lambda Developer Guide, "Response streaming for Lambda functions").

Over HTTP the caller sees the pieces as they come when the function URL's invoke mode is RESPONSE_STREAM; every other
way to invoke buffers them.
"""

from __future__ import annotations

from runtime.codec import OCTETS, dumps
from runtime.streams import Pieces
from runtime.web import status_and_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from runtime.lambda_api import RuntimeApi

_HTTP = "application/vnd.awslambda.http-integration-response"
_END_OF_PRELUDE = bytes(8)


class StreamedResult:
    """A result that has yielded its first piece, so that an error before it is an ordinary failure."""

    def __init__(self, result: Any) -> None:
        """Raises what `result` raises before its first piece; ReplyError where it is no HTTP response."""
        http = isinstance(result, dict)
        self._media_type = _HTTP if http else OCTETS
        self._prelude = _prelude(result) if http else b""
        self._pieces = Pieces(result["body"] if http else result, shared_loop=False)
        try:
            self._pieces.peek()
        except BaseException:
            self._pieces.close()
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


def _prelude(result: dict[str, Any]) -> bytes:
    status, headers, cookies = status_and_fields(result)
    prelude: dict[str, Any] = {"statusCode": status, "headers": headers}
    if cookies:
        prelude["cookies"] = cookies
    return dumps(prelude) + _END_OF_PRELUDE
