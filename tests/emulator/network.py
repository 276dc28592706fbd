"""A name server and a TLS server on this machine, for a room that shares its network."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "service.isthmus.test"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for NAME that is its own authority, and its key."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    request += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(request, check=True, capture_output=True)
    return certificate, key


@contextmanager
def tls_server(certificate: Path, key: Path) -> Iterator[int]:
    """Says `hello` to each client; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def answer(client: socket.socket) -> None:
        with client, context.wrap_socket(client, server_side=True) as secured:
            secured.sendall(b"hello")

    with _serving(socket.SOCK_STREAM, 0, lambda server: answer(server.accept()[0])) as port:
        yield port


@contextmanager
def name_server() -> Iterator[None]:
    """Answers on port 53, which needs root: NAME is 127.0.0.1, and there is no other name."""

    def answer(server: socket.socket) -> None:
        query, client = server.recvfrom(512)
        server.sendto(_reply(query), client)

    with _serving(socket.SOCK_DGRAM, 53, answer):
        yield


@contextmanager
def _serving(kind: int, port: int, answer) -> Iterator[int]:
    server = socket.socket(socket.AF_INET, kind)
    server.bind(("127.0.0.1", port))
    server.settimeout(0.2)
    if kind == socket.SOCK_STREAM:
        server.listen()
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                answer(server)
            except (TimeoutError, ssl.SSLError, ConnectionError):
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        ended.set()
        thread.join()
        server.close()


def _reply(query: bytes) -> bytes:
    """One A record for NAME, none for other types, and NXDOMAIN for other names (RFC 1035)."""
    name = b"".join(bytes([len(label)]) + label.encode() for label in NAME.split(".")) + b"\0"
    known = query[12 : 12 + len(name)].lower() == name
    question = query[12 : query.index(b"\0", 12) + 5]
    asks_for_address = known and question[-4:-2] == b"\0\1"
    record = b"\xc0\x0c" + struct.pack(">HHIH4B", 1, 1, 1, 4, 127, 0, 0, 1) if asks_for_address else b""
    flags = 0x8180 if known else 0x8183
    return query[:2] + struct.pack(">5H", flags, 1, int(asks_for_address), 0, 0) + question + record
