"""What the rules over every resource cost: previews of one stack with and without them, taken in turns.

Prints for each the fastest and the median wall time and the least processor time of a whole `make preview`, and what
the rules add. In turns, so that whatever else the machine does falls on both alike. The verdict is on processor time,
which other work on the machine disturbs least.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = int(os.environ.get("ROUNDS", "10"))
LIMIT = 0.05
_WATCH = ("from components.stack_rules import watch", "watch(settings.rules_off)")
_LEFT_OUT = (".git", ".tools", ".local", ".hypothesis", "__pycache__", ".pytest_cache", ".ruff_cache")


@dataclass
class Runs:
    """Seconds of each preview of one variant."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def told(self) -> str:
        wall, middle, processor = min(self.wall), statistics.median(self.wall), min(self.processor)
        return f"{wall:6.2f} s fastest, {middle:6.2f} s median, {processor:6.2f} s of processor time"


def workspace(base: Path, name: str) -> Path:
    root = base / name
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
    (root / ".tools").symlink_to(ROOT / ".tools")
    return root


def preview(root: Path, runs: Runs) -> None:
    before, start = _processor_seconds(), time.perf_counter()
    subprocess.run(["make", "--no-print-directory", "preview"], cwd=root, check=True, capture_output=True)
    runs.wall.append(time.perf_counter() - start)
    runs.processor.append(_processor_seconds() - before)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    with_rules, without = Runs(), Runs()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        watched, bare = workspace(base, "with"), workspace(base, "without")
        lines = (bare / "__main__.py").read_text().splitlines()
        kept = [line for line in lines if line.strip() not in _WATCH]
        assert len(lines) - len(kept) == len(_WATCH)
        (bare / "__main__.py").write_text("\n".join(kept))
        for root in (watched, bare):  # the zip and the stand-ins are made once
            preview(root, Runs())
        for number in range(ROUNDS):
            order = [(watched, with_rules), (bare, without)]
            for root, runs in order if number % 2 else reversed(order):
                preview(root, runs)
    print(f"with rules     {with_rules.told()}")
    print(f"without rules  {without.told()}")
    added = min(with_rules.processor) / min(without.processor) - 1
    print(f"the rules add {added:+.1%} to a preview's processor time; {LIMIT:.0%} is allowed")
    return int(added > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
