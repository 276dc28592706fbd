"""Command line of the local clouds' data plane, for the make tools; ISTHMUS_LOCAL_DIR names the state.

Exit codes: 0 success, 1 the function or the command failed, 2 wrong usage or an unknown target.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from localcloud.data import lifecycle
from localcloud.store import Store

_KINDS = ("lambda", "edge", "fc")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        store = Store.from_environment()
    except RuntimeError as error:
        return _say(2, str(error))
    try:
        command: Callable[[argparse.Namespace, Store], int] = options.command
        return command(options, store)
    except lifecycle.LifecycleError as error:
        return _say(1, str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    finally:
        store.close()


def _start(options: argparse.Namespace, store: Store) -> int:
    print(lifecycle.start(store.root, options.port))
    return 0


def _stop(_options: argparse.Namespace, store: Store) -> int:
    print(lifecycle.stop(store.root))
    return 0


def _invoke(options: argparse.Namespace, store: Store) -> int:
    # Signing needs botocore, which costs half a second that the other commands need not spend.
    from localcloud.data import invocation, logs

    try:
        event = invocation.read_event(options.event)
        invoked = invocation.invoke(store, _port(store), options.kind, options.target, event)
    except logs.UnknownTarget as error:
        return _say(2, str(error))
    except invocation.InvocationError as error:
        return _say(2, str(error))
    invocation.show(invoked)
    return 1 if invoked.failed else 0


def _upload(options: argparse.Namespace, store: Store) -> int:
    from localcloud.data import upload

    try:
        after = upload.position(store, options.follow)
        upload.upload(store, _port(store), options.bucket, options.key, options.file)
        if options.follow:
            for line in upload.follow(store, options.follow, after, options.bucket, options.key):
                print(line, flush=True)
    except upload.UploadError as error:
        return _say(1, str(error))
    return 0


def _logs(options: argparse.Namespace, store: Store) -> int:
    from localcloud.data import logs

    try:
        groups = logs.log_groups(store, options.kind, options.target)
    except logs.UnknownTarget as error:
        return _say(2, str(error))
    # Ctrl-C is how following is meant to end, so it is no failure.
    with contextlib.suppress(KeyboardInterrupt):
        for line in logs.lines(store, groups, follow=options.follow):
            print(line, flush=True)
    return 0


def _address(options: argparse.Namespace, store: Store) -> int:
    from localcloud.data import router

    print(router.reachable(options.url, _port(store)))
    return 0


def _port(store: Store) -> int:
    running = lifecycle.find(store.root)
    return running.port if running else lifecycle.DEFAULT_PORT


def _port_number(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    start = commands.add_parser("start", help="start the data plane in the background")
    start.add_argument("--port", type=_port_number, default=lifecycle.DEFAULT_PORT)
    start.set_defaults(command=_start)
    stop = commands.add_parser("stop", help="end it and everything that it started")
    stop.set_defaults(command=_stop)
    invoke = commands.add_parser("invoke", help="run one event")
    invoke.add_argument("--event", default="{}", help="JSON, or @FILE")
    invoke.set_defaults(command=_invoke)
    upload = commands.add_parser("upload", help="put a file into an OSS bucket")
    upload.add_argument("bucket")
    upload.add_argument("key")
    upload.add_argument("file", type=Path)
    upload.add_argument(
        "--follow", default="", metavar="FUNCTION", help="show its log until it has dealt with the file"
    )
    upload.set_defaults(command=_upload)
    logs = commands.add_parser("logs", help="print a function's log")
    logs.add_argument("--follow", action="store_true")
    logs.set_defaults(command=_logs)
    for command in (invoke, logs):
        command.add_argument("kind", choices=_KINDS)
        command.add_argument("target", help="function ARN, qualified ARN of an edge function, or FC function name")
    address = commands.add_parser("address", help="the reachable form of a real URL")
    address.add_argument("url")
    address.set_defaults(command=_address)
    return parser


def _say(code: int, sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
