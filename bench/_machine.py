"""What the benchmarks share: peers, compiled helpers, processes and what they cost, tables."""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import statistics
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".tools/cache/bench"
PEERS = {
    "awslambdaric": "4.2.2",
    "orjson": "3.13.0",
    "granian": "2.8.7",
    "gunicorn": "27.0.1",
    "uvicorn": "0.54.0",
    "uvloop": "0.22.1",
    "httptools": "0.9.0",
}
ISOLATED = ["-I", "-S", "-E", "-B", "-X", "utf8"]


def python_of_peers() -> Path:
    """The interpreter of a virtual environment that holds the peers, made once; on the interpreter that runs this."""
    folder = CACHE / f"peers-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin/python"
    wanted = "\n".join(f"{name}=={version}" for name, version in PEERS.items())
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("installing the peers", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-input", *wanted.split()], check=True)
        stamp.write_text(wanted)
    return python


def orjson_folder(folder: Path) -> Path:
    """A folder for the search path with orjson and nothing else."""
    target = folder / "deps"
    if not target.exists():
        code = "import orjson; print(orjson.__path__[0])"
        found = subprocess.run([python_of_peers(), "-c", code], check=True, capture_output=True, text=True)
        shutil.copytree(found.stdout.strip(), target / "orjson")
    return target


def compiled_c(name: str) -> Path | None:
    """`bench/NAME.c` as a program; None without a C compiler."""
    source, program = ROOT / f"bench/{name}.c", CACHE / name
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "-O2", "-o", program, source], check=True)
    return program


def compiled_rust(folder: str, program: str) -> Path | None:
    """The program of a crate in `bench/`, released; None without cargo or where it cannot be built."""
    if shutil.which("cargo") is None:
        return None
    target = CACHE / "cargo"
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", str(target)]
    built = subprocess.run(command, cwd=ROOT / "bench" / folder, check=False)
    return target / "release" / program if built.returncode == 0 else None


def function(folder: Path, source: str) -> Path:
    """A root as in the zip: the runtime and a module `app`, as bytecode that is never checked against its source."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "runtime", folder / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "app.py").write_text(source)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, legacy=True, invalidation_mode=mode)
    for path in folder.rglob("*.py"):
        path.unlink()
    return folder


def runtime_command(root: Path) -> list[str]:
    """How `bootstrap` starts our runtime."""
    return [os.path.realpath(sys.executable), *ISOLATED, str(root / "runtime/main.pyc")]


def pinned(core: int, command: Sequence[str | Path], **options: object) -> subprocess.Popen[str]:
    """Start a program on one core."""
    before = os.sched_getaffinity(0)
    # Children inherit it; setting it in between fork and exec would cost a copy of this process, and count as start.
    os.sched_setaffinity(0, {core})
    try:
        return subprocess.Popen([str(word) for word in command], text=True, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]
    finally:
        os.sched_setaffinity(0, before)


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def cpu_ns(pid: int) -> int:
    """Processor time of a process with its children, in nanoseconds."""
    tasks = [path for member in family(pid) for path in Path(f"/proc/{member}/task").glob("*/schedstat")]
    return sum(int(path.read_text().split()[0]) for path in tasks)


def memory_kb(pid: int, field: str) -> int:
    """`VmRSS` or `VmHWM` of a process, the sum over its children."""
    total = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                total += int(line.split()[1])
    return total


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios: neighbours on the machine disturb both sides of a round alike."""
    return statistics.median(left / right for left, right in zip(ours, theirs, strict=True))


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, the first one to the left."""
    print(f"\n{title}")
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        print("  ".join(cells).rstrip())


def verdict(value: float, goal: float, *, at_least: bool = False) -> str:
    """A ratio beside its goal."""
    met = value >= goal if at_least else value <= goal
    return f"{value:.2f} ({'≥' if at_least else '≤'} {goal:.2f} {'met' if met else 'MISSED'})"


def environment(**more: str) -> Mapping[str, str]:
    """Nothing of this machine's own settings."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}
