"""The Lambda side beside its peers: wall and processor time of an invocation, start-up, memory.

All contenders are alive at once and take turns, so that whatever else the machine does meets all of them; a number is
the median over the rounds, a ratio the median of the rounds' ratios. `python -m bench.lambda_loop [ROUNDS]`.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import _machine as machine

ECHO = "def handler(event, context):\n    return event\n"
JSON_ECHO = "import json\n" + ECHO
SIZES = {"100 B": (100, 2000), "10 KB": (10_000, 300), "1 MB": (1_000_000, 3), "6 MB": (6_000_000, 1)}
"""Bytes of the event, and invocations in one round."""
WALL = {"100 B": 0.38, "10 KB": 0.60, "1 MB": 0.85, "6 MB": 0.85}
CPU = {"100 B": 0.32}
RUST = {"100 B": 1.15}
ORJSON_RUST = {"100 B": 1.0, "10 KB": 0.6, "1 MB": 0.75}
STARTS = 15
OFFICIAL, OURS, OURS_ORJSON, RUST_NAME, FLOOR = "awslambdaric", "isthmus", "isthmus with orjson", "Rust", "C, no JSON"


def event_of(size: int) -> bytes:
    """JSON records of about `size` bytes, spaced as Python writes them."""
    record = {"id": 1234567, "name": "a record", "tags": ["x", "y"], "price": 12.5, "active": True, "note": "text " * 4}
    if size <= 100:
        return json.dumps({"firstName": "Rustacean", "id": 1234567, "tags": ["a", "b"], "ok": True, "n": 1.5}).encode()
    count = size // (len(json.dumps(record)) + 2)
    return json.dumps({"records": [record | {"id": number} for number in range(count)]}).encode()


@dataclass
class Contender:
    """A runtime and the API that it alone talks to."""

    command: list[str]
    environ: dict[str, str]
    cwd: Path
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def begin(self, api: Path, event: Path, core: int) -> None:
        pipe = subprocess.PIPE
        self.api = machine.pinned(core, [api, event], stdin=pipe, stdout=pipe)
        assert self.api.stdout is not None
        environ = self.environment(int(self.api.stdout.readline()))
        self.process = machine.pinned(core, self.command, env=environ, cwd=self.cwd, stdout=subprocess.DEVNULL)

    def environment(self, port: int) -> Mapping[str, str]:
        """What Lambda sets, as far as the contenders ask for it."""
        return machine.environment(
            AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{port}",
            AWS_LAMBDA_FUNCTION_NAME="echo",
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE="512",
            AWS_LAMBDA_FUNCTION_VERSION="1",
            **self.environ,
        )

    def run(self, count: int) -> tuple[float, float]:
        """µs of wall time (median) and of processor time per invocation."""
        assert self.api.stdin is not None
        assert self.api.stdout is not None
        before = machine.cpu_ns(self.process.pid)
        self.api.stdin.write(f"{count}\n")
        self.api.stdin.flush()
        answer = self.api.stdout.readline().split()
        if not answer:
            raise SystemExit(f"{self.command[0]} failed")
        return int(answer[1]) / 1000, (machine.cpu_ns(self.process.pid) - before) / count / 1000

    def end(self) -> None:
        for process in (self.process, self.api):
            process.kill()
            process.wait()
        for stream in (self.api.stdin, self.api.stdout):
            assert stream is not None
            stream.close()


def contenders(folder: Path, source: str) -> dict[str, Contender]:
    peers = machine.python_of_peers()
    ours = machine.function(folder / "ours", source)
    fast = machine.function(folder / "fast", source)
    machine.orjson_folder(fast)
    official = folder / "official"
    official.mkdir(exist_ok=True)
    (official / "app.py").write_text(source)
    named = {"_HANDLER": "app.handler"}
    found = {
        OFFICIAL: Contender([str(peers), "-m", "awslambdaric", "app.handler"], {}, official),
        OURS: Contender(machine.runtime_command(ours), named, ours),
        OURS_ORJSON: Contender(machine.runtime_command(fast), named, fast),
    }
    rust = machine.compiled_rust("peer_lambda", "lambda-echo")
    if rust is not None:
        found[RUST_NAME] = Contender([str(rust)], {}, folder)
    floor = machine.compiled_c("lambda_floor")
    if floor is not None:
        found[FLOOR] = Contender([str(floor)], {}, folder)
    return found


def invocations(api: Path, rounds: int) -> None:
    for label, (size, count) in SIZES.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            event = folder / "event.json"
            event.write_bytes(event_of(size))
            found = contenders(folder, ECHO)
            try:
                for contender in found.values():
                    contender.begin(api, event, machine.cores()[-1])
                for contender in found.values():
                    contender.run(max(2, count // 4))
                names = list(found)
                for turn in range(rounds):
                    for contender_name in names[turn % len(names) :] + names[: turn % len(names)]:
                        wall, cpu = found[contender_name].run(count)
                        found[contender_name].wall.append(wall)
                        found[contender_name].cpu.append(cpu)
                report(label, event.stat().st_size, found)
            finally:
                for contender in found.values():
                    contender.end()


def report(label: str, size: int, found: dict[str, Contender]) -> None:
    rows = []
    official, rust = found[OFFICIAL], found.get(RUST_NAME)
    for name, contender in found.items():
        pid = contender.process.pid
        rows.append(
            [
                name,
                f"{statistics.median(contender.wall):.1f}",
                f"{machine.median_ratio(contender.wall, official.wall):.2f}",
                f"{machine.median_ratio(contender.wall, rust.wall):.2f}" if rust else "-",
                f"{statistics.median(contender.cpu):.1f}",
                f"{machine.median_ratio(contender.cpu, official.cpu):.2f}",
                f"{machine.memory_kb(pid, 'VmRSS') / 1024:.1f}",
                f"{machine.memory_kb(pid, 'VmHWM') / 1024:.1f}",
            ]
        )
    header = ["", "wall µs", "/official", "/Rust", "CPU µs", "/official", "RSS MiB", "peak MiB"]
    machine.table(f"{label} ({size} bytes), echo", header, rows)
    ours, fast = found[OURS], found[OURS_ORJSON]
    goals = [f"wall {machine.verdict(machine.median_ratio(ours.wall, official.wall), WALL[label])}"]
    if label in CPU:
        goals.append(f"CPU {machine.verdict(machine.median_ratio(ours.cpu, official.cpu), CPU[label])}")
        goals.append(f"RSS {machine.verdict(machine.memory_kb(ours.process.pid, 'VmRSS') / 1024, 10.0)} MiB")
    else:
        peaks = [machine.memory_kb(one.process.pid, "VmHWM") for one in (ours, official)]
        goals.append(f"peak RSS {machine.verdict(peaks[0] / peaks[1], 1.0)}")
    if rust and label in RUST:
        goals.append(f"Rust wall {machine.verdict(machine.median_ratio(ours.wall, rust.wall), RUST[label])}")
    if rust and label in ORJSON_RUST:
        ratio = machine.median_ratio(fast.wall, rust.wall)
        goals.append(f"orjson to Rust {machine.verdict(ratio, ORJSON_RUST[label])}")
    print("goals: " + " · ".join(goals))


def start_ms(contender: Contender, core: int) -> float:
    """Milliseconds from exec to the first whole GET next."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        environ = contender.environment(listener.getsockname()[1])
        begun = time.perf_counter()
        process = machine.pinned(
            core,
            contender.command,
            env=environ,
            cwd=contender.cwd,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        connection, _ = listener.accept()
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(4096)
            lasted = time.perf_counter() - begun
        process.kill()
        process.wait()
    return lasted * 1000


def starts() -> None:
    for label, source, goal in (("lean", ECHO, 0.40), ("the handler imports json", JSON_ECHO, 0.60)):
        with tempfile.TemporaryDirectory() as name:
            found = contenders(Path(name), source)
            lasted: dict[str, list[float]] = {contender: [] for contender in found}
            for turn in range(STARTS + 1):
                for contender_name, contender in found.items():
                    milliseconds = start_ms(contender, machine.cores()[-1])
                    if turn:
                        lasted[contender_name].append(milliseconds)
        official = lasted[OFFICIAL]
        rows = [
            [contender, f"{statistics.median(each):.1f}", f"{machine.median_ratio(each, official):.2f}"]
            for contender, each in lasted.items()
        ]
        machine.table(f"Start, exec to first GET next, {label}", ["", "ms", "/official"], rows)
        print(f"goal: {machine.verdict(machine.median_ratio(lasted[OURS], official), goal)}")


def main() -> int:
    api = machine.compiled_c("lambda_api")
    if api is None:
        print("The benchmark's Runtime API is written in C: install a C compiler that is called cc.")
        return 1
    invocations(api, int(sys.argv[1]) if len(sys.argv) > 1 else 7)
    starts()
    return 0


if __name__ == "__main__":
    sys.exit(main())
