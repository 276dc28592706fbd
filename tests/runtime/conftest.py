"""A Runtime API that a test plays by hand, and an FC gateway: real processes, real sockets, started from source."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.sources import APP

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20
RAW = b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n7"
"""A whole invocation as Function Compute sends it; its event is 7."""


class Process:
    """`runtime/main.py` as `bootstrap` starts it, over a root that holds the runtime and the test's own modules."""

    def __init__(
        self,
        root: Path,
        modules: dict[str, str],
        environ: dict[str, str],
        wrapper: list[str],
        descriptors: tuple[int, ...] = (),
    ) -> None:
        root.mkdir()
        (root / "runtime").symlink_to(ROOT / "runtime")
        (root / "handlers").symlink_to(ROOT / "handlers")
        for name, source in modules.items():
            (root / name).write_text(source)
        self.root = root
        self._log = root / "log"
        interpreter = [os.path.realpath(sys.executable), "-I", "-S", "-E", "-B", "-X", "utf8"]
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(
                [*wrapper, *interpreter, str(root / "runtime/main.py")],
                env=environ,
                cwd=root,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
            )

    def log(self) -> str:
        return self._log.read_bytes().decode()

    def exit_status(self) -> int:
        return self.popen.wait(SECONDS)

    def end(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reader:
    """Reads what a client sends, without any code under test."""

    sock: socket.socket
    data: bytes = b""

    def more(self) -> None:
        got = self.sock.recv(1 << 20)
        if not got:
            raise EOFError(self.data)
        self.data += got

    def line(self) -> str:
        while b"\r\n" not in self.data:
            self.more()
        line, _, self.data = self.data.partition(b"\r\n")
        return line.decode("latin-1")

    def take(self, count: int) -> bytes:
        parts, size = [self.data], len(self.data)
        while size < count:
            got = self.sock.recv(1 << 20)
            if not got:
                raise EOFError(size)
            parts.append(got)
            size += len(got)
        data = b"".join(parts)
        self.data = data[count:]
        return data[:count]

    def head(self) -> tuple[str, dict[str, str]]:
        start, fields = self.line(), {}
        while line := self.line():
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            assert name not in fields or name == "set-cookie", f"{name} twice"
            fields[name] = f"{fields[name]}; {value}" if name in fields else value
        return start, fields


@dataclass
class LambdaSide:
    """The Runtime API, each step a call of the test's."""

    listener: socket.socket
    process: Process
    reader: Reader | None = None
    number: int = 0
    extra: dict[str, str] = field(default_factory=dict)

    def receive(self) -> Received:
        if self.reader is None:
            sock, _ = self.listener.accept()
            sock.settimeout(SECONDS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.reader = Reader(sock)
        start, headers = self.reader.head()
        method, path, version = start.split(" ")
        assert version == "HTTP/1.1"
        assert "host" in headers
        return Received(method, path, headers, self.reader.take(int(headers.get("content-length", "0"))))

    def send(self, data: bytes) -> None:
        assert self.reader is not None
        self.reader.sock.sendall(data)

    def drop(self) -> None:
        """Close the connection; the next `receive` waits for a new one."""
        assert self.reader is not None
        self.reader.sock.close()
        self.reader = None

    def await_next(self) -> None:
        request = self.receive()
        assert (request.method, request.path) == ("GET", "/2018-06-01/runtime/invocation/next")

    def send_event(self, payload: bytes, *, chunks: list[bytes] | None = None, **headers: str) -> str:
        self.number += 1
        request_id = f"8476a536-e9f4-11e8-9739-{self.number:012d}"
        fields = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 30_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:ap-northeast-1:123456789012:function:hello",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        if chunks is None:
            fields["Content-Length"] = str(len(payload))
        else:
            fields["Transfer-Encoding"] = "chunked"
            payload = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
        self.send(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode("latin-1") + payload)
        return request_id

    def answer(self, status: int = 202, body: bytes = b'{"status":"OK"}\n', extra: str = "") -> None:
        self.send(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body)

    def invoke(self, event: Any, *, status: int = 202, chunks: list[bytes] | None = None, **headers: str) -> Received:
        """One whole invocation; what the runtime posted."""
        self.await_next()
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        request_id = self.send_event(payload, chunks=chunks, **headers)
        posted = self.receive()
        assert posted.method == "POST"
        assert posted.path.startswith(f"/2018-06-01/runtime/invocation/{request_id}/")
        self.answer(status)
        return posted

    def result(self, event: Any, **headers: str) -> Any:
        """The JSON result of an invocation that must succeed."""
        posted = self.invoke(event, **headers)
        assert posted.path.endswith("/response"), posted.body
        return posted.json()

    def failure(self, event: Any) -> Received:
        posted = self.invoke(event)
        assert posted.path.endswith("/error"), posted.body
        return posted


@dataclass
class FcSide:
    """FC's gateway before one instance."""

    port: int
    process: Process
    reader = Reader

    def connect(self) -> socket.socket:
        end = time.monotonic() + SECONDS
        while True:
            try:
                sock = socket.create_connection(("127.0.0.1", self.port), SECONDS)
            except ConnectionRefusedError:
                if time.monotonic() > end or self.process.popen.poll() is not None:
                    raise
                time.sleep(0.002)
            else:
                return sock

    def exchange(self, data: bytes) -> bytes:
        """Everything that comes back on a connection of its own until the server closes it."""
        with self.connect() as sock:
            sock.sendall(data)
            parts = []
            while got := sock.recv(65536):
                parts.append(got)
            return b"".join(parts)

    def call(self, method: str, target: str, body: bytes = b"", **headers: str) -> Received:
        """One request on a connection of its own; `path` of what is returned holds the status."""
        with self.connect() as sock:
            return self.call_on(Reader(sock), method, target, body, **headers)

    def call_on(self, reader: Reader, method: str, target: str, body: bytes = b"", **headers: str) -> Received:
        fields = {"Host": "127.0.0.1", "Content-Length": str(len(body))}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        reader.sock.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        return self.read_reply(reader, head_only=method == "HEAD")

    @staticmethod
    def read_reply(reader: Reader, *, head_only: bool = False) -> Received:
        start, answered = reader.head()
        length = 0 if head_only else int(answered.get("content-length", "0"))
        return Received(start.split(" ")[0], start.split(" ")[1], answered, reader.take(length))

    def invoke(self, event: Any, **headers: str) -> Received:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        fields = {"X_Fc_Request_Id": "1-fc", "X_Fc_Control_Path": "/invoke", "Content_Type": "application/octet-stream"}
        return self.call("POST", "/invoke", body, **(fields | headers))

    def http(self, method: str, target: str, body: bytes = b"", **headers: str) -> Received:
        return self.call(method, target, body, X_Fc_Request_Id="1-fc", X_Fc_Control_Path="/http-invoke", **headers)


@pytest.fixture(scope="module")
def start_lambda(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """`start_lambda(source, handler="app.handler", **environment)` → LambdaSide, before the runtime's first call.

    `descriptors`: open files that the process inherits under their numbers.
    """
    ends: list[Any] = []

    def start(
        source: str, handler: str | None = "app.handler", descriptors: tuple[int, ...] = (), **environ: str
    ) -> LambdaSide:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(SECONDS)
        environ = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{listener.getsockname()[1]}"} | environ
        if handler is not None:
            environ["_HANDLER"] = handler
        root = tmp_path_factory.mktemp("lambda") / "root"
        process = Process(root, {"app.py": source}, environ, [], descriptors)
        side = LambdaSide(listener, process)
        ends.append(side)
        return side

    yield start
    for side in ends:
        side.process.end()
        side.listener.close()
        if side.reader is not None:
            side.reader.sock.close()


@pytest.fixture(scope="module")
def start_fc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """`start_fc(source, handler="app.handler", **environment)` → FcSide."""
    ends: list[FcSide] = []

    def start(source: str, handler: str = "app.handler", wrapper: tuple[str, ...] = (), **environ: str) -> FcSide:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        environ = {"FC_CUSTOM_LISTEN_PORT": str(port), "FC_FUNCTION_HANDLER": handler} | environ
        side = FcSide(port, Process(tmp_path_factory.mktemp("fc") / "root", {"app.py": source}, environ, list(wrapper)))
        ends.append(side)
        return side

    yield start
    for side in ends:
        side.process.popen.send_signal(signal.SIGKILL)
        side.process.end()


@pytest.fixture
def start_as_pid_1(start_fc: Any) -> Any:
    """`start_fc`, and the process is PID 1 of a namespace of its own."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-pf", "--mount-proc", "true"], check=False).returncode:
        pytest.skip("this machine allows no PID namespace")
    wrapper = ("unshare", "-pf", "--kill-child", "--mount-proc")
    return partial(start_fc, wrapper=wrapper, PATH=os.environ["PATH"])


@pytest.fixture(scope="module")
def shared_fc(start_fc: Any) -> FcSide:
    return start_fc(APP)


@pytest.fixture
def fc(shared_fc: FcSide) -> Iterator[FcSide]:
    """One process for all abuse: whatever happened, it serves the next request."""
    yield shared_fc
    assert shared_fc.invoke({"still": "here"}).json() == {"still": "here"}
