"""`python -m asset`: builds both zips; the function zip's path is the last line of stdout.

`python -m asset audit ZIP --target TARGET` says why a zip, whoever built it, would not start there.
`python -m asset lock` writes down which packages of the distribution the interpreter `deb` is to be made of.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from asset import audit, targets
from asset.build import Package, build_edge, build_function
from asset.plan import Plan
from asset.sources import deb
from rules.finding import Finding, UserError, require_none


def main(arguments: list[str]) -> int:
    """Exit code 0, or 1 when the input is wrong (said on stderr, one sentence each)."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "audit":
            _audit(options.zip, options.target)
        elif options.command == "lock":
            print(deb.lock(options.root, options.architecture))
        else:
            _build(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m asset", description="Build dist/function.zip and dist/edge.zip.")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's folder (default: the current one)")
    parser.add_argument("--handler", default="handlers.hello.handler", metavar="handlers.MODULE.FUNCTION")
    parser.add_argument("--edge-handler", default="handlers.edge.handler", metavar="handlers.MODULE.FUNCTION")
    parser.add_argument("--interpreter", default=Plan.interpreter, metavar="host|wheel|deb|archive|none")
    parser.add_argument("--architecture", default=Plan.architecture, metavar="x86_64|arm64")
    parser.add_argument("--bootstrap-path", default=Plan.bootstrap_path, metavar="FOLDER|ZIP")
    parser.add_argument(
        "--cloud", action="append", choices=targets.DEPLOYED, help="may be given twice; both by default"
    )
    commands = parser.add_subparsers(dest="command", title="instead of a build")
    auditing = commands.add_parser("audit", description="Say why a zip would not start in one of the clouds' images.")
    auditing.add_argument("zip", type=Path)
    auditing.add_argument("--target", required=True, help=", ".join(targets.NAMES))
    commands.add_parser("lock", description="Pin the newest packages for the interpreter `deb`, through apt.")
    return parser


def _audit(path: Path, target_name: str) -> None:
    target = targets.named(target_name)
    try:
        found = audit.findings(path, [target])
    except OSError as error:
        remedy = f"put this right: {error.strerror or error}"
        found = [Finding("ASSET-ZIP", "audit", "zip", str(path), "a zip that can be read", remedy)]
    require_none(found)
    print(f"{path}: nothing keeps it from starting in {target.cloud}.")


def _build(options: argparse.Namespace) -> None:
    images = [targets.DEPLOYED[cloud] for cloud in options.cloud or targets.DEPLOYED]
    plan = Plan.named(options.interpreter, options.architecture, options.bootstrap_path, images)
    edge = build_edge(options.root, options.edge_handler)
    function = build_function(options.root, options.handler, options.edge_handler, _progress, plan=plan)
    for package in (edge, function):
        _progress(_summary(package))
    print(options.root / function.path)


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
