"""The life of one provider process: serve the protocol, print the port, end when the engine says so or is gone."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from localcloud.control.protocol import Package, Provider

_MESSAGE_BYTES = 400 * 1024 * 1024
"""As in the engine and the SDKs."""
_FINISH_SECONDS = 8.0
"""The engine waits ten seconds for a plugin to end."""
_WATCH_SECONDS = 1.0


def serve(package: Package, *, engine: int | None) -> None:
    """Serve until SIGINT, SIGTERM or, where `engine` is its process id, until the engine is no longer our parent.

    The port is the only line on stdout. A running operation is finished; then the process ends silently.
    """
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    provider = Provider(package)
    # One worker: an operation takes milliseconds, and SQLite's connection belongs to one thread.
    worker = ThreadPoolExecutor(max_workers=1)
    server = grpc.server(
        worker,
        options=[("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    orphaned = False
    while not (ending.wait(_WATCH_SECONDS) or orphaned):
        orphaned = engine is not None and os.getppid() != engine
    server.stop(_FINISH_SECONDS).wait()
    if not orphaned:
        worker.submit(provider.confirm_created).result()
    worker.shutdown()
