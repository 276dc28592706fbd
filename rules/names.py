"""Names that both clouds and DNS constrain: handlers, domains and environment variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from rules.rule import Rule, matches
from rules.secrets import secret_rules

DOMAIN = r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
"""A host name with at least one dot, in lower case (RFC 1035, RFC 1123)."""

HANDLER = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+"
"""`package.module.function`: dotted Python identifiers, at least a module and a function."""

_LONGEST_HANDLER = 128
_ENVIRONMENT_BYTES = 4096


def handler_rules(prefix: str) -> tuple[Rule, ...]:
    """The rule about a handler's name, which both clouds state alike."""
    return (
        Rule(
            id=f"{prefix}-HANDLER",
            facts=("handler",),
            holds=matches(HANDLER, _LONGEST_HANDLER),
            accepts=f"a dotted Python name `package.module.function` of at most {_LONGEST_HANDLER} characters",
            remedy="write the module's dotted path, a dot and the function's name, such as handlers.hello.handler",
            source="Lambda API Reference, CreateFunction; Function Compute, Create a function",
        ),
    )


def environment_rules(prefix: str, reserved: Callable[[str], bool], reserved_as: str, source: str) -> tuple[Rule, ...]:
    """The rules about a function's environment block; `reserved` tells the names that the cloud keeps for itself."""

    def kept_names(variables: Mapping[str, str]) -> list[str]:
        return sorted(filter(reserved, variables))

    return (
        Rule(
            id=f"{prefix}-ENV-NAMES",
            facts=("environment",),
            holds=lambda variables: not _misspelt(variables),
            shown=_misspelt,
            accepts="names of at least two letters, digits and underscores that begin with a letter",
            remedy="rename the variables",
            source=source,
        ),
        Rule(
            id=f"{prefix}-ENV-RESERVED",
            facts=("environment",),
            holds=lambda variables: not kept_names(variables),
            shown=kept_names,
            accepts=f"names that the cloud does not keep for itself ({reserved_as})",
            remedy="rename the variables or leave them out",
            source=source,
        ),
        Rule(
            id=f"{prefix}-ENV-SIZE",
            facts=("environment",),
            holds=lambda variables: environment_bytes(variables) <= _ENVIRONMENT_BYTES,
            shown=lambda variables: f"{environment_bytes(variables)} bytes",
            accepts=f"at most {_ENVIRONMENT_BYTES} bytes of names and values together",
            remedy="keep large values in a parameter store and pass their names",
            source=source,
        ),
        *secret_rules(prefix),
    )


def environment_bytes(variables: Mapping[str, str]) -> int:
    """Bytes of all names and values in UTF-8."""
    return sum(len(f"{name}{value}".encode()) for name, value in variables.items())


def _misspelt(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]+", name))
