"""Many invocations and many requests through one process each: nothing lost, memory flat.

`python -m bench.soak [COUNT]`: 1,000,000 of each; prints the resident memory at every tenth of the way.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench import _machine as machine
from bench.fc_server import HANDLER, Server, invocation
from bench.lambda_loop import ECHO, Contender, event_of

COUNT = 1_000_000
STEPS = 10
GROWTH_KB = 512
"""Growth from the second tenth on that still counts as flat."""


def invocations(api: Path, folder: Path, count: int) -> list[int]:
    root = machine.function(folder / "lambda", ECHO)
    event = folder / "event"
    event.write_bytes(event_of(100))
    contender = Contender(machine.runtime_command(root), {"_HANDLER": "app.handler"}, root)
    contender.begin(api, event, machine.cores()[-1])
    memory = []
    try:
        for _ in range(STEPS):
            contender.run(count // STEPS)  # the API ends at the first event without its own result
            memory.append(machine.memory_kb(contender.process.pid, "VmRSS"))
    finally:
        contender.end()
    return memory


def requests(program: Path, folder: Path, count: int) -> list[int]:
    root = machine.function(folder / "fc", HANDLER)
    request, event = folder / "request", event_of(100)
    request.write_bytes(invocation(event))
    server = Server(machine.runtime_command(root), root)
    server.begin(machine.cores()[-1])
    memory: list[int] = []
    try:
        while len(memory) < STEPS:
            server.load(program, request, 20, machine.cores()[0])  # ends at the first reply that is none
            if server.results[20].requests * STEPS // count > len(memory):
                memory.append(machine.memory_kb(server.process.pid, "VmRSS"))
    finally:
        server.end()
    return memory


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    api, load = machine.compiled_c("lambda_api"), machine.compiled_c("http_load")
    if api is None or load is None:
        print("The soak is driven by programs in C: install a C compiler that is called cc.")
        return 1
    flat = True
    with tempfile.TemporaryDirectory() as name:
        for label, run, program in (("invocations", invocations, api), ("requests", requests, load)):
            memory = run(program, Path(name), count)
            growth = memory[-1] - memory[min(1, len(memory) - 1)]
            flat = flat and growth <= GROWTH_KB
            print(f"{count} {label}: none lost; resident KiB {memory}; growth {growth} (≤ {GROWTH_KB})")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
