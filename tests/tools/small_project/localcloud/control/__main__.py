"""`install FOLDER` writes the provider's executable; `serve` is what it runs."""

import os
import shlex
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def install(folder):
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "pulumi-resource-aws"
    words = shlex.join(["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "localcloud.control", "serve"])
    target.write_text(f"#!/bin/sh\nexec {words}\n")
    target.chmod(0o755)


if sys.argv[1] == "install":
    install(Path(sys.argv[2]))
elif sys.argv[1] == "forget":
    from localcloud.control.forget import forget

    forget(Path(sys.argv[2]))
else:
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    from localcloud.control.provider import serve

    serve()
