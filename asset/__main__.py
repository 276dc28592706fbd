"""`python -m asset`: builds both zips; the function zip's path is the last line of stdout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from asset.build import Package, build_edge, build_function
from rules.finding import UserError


def main(arguments: list[str]) -> int:
    """Exit code 0, or 1 when the input is wrong (said on stderr, one sentence each)."""
    parser = argparse.ArgumentParser(prog="python -m asset", description="Build dist/function.zip and dist/edge.zip.")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's folder (default: the current one)")
    parser.add_argument("--handler", default="handlers.hello.handler", metavar="handlers.MODULE.FUNCTION")
    parser.add_argument("--edge-handler", default="handlers.edge.handler", metavar="handlers.MODULE.FUNCTION")
    options = parser.parse_args(arguments)
    try:
        edge = build_edge(options.root, options.edge_handler)
        function = build_function(options.root, options.handler, options.edge_handler, _progress)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    for package in (edge, function):
        _progress(_summary(package))
    print(options.root / function.path)
    return 0


def _summary(package: Package) -> str:
    return (
        f"{package.path}: {package.size / 1e6:.2f} MB, {package.unpacked_size / 1e6:.2f} MB unpacked, "
        f"sha256 {package.sha256[:16]}"
    )


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
