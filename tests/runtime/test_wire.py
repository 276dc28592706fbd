"""Partial sends, which a blocking socket makes only when a signal or a time limit interrupts it.

Does not prove that the kernel ever cuts a send at these places.
"""

from __future__ import annotations

import pytest

from runtime import wire


class Stub:
    """A socket whose `sendmsg` takes only the first bytes."""

    def __init__(self, taken: int) -> None:
        self._taken = taken
        self.sent = b""

    def sendmsg(self, buffers: tuple[bytes, bytes]) -> int:
        self.sent += b"".join(buffers)[: self._taken]
        return min(self._taken, sum(map(len, buffers)))

    def sendall(self, data: bytes) -> None:
        self.sent += bytes(data)


@pytest.mark.parametrize("size", [0, 100, 16_384, 16_385, 50_000])
@pytest.mark.parametrize("taken", [0, 1, 3, 4, 5, 20_000, 1_000_000])
def test_head_and_body_arrive_whole_and_once(size, taken):
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    stub = Stub(taken)
    wire.send(stub, b"HEAD", body)
    assert stub.sent == b"HEAD" + body
