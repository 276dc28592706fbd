"""A root file system with a shell, the unpacked zip and nothing else, and ways to run programs inside it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
_READ_ONLY = """
for place in var/task code; do
  mount --bind "$0/$place" "$0/$place" && mount -o remount,bind,ro "$0/$place" || exit 1
done
exec chroot "$0" "$@"
"""
_AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def ways() -> list[str]:
    """How this machine lets us change the root: `chroot` needs root, `namespace` needs nothing."""
    probes = {
        "chroot": ["chroot", "--userspec=993:990", "/", "/bin/true"],
        "namespace": [*_unprivileged(), *_NAMESPACE, "true"],
    }
    return [
        name for name, probe in probes.items() if not subprocess.run(probe, capture_output=True, check=False).returncode
    ]


def _unprivileged() -> list[str]:
    return _AS_NOBODY if os.getuid() == 0 else []


class Room:
    def __init__(self, folder: Path, package: Path, shell: Path | None, system: Path | None = None) -> None:
        """`system` is a root file system to start from, with a shell of its own."""
        self.folder = folder
        if system is not None:
            shutil.copytree(system, folder, symlinks=True)
        for name in ("bin", "dev", "tmp", "var/task", "etc/pki/tls/certs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        if shell is not None:
            shutil.copy(shell, folder / "bin/sh")
        (folder / "tmp").chmod(0o1777)
        (folder / "dev/null").touch()
        (folder / "dev/null").chmod(0o666)
        (folder / "etc/pki/tls/certs/ca-bundle.crt").touch()  # where Amazon Linux has it
        (folder / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n", encoding="utf-8")
        unpack(package, folder / "var/task")
        shutil.copytree(folder / "var/task", folder / "code", copy_function=os.link)

    def add(self, program: Path) -> str:
        """Copy a static program into the room; returns its path there."""
        shutil.copy(program, self.folder / "bin" / program.name)
        return f"/bin/{program.name}"

    @contextmanager
    def running(
        self, way: str, command: Sequence[str], environment: Mapping[str, str], log: Path, port: int
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a server in the room until the block ends; enters once it takes connections on `port`."""
        prefix = {
            "chroot": ["chroot", "--userspec=993:990", str(self.folder)],
            "namespace": [*_unprivileged(), *_NAMESPACE, "sh", "-c", _READ_ONLY, str(self.folder)],
        }
        with log.open("wb") as output:
            # The search path is for chroot and unshare; the program inside gets the same, as each cloud sets one too.
            process = subprocess.Popen(
                [*prefix[way], *command],
                env={"PATH": os.environ["PATH"], **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            _wait_for(port, process, log)
            yield process
        finally:
            process.kill()
            process.wait()
            self._kill_rest()

    def _kill_rest(self) -> None:
        """End what the server left behind: everything whose root is this room."""
        for process in psutil.process_iter():
            try:
                if os.readlink(f"/proc/{process.pid}/root") == str(self.folder):
                    process.kill()
            except (OSError, psutil.Error):
                continue


def unpack(package: Path, folder: Path) -> None:
    """As a cloud does, with the modes that the zip says."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
        for info in archive.infolist():
            (folder / info.filename).chmod(info.external_attr >> 16 & 0o7777)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise AssertionError(f"nothing answers on port {port}; its log:\n{log.read_text(errors='replace')}")
