"""Entry point of the zip: `bootstrap` executes this file with our interpreter, isolated and without `site`.

The environment tells the cloud: AWS Lambda gives the address of its Runtime API; else this is an FC web function.
"""

from __future__ import annotations

import os
import sys


def _extend_path() -> None:
    """The zip's root first, as AWS has /var/task; then dependencies in the zip, then what layers bring."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib costs the start
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path.insert(0, root)
    sys.path += [f"{root}/deps", f"/opt/python/lib/{version}/site-packages", "/opt/python"]


def main() -> int:
    """Serve until the end; the exit status."""
    _extend_path()
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        from runtime.lambda_loop import run
    else:
        from runtime.fc_server import run
    return run()


if __name__ == "__main__":
    status = main()
    # Threads that a handler left behind must not keep a dead function alive.
    os._exit(status)
