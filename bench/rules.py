"""What the rules over every resource cost: previews of one stack with and without them, in pairs.

A pair is one preview with the rules and one without, one right after the other and in an order that changes from pair
to pair, so that whatever else the machine does falls on both alike. What counts is processor time, the program's and
the engine's together, which other work on the machine disturbs least. Prints the median of the pairs' differences,
relative to a preview without rules, with an interval that holds it with a probability of at least 95 % whatever the
noise looks like: it is read off the sorted differences by the binomial distribution (the sign test turned round).

The exit status is 1 where the whole interval is above the limit, and 2 where the limit lies inside it: more rounds, or
a quieter machine, are needed then.
"""

from __future__ import annotations

import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = int(os.environ.get("ROUNDS", "12"))
LIMIT = 0.05
_DOUBT = 0.05
_WATCH = ("from components.stack_rules import watch", "watch(settings.rules_off)")
_LEFT_OUT = (".git", ".tools", ".local", ".hypothesis", "__pycache__", ".pytest_cache", ".ruff_cache")


@dataclass(frozen=True)
class Cost:
    """Seconds that one preview took."""

    wall: float
    processor: float


def workspace(base: Path, name: str) -> Path:
    root = base / name
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
    (root / ".tools").symlink_to(ROOT / ".tools")
    return root


def preview(root: Path) -> Cost:
    before, start = _processor_seconds(), time.perf_counter()
    subprocess.run(["make", "--no-print-directory", "preview"], cwd=root, check=True, capture_output=True)
    return Cost(time.perf_counter() - start, _processor_seconds() - before)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Bounds of the median at 95 %; the smallest and largest value where there are too few for that."""
    count = len(values)
    ordered = sorted(values)
    beyond = 0.0
    rank = 0
    while rank < count // 2:
        beyond += 2 * math.comb(count, rank) / 2**count
        if beyond > _DOUBT:
            break
        rank += 1
    outermost = max(rank - 1, 0)
    return ordered[outermost], ordered[count - 1 - outermost]


def measure() -> list[tuple[Cost, Cost]]:
    """Pairs of a preview with the rules and one without them."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        watched, bare = workspace(base, "with"), workspace(base, "without")
        lines = (bare / "__main__.py").read_text().splitlines()
        kept = [line for line in lines if line.strip() not in _WATCH]
        assert len(lines) - len(kept) == len(_WATCH)
        (bare / "__main__.py").write_text("\n".join(kept))
        for root in (watched, bare):  # the zip and the stand-ins are made once
            preview(root)
        pairs = []
        for number in range(ROUNDS):
            order = (watched, bare) if number % 2 else (bare, watched)
            costs = {root: preview(root) for root in order}
            pairs.append((costs[watched], costs[bare]))
        return pairs


def main() -> int:
    pairs = measure()
    for name, runs in zip(("with rules", "without rules"), zip(*pairs, strict=True), strict=True):
        wall, processor = (statistics.median(getattr(run, kind) for run in runs) for kind in ("wall", "processor"))
        print(f"{name:14} {wall:6.2f} s median, {processor:6.2f} s of processor time")
    bare = statistics.median(without.processor for _, without in pairs)
    added = [(watched.processor - without.processor) / bare for watched, without in pairs]
    low, high = interval(added)
    print(
        f"the rules add {statistics.median(added):+.1%} ({low:+.1%} to {high:+.1%}) to a preview's processor time, "
        f"by {len(pairs)} pairs; {LIMIT:.0%} is allowed"
    )
    if high <= LIMIT:
        return 0
    return 1 if low > LIMIT else 2


if __name__ == "__main__":
    sys.exit(main())
