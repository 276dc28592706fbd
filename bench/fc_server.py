"""The Function Compute side beside its peers: requests per second, latency, processor time, start-up, memory.

A JSON echo of about 100 bytes on POST /invoke. All servers are alive at once and take turns; each is pinned to one
core, the load to another. A number is the median over the rounds, a ratio the median of the rounds' ratios.
`python -m bench.fc_server [ROUNDS]`.
"""

from __future__ import annotations

import http.client
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench import _machine as machine
from bench.lambda_loop import event_of

CONNECTIONS = (1, 10, 100, 200)
SECONDS = 1.0
STARTS = 7
ATTEMPTS = 3
OURS, GRANIAN, UVICORN, GUNICORN, ACTIX = (
    "isthmus",
    "granian WSGI",
    "uvicorn with pool",
    "gunicorn gthread",
    "actix-web",
)

WSGI = """
import json

def app(environ, start_response):
    data = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    body = json.dumps(json.loads(data or b"{}")).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""
ASGI = """
import asyncio, json
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(64)

def handler(event):
    return event

def work(data):
    return json.dumps(handler(json.loads(data or b"{}"))).encode()

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    data = b""
    while True:
        message = await receive()
        data += message.get("body", b"")
        if not message.get("more_body"):
            break
    body = await asyncio.get_running_loop().run_in_executor(pool, work, data)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
HANDLER = "def handler(event, context):\n    return event\n"


@dataclass
class Result:
    requests: int = 0
    rps: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass
