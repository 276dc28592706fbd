"""The one way that both sides write to a socket: head and body together, in one packet where they fit."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

_JOINED = 16_384
"""Bytes up to which copying a body behind its head costs less than a second buffer."""


def send(sock: socket, head: bytes, body: bytes) -> None:
    """Send both to the end. Raises OSError."""
    if len(body) <= _JOINED:
        sock.sendall(head + body)
        return
    sent = sock.sendmsg((head, body)) - len(head)
    if sent < 0:
        sock.sendall(head[sent:])
        sent = 0
    if sent < len(body):
        sock.sendall(memoryview(body)[sent:])
