"""A handler that does what the event asks for; goes into the zip that the emulator tests build."""

from __future__ import annotations

import os
import pwd
import socket
import sqlite3
import ssl
import subprocess
import sys
from pathlib import Path


def handler(event, context):
    return _ACTIONS[event["do"]](event)


def echo(event):
    return event["payload"]


def fail(event):
    raise ValueError(event["message"])


def facts(event):
    root = Path(__file__).parent.parent
    return {
        "python": sys.version.split()[0],
        "executable": str(Path(sys.executable).relative_to(root)),
        "known_user": _succeeds(lambda: pwd.getpwuid(os.getuid())),
        "home": "HOME" in os.environ,
        "shared_memory": Path("/dev/shm").exists(),
        "code_writable": _succeeds((root / "new").touch),
        "host_libraries": [name for name in ("/lib", "/lib64", "/usr") if Path(name).exists()],
        "certificates": os.environ.get("SSL_CERT_FILE"),
        "tls": ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED,
        "gbk": "云".encode("gbk").hex(),
        "sqlite": sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0],
        "child": subprocess.run(
            [sys.executable, "-I", "-S", "-c", "import sys; print(sys.executable)"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        == sys.executable,
        "data": (Path(__file__).parent / "greeting.txt").read_text(encoding="utf-8").strip(),
    }


def secured(event):
    """What a TLS server says that is found by name and known by its authority alone."""
    context = ssl.create_default_context(cadata=event["authority"])
    with (
        socket.create_connection((event["name"], event["port"]), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=event["expected"]) as connection,
    ):
        return connection.recv(100).decode()


def wheel(event):
    """A manylinux wheel with an extension module, out of the zip."""
    from markupsafe import _speedups, escape

    return [str(escape("<")), Path(_speedups.__file__).relative_to(Path(__file__).parent.parent).parts[0]]


def _succeeds(action):
    try:
        action()
    except (OSError, KeyError):
        return False
    return True


def die(event):
    os._exit(event["status"])


_ACTIONS = {"die": die, "echo": echo, "fail": fail, "facts": facts, "secured": secured, "wheel": wheel}
