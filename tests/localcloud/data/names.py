"""Names below .localhost for clients that ask the C library."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest


@contextmanager
def resolved_here():
    """Names below .localhost lead to this machine, as RFC 6761 has it and not every C library does."""
    real = socket.getaddrinfo

    def resolve(host, *arguments, **options):
        return real("127.0.0.1" if str(host).endswith(".localhost") else host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        yield
