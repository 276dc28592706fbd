"""Results that come piece by piece. Imported with the first of them: most functions never stream.

A handler streams when it returns an iterator (such as a generator) or an async iterator of bytes or str, alone or as
the `body` of a reply with `statusCode`. Str goes out in UTF-8. Nothing is fetched before the piece before it has been
sent, and a source is closed as soon as nobody listens any more.
"""

from __future__ import annotations

from runtime import logs
from runtime.codec import MarshalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

LAST_CHUNK = b"0\r\n\r\n"


class Pieces:
    """The non-empty pieces of a streamed result as bytes. Iterating raises what the source raises."""

    __slots__ = ("_first", "_source")

    def __init__(self, source: Any, *, shared_loop: bool) -> None:
        if not hasattr(source, "__next__"):
            from runtime import aio

            source = aio.items(source, shared_loop=shared_loop)
        self._source: Iterator[Any] = source
        self._first: bytes | None = None

    def peek(self) -> None:
        """Fetch the first piece, so that a source that fails at once fails before anything is sent."""
        self._first = next(self, b"")

    def __iter__(self) -> Pieces:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            piece, self._first = self._first, None
            if piece:
                return piece
        while True:
            piece = _bytes(next(self._source))
            if piece:
                return piece

    def close(self) -> None:
        """End the source, wherever it stands; what it raises then is logged, since nobody waits for it."""
        close = getattr(self._source, "close", None)
        if close is None:
            return
        try:
            close()
        except BaseException as error:  # noqa: BLE001
            logs.error(f"a stream that was closed raised {type(error).__name__}: {error}")


def chunk(piece: bytes) -> bytes:
    """One chunk of a chunked body. `piece` is not empty: an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _bytes(piece: Any) -> bytes:
    if isinstance(piece, str):
        return piece.encode("utf-8", "replace")
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    raise MarshalError(f"Unable to marshal response: a stream yields bytes or str, not {type(piece).__name__}")
