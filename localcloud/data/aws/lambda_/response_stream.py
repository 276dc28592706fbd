"""A streamed response between the runtime that makes it and the caller that reads it.

Source: Lambda Developer Guide, "Response streaming for Lambda functions": the runtime is held back by a slow reader,
and goes on to the end of its invocation when the reader leaves.
"""

from __future__ import annotations

import asyncio

_AHEAD = 64
"""Pieces that the runtime may be ahead of its reader, each at most what one read from its socket gives."""


class StreamBroken(Exception):  # noqa: N818
    """A streamed response ended with an error after its first byte."""


class ResponseStream:
    """An async iterator of pieces; raises StreamBroken where the runtime broke off."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | StreamBroken | None] = asyncio.Queue(_AHEAD)
        self._first = b""
        self._over = False

    async def put(self, piece: bytes | StreamBroken | None) -> None:
        """Pass on a piece, the end (None) or a failure; waits while the reader is behind."""
        if not self._over:
            await self._queue.put(piece)

    def give_up(self) -> None:
        """End it as broken, whatever the reader has not yet taken."""
        self._empty()
        self._queue.put_nowait(StreamBroken("Runtime.TruncatedResponse"))

    def take_back(self, piece: bytes) -> None:
        """Have `piece`, which was read too far, come first again."""
        self._first = piece

    def __aiter__(self) -> ResponseStream:
        return self

    async def __anext__(self) -> bytes:
        if self._first:
            piece, self._first = self._first, b""
            return piece
        if self._over:
            raise StopAsyncIteration
        piece = await self._queue.get()
        if isinstance(piece, bytes):
            return piece
        self._over = True
        if piece is None:
            raise StopAsyncIteration
        raise piece

    async def aclose(self) -> None:
        """The reader leaves: what still comes is thrown away, and nobody waits for it."""
        self._over = True
        self._first = b""
        self._empty()

    def _empty(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()