class Server:
    command: list[str]
    cwd: Path
    results: dict[int, Result] = field(default_factory=dict)

    def begin(self, core: int) -> float:
        """Start it; milliseconds to the first reply."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [word.replace("PORT", str(self.port)) for word in self.command]
        environ = machine.environment(FC_CUSTOM_LISTEN_PORT=str(self.port), FC_FUNCTION_HANDLER="app.handler")
        begun = time.perf_counter()
        self.process = machine.pinned(
            core, command, env=environ, cwd=self.cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while time.perf_counter() - begun < 20:
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            try:
                connection.request("POST", "/invoke", b"{}", {"Content-Type": "application/json"})
                connection.getresponse().read()
            except OSError:
                time.sleep(0.001)
            else:
                return (time.perf_counter() - begun) * 1000
            finally:
                connection.close()
        raise SystemExit(f"{command[0]} does not answer")

    def load(self, program: Path, request: Path, connections: int, core: int) -> None:
        """One round. A server that refuses, closes or cuts a connection gets another try before the run ends."""
        result = self.results.setdefault(connections, Result())
        command = [program, str(self.port), str(connections), str(SECONDS), request]
        for attempt in range(1, ATTEMPTS + 1):
            before = machine.cpu_ns(self.process.pid)
            run = machine.pinned(core, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            told, complaint = run.communicate()
            if run.returncode == 0:
                break
            print(f"{self.command[-1]}, {connections} connections, try {attempt}: {complaint.strip()}", file=sys.stderr)
            time.sleep(1)
        else:
            raise SystemExit(f"{self.command[-1]} failed under {connections} connections")
        requests, seconds, p50, p99 = map(float, told.split())
        result.requests += int(requests)
        result.rps.append(requests / seconds)
        result.p50.append(p50)
        result.p99.append(p99)
        result.cpu.append((machine.cpu_ns(self.process.pid) - before) / requests / 1000)

    def end(self) -> None:
        for pid in reversed(machine.family(self.process.pid)):
            subprocess.run(["kill", "-9", str(pid)], check=False, stderr=subprocess.DEVNULL)
        self.process.wait()


def invocation(event: bytes) -> bytes:
    """A request whose id the load counts up."""
    head = "POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nx-request-id: 00000000\r\n"
    return f"{head}Content-Length: {len(event)}\r\n\r\n".encode() + event


def servers(folder: Path) -> dict[str, Server]:
    python = str(machine.python_of_peers())
    ours = machine.function(folder / "ours", HANDLER)
    peers = folder / "peers"
    peers.mkdir(exist_ok=True)
    (peers / "wsgi.py").write_text(WSGI)
    (peers / "asgi.py").write_text(ASGI)
    granian = "--interface wsgi --host 127.0.0.1 --port PORT --blocking-threads 64 --workers 1 --no-ws wsgi:app"
    uvicorn = (
        "--host 127.0.0.1 --port PORT --loop uvloop --http httptools --log-level critical --no-access-log asgi:app"
    )
    gunicorn = "-b 127.0.0.1:PORT -k gthread --threads 100 -w 1 --keep-alive 600 --log-level critical wsgi:app"
    found = {
        OURS: Server(machine.runtime_command(ours), ours),
        GRANIAN: Server([python, "-m", "granian", *granian.split()], peers),
        UVICORN: Server([python, "-m", "uvicorn", *uvicorn.split()], peers),
        GUNICORN: Server([python, "-m", "gunicorn", *gunicorn.split()], peers),
    }
    actix = machine.compiled_rust("peer_fc", "actix-echo")
    if actix is not None:
        found[ACTIX] = Server([str(actix)], folder)
    return found


def throughput(found: dict[str, Server], program: Path, request: Path, rounds: int) -> None:
    here, there = machine.cores()[-1], machine.cores()[0]
    for server in found.values():
        server.begin(here)
        server.load(program, request, 10, there)
        server.results.clear()
    names = list(found)
    for connections in CONNECTIONS:
        for turn in range(rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                found[name].load(program, request, connections, there)
        report(connections, found)


def report(connections: int, found: dict[str, Server]) -> None:
    base = found[GRANIAN].results[connections]
    rows = []
    for name, server in found.items():
        result = server.results[connections]
        numbers = (result.rps, result.p50, result.p99, result.cpu)
        rows.append(
            [
                name,
                *(f"{statistics.median(each):.0f}" for each in numbers),
                f"{machine.median_ratio(result.rps, base.rps):.2f}",
                f"{machine.median_ratio(result.cpu, base.cpu):.2f}",
                f"{machine.memory_kb(server.process.pid, 'VmRSS') / 1024:.1f}",
            ]
        )
    header = ["", "requests/s", "p50 µs", "p99 µs", "CPU µs", "/granian", "CPU /granian", "RSS MiB"]
    machine.table(f"{connections} connections", header, rows)
    ours = found[OURS].results[connections]
    goals = [
        f"granian {machine.verdict(machine.median_ratio(ours.rps, base.rps), 1.2, at_least=True)}",
        f"its CPU {machine.verdict(machine.median_ratio(ours.cpu, base.cpu), 0.75)}",
        f"its p99 {machine.verdict(machine.median_ratio(ours.p99, base.p99), 1.0)}",
    ]
    if connections >= 10:
        uvicorn = found[UVICORN].results[connections]
        goals.append(f"uvicorn {machine.verdict(machine.median_ratio(ours.rps, uvicorn.rps), 2.0, at_least=True)}")
    if connections == 1 and ACTIX in found:
        ratio = machine.median_ratio(ours.rps, found[ACTIX].results[1].rps)
        goals.append(f"actix {machine.verdict(ratio, 0.85, at_least=True)}")
    print("goals: " + " · ".join(goals))


def starts(found: dict[str, Server]) -> None:
    lasted: dict[str, list[float]] = {name: [] for name in found}
    for turn in range(STARTS + 1):
        for name, server in found.items():
            milliseconds = server.begin(machine.cores()[-1])
            server.end()
            if turn:
                lasted[name].append(milliseconds)
    base = lasted[UVICORN]
    rows = [
        [name, f"{statistics.median(each):.0f}", f"{machine.median_ratio(each, base):.2f}"]
        for name, each in lasted.items()
    ]
    machine.table("Start, exec to the first reply", ["", "ms", "/uvicorn"], rows)
    print(f"goal: {machine.verdict(machine.median_ratio(lasted[OURS], base), 0.2)}")


def main() -> int:
    program = machine.compiled_c("http_load")
    if program is None:
        print("The load is made by a program in C: install a C compiler that is called cc.")
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request, event = folder / "request", event_of(100)
        request.write_bytes(invocation(event))
        found = servers(folder)
        starts(found)
        try:
            throughput(found, program, request, int(sys.argv[1]) if len(sys.argv) > 1 else 5)
        finally:
            for server in found.values():
                server.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
