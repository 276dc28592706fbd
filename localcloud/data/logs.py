"""Which log a target writes to, and its lines as text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from localcloud.store import LogLine, Store

from .alibaba.fc import function as fc_function
from .aws.lambda_ import function as lambda_function
from .aws.lambda_.function import Target, find_version

_FOLLOW_SECONDS = 0.3


class UnknownTarget(Exception):  # noqa: N818
    """There is no such function; the message says so in one sentence and names what there is."""


def log_groups(store: Store, kind: str, target: str) -> list[str]:
    """The groups that a `lambda`, `edge` or `fc` target writes to; raises UnknownTarget.

    An edge function has two: that of its replicas and that of direct invocations.
    """
    if kind == "fc":
        if fc_function.find_function(store, target) is None:
            raise unknown(store, kind, target)
        return [fc_function.log_group(target)]
    version = find_version(store, Target.parse(target))
    if version is None:
        raise unknown(store, kind, target)
    groups = {lambda_function.log_group(version)}
    return sorted(groups | {lambda_function.log_group(version, at_edge=True)} if kind == "edge" else groups)


def unknown(store: Store, kind: str, target: str) -> UnknownTarget:
    type_ = fc_function.FUNCTION if kind == "fc" else lambda_function.FUNCTION
    known = ", ".join(resource.id for resource in store.list(type_)) or "none"
    return UnknownTarget(f"There is no {kind} function {target!r} in the local clouds (known: {known}).")


def lines(store: Store, groups: list[str], *, follow: bool) -> Iterator[str]:
    """The log, oldest first; with `follow` it goes on until the caller stops."""
    after = 0
    while True:
        found = sorted(
            (line for group in groups for line in store.read_logs(group, after)), key=lambda line: line.number
        )
        for line in found:
            after = line.number
            yield as_text(line)
        if not follow:
            return
        time.sleep(_FOLLOW_SECONDS)


def as_text(line: LogLine) -> str:
    moment = datetime.fromtimestamp(line.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{moment} {shown(line.message)}"


def shown(log: str) -> str:
    """A log as people read it: Lambda's runtimes part the lines of one record by carriage returns."""
    return log.replace("\r", "\n")
