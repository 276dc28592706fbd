"""`python -m bench.asset`: how long the zip takes to build, what takes the room in it, and how fast its Python starts.

Builds in a folder of its own; the picture of the parts goes into docs/. Starts of the bundled and of the building
machine's interpreter alternate, so that load on the machine hits both. Figures are the median and the least; with
root, also with a cold page cache, out of which the machine's own C library never goes, since every program has it.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sysconfig
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from asset import build_edge, build_function
from asset.sources.host import running_program
from bench import treemap

ROOT = Path(__file__).resolve().parents[1]
HANDLERS = ("handlers.hello.handler", "handlers.edge.handler")
STARTS, COLD_STARTS = 40, 8
PICTURE = ROOT / "docs/zip-parts.svg"
IMPORTS = "import json, http.client, ssl, asyncio, logging, email"
GOAL_MB = 12.5


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        for folder in ("runtime", "handlers"):
            shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
        _builds(project)
        _sizes(project / "dist/function.zip")
        _starts(project)


def _builds(project: Path) -> None:
    def build() -> None:
        build_edge(project, HANDLERS[1])
        build_function(project, *HANDLERS)

    print("build of both zips, seconds")
    print(f"  from nothing   {_seconds(build):6.2f}")
    print(f"  unchanged      {min(_seconds(build) for _ in range(5)):6.2f}   (goal 0.30)")
    (project / "handlers/extra.py").write_text("x = 1\n", encoding="utf-8")
    print(f"  handler added  {_seconds(build):6.2f}")
    (project / "handlers/extra.py").unlink()
    build()


def _sizes(path: Path) -> None:
    parts: Counter[str] = Counter()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            parts[_part(info.filename)] += info.compress_size
    total = path.stat().st_size
    parts["zip directory"] = total - sum(parts.values())
    print(f"\nfunction.zip, {total / 1e6:.2f} MB (goal {GOAL_MB}), kB by part")
    for part, size in parts.most_common():
        print(f"  {part:24} {size / 1e3:8.1f}")
    PICTURE.write_text(treemap.drawn(parts), encoding="utf-8")
    print(f"  drawn in {PICTURE.relative_to(ROOT)}")


def _part(name: str) -> str:
    folders = name.split("/")
    if folders[0] != "python":
        return "runtime and handlers" if folders[0] in {"runtime", "handlers"} else folders[0]
    if len(folders) == 3 and folders[1] == "lib":
        for known in ("libcrypto", "libpython", "libsqlite3", "libc", "libm", "libssl"):
            if folders[2].split(".")[0].startswith(known) and folders[2][len(known)] in ".3":
                return known
        return "other libraries"
    if "lib-dynload" in folders:
        return "extension modules"
    return {"licenses": "licences", "bin": "programs"}.get(folders[1], "standard library")


def _starts(project: Path) -> None:
    code = project / "code"
    with zipfile.ZipFile(project / "dist/function.zip") as archive:
        archive.extractall(code)
        for info in archive.infolist():
            (code / info.filename).chmod(info.external_attr >> 16 & 0o777)
    bundled = next(path for path in (code / "python/bin").iterdir() if path.suffix != ".bin")
    programs = {"host": _own_copy(project / "host"), "bundled": bundled}
    print("\nstart of the interpreter, milliseconds (median / least)")
    for label, script in (("nothing", "pass"), ("six imports", IMPORTS)):
        _compare(f"{label}, warm", programs, script, STARTS, lambda: None)
        if _can_drop_caches():
            _compare(f"{label}, cold", programs, script, COLD_STARTS, _drop_caches)


def _own_copy(folder: Path) -> Path:
    """The building machine's Python in a place of its own: what runs this benchmark is never out of the page cache."""
    original = running_program()
    library = Path(sysconfig.get_path("stdlib"))
    shared = Path(sysconfig.get_config_var("LIBDIR"))
    program = folder / "bin" / original.name
    program.parent.mkdir(parents=True)
    shutil.copy2(original, program)
    unused = shutil.ignore_patterns("site-packages", "dist-packages", "test", "tests", "config-*")
    shutil.copytree(library, folder / "lib" / library.name, ignore=unused)
    for path in shared.glob("libpython3.*.so*"):
        shutil.copy2(path, folder / "lib")
    return program


def _compare(label: str, programs: dict[str, Path], script: str, times: int, before: Callable[[], None]) -> None:
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(times):
        for name, program in programs.items():
            before()
            command = [program, "-I", "-S", "-E", "-B", "-X", "utf8", "-c", script]
            environ = {"LD_LIBRARY_PATH": str(programs["host"].parents[1] / "lib")} if name == "host" else {}
            taken[name].append(1000 * _seconds(lambda: subprocess.run(command, env=environ, check=True)))  # noqa: B023
    told = "   ".join(f"{name} {statistics.median(some):6.1f} / {min(some):6.1f}" for name, some in taken.items())
    ratio = statistics.median(taken["bundled"]) / statistics.median(taken["host"])
    print(f"  {label:20} {told}   bundled/host {ratio:.2f}")


def _can_drop_caches() -> bool:
    return os.access("/proc/sys/vm/drop_caches", os.W_OK)


def _drop_caches() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
