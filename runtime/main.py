"""Entry point of the zip: `bootstrap` executes this file with our interpreter, isolated and without `site`.

The environment tells the cloud: AWS Lambda gives the address of its Runtime API; else this is an FC web function.
"""

from __future__ import annotations

import os
import sys

_WRAPPED = "_ISTHMUS_WRAPPED"


def _extend_path() -> None:
    """The zip's root first, as AWS has /var/task; then dependencies in the zip, then what layers bring."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib costs the start
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path.insert(0, root)
    sys.path += [f"{root}/deps", f"/opt/python/lib/{version}/site-packages", "/opt/python", f"{root}/runtime/compat"]


def _pass_wrapper() -> None:
    """Start anew through the program in AWS_LAMBDA_EXEC_WRAPPER, as managed runtimes do for layers that monitor.

    Lambda itself leaves it out on OS-only runtimes (Lambda Developer Guide, "Modifying the runtime environment"). What
    the wrapper puts into PYTHONPATH counts, although we start isolated: that is how such layers bring their code.
    """
    if os.environ.pop(_WRAPPED, ""):
        sys.path[:0] = [entry for entry in os.environ.get("PYTHONPATH", "").split(":") if entry]
        return
    wrapper = os.environ.get("AWS_LAMBDA_EXEC_WRAPPER")
    if not wrapper:
        return
    os.environ[_WRAPPED] = "1"
    try:
        os.execv(wrapper, [wrapper, *sys.orig_argv])  # noqa: S606
    except OSError as error:
        del os.environ[_WRAPPED]
        sys.stderr.write(f"[ERROR] AWS_LAMBDA_EXEC_WRAPPER is {wrapper!r}, which cannot be started: {error}\n")
        sys.stderr.flush()
        os._exit(1)


def main() -> int:
    """Serve until the end; the exit status."""
    on_lambda = "AWS_LAMBDA_RUNTIME_API" in os.environ
    if on_lambda:
        _pass_wrapper()
    _extend_path()
    if on_lambda:
        from runtime.lambda_loop import run
    else:
        from runtime.fc_server import run
    return run()


if __name__ == "__main__":
    status = main()
    # Threads that a handler left behind must not keep a dead function alive.
    os._exit(status)
