"""What the function's zip is to be made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asset.targets import Target, named


@dataclass(frozen=True)
class Plan:
    """The choices of a stack, as its settings hold them."""

    interpreter: str = "host"
    """`host`, `wheel`, `deb`, `archive` or `none`: see `sources`."""
    architecture: str = ""
    """`x86_64`, `arm64`, or empty for this machine's."""
    bootstrap_path: str = ""
    """For the interpreter `none`: the user's own folder or zip with a `bootstrap`, relative to the project."""
    targets: tuple[Target, ...] = (named("al2023"), named("debian10"))
    """The images in which the zip has to start."""

    @classmethod
    def named(cls, interpreter: str, architecture: str, bootstrap_path: str, targets: Iterable[str]) -> Plan:
        """A plan with its targets by name; raises UserError for an unknown one."""
        return cls(interpreter, architecture, bootstrap_path, tuple(map(named, targets)))
