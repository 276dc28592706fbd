"""Providers to talk to: served in this process (fast, one state a test) or launched as the engine launches them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2_grpc

from localcloud.control.install import install
from localcloud.control.protocol import Provider
from localcloud.store import Store
from tests.localcloud.control.client import REGIONS, Client


@pytest.fixture
def local_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the local clouds' state; the working directory is another, new one."""
    root = tmp_path / "cloud"
    root.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("ISTHMUS_LOCAL_DIR", str(root))
    monkeypatch.chdir(work)
    return root


@pytest.fixture
def store(local_dir: Path) -> Iterator[Store]:
    store = Store(local_dir)
    yield store
    store.close()


def _served(package: Any, region: str) -> Iterator[Client]:
    worker = ThreadPoolExecutor(max_workers=1)
    server = grpc.server(worker)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(package), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        client = Client(provider_pb2_grpc.ResourceProviderStub(channel))
        client.configure(region)
        yield client
    server.stop(None).wait()
    worker.shutdown()


@pytest.fixture
def aws(local_dir: Path) -> Iterator[Client]:
    from localcloud.control.aws import PACKAGE

    yield from _served(PACKAGE, REGIONS["aws"])


@pytest.fixture
def alibaba(local_dir: Path) -> Iterator[Client]:
    from localcloud.control.alibaba import PACKAGE

    yield from _served(PACKAGE, REGIONS["alicloud"])


@dataclass
class Process:
    """A launched executable and a client of it."""

    process: subprocess.Popen[bytes]
    client: Client


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    install(folder, Path(sys.executable))
    return folder


@pytest.fixture
def launch(bin_dir: Path, local_dir: Path) -> Iterator[Any]:
    """Start an executable as the engine does: `launch("aws")` gives a `Process`."""
    started: list[subprocess.Popen[bytes]] = []
    channels: list[grpc.Channel] = []

    def start(name: str, environment: dict[str, str] | None = None, *, configured: bool = True) -> Process:
        env = {"PATH": os.defpath, "ISTHMUS_LOCAL_DIR": str(local_dir), **(environment or {})}
        command = [str(bin_dir / f"pulumi-resource-{name}"), "127.0.0.1:9"]
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append(process)
        assert process.stdout
        port = int(process.stdout.readline())
        channels.append(grpc.insecure_channel(f"127.0.0.1:{port}"))
        client = Client(provider_pb2_grpc.ResourceProviderStub(channels[-1]))
        if configured:
            client.configure(REGIONS[name])
        return Process(process, client)

    yield start
    for channel in channels:
        channel.close()
    for process in started:
        process.kill()
        process.communicate()
