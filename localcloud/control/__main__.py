"""`python -m localcloud.control aws|alicloud [ENGINE_ADDRESS]`, `… install BIN_DIR`, `… forget EXPORTED_STACK`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

_USAGE = "usage: python -m localcloud.control aws|alicloud [ENGINE_ADDRESS] | install BIN_DIR | forget EXPORTED_STACK"


def main() -> None:
    """Do what the command line says."""
    match sys.argv[1:]:
        case ["install", folder]:
            from localcloud.control.install import install

            install(Path(folder))
        case ["forget", exported]:
            from localcloud.control.forget import forget

            forget(Path(exported))
        case ["aws" | "alicloud" as name, *rest]:
            # Asked before the imports take their time: an engine that dies meanwhile must not be missed.
            _serve(name, engine=os.getppid() if rest else None)
        case _:
            sys.exit(_USAGE)


def _serve(name: str, *, engine: int | None) -> None:
    # From the first moment: an engine that ends during the imports below must see no traceback.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    if name == "aws":
        from localcloud.control.aws import PACKAGE as package  # noqa: N811
    else:
        from localcloud.control.alibaba import PACKAGE as package  # noqa: N811
    from localcloud.control.server import serve

    serve(package, engine=engine)


if __name__ == "__main__":
    main()
