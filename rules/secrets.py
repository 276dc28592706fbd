"""Credentials that stand as plain text where they would be stored in state and shown in a console."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

from rules.rule import Rule

_FORMS = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{16}|LTAI[A-Za-z0-9]{12,30}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{20,}|"
    r"xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,}|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|"
    r"[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]+@"
)
"""Shapes that only credentials have: access keys of both clouds, tokens, private keys, URLs with a password."""
_NAMES = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PWD|SECRET|SECRET_?KEY|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)$", re.IGNORECASE
)
_REFERENCES = re.compile(r"arn:|acs:|/|ssm:|kms:|secretsmanager:|\$\{|\{\{|projects/")
_SHORTEST = 8
_LEAST_BITS = 2.5


def credentials(variables: Mapping[str, object]) -> list[str]:
    """Names of the variables whose value has the shape of a credential; values are never returned."""
    return sorted(name for name, value in variables.items() if isinstance(value, str) and _FORMS.search(value))


def suspects(variables: Mapping[str, object]) -> list[str]:
    """Names of the variables that are called like a credential and whose value may be one."""
    return sorted(name for name, value in variables.items() if isinstance(value, str) and _may_be_one(name, value))


def _may_be_one(name: str, value: str) -> bool:
    if _FORMS.search(value) or not _NAMES.search(name) or _REFERENCES.match(value):
        return False
    return len(value) >= _SHORTEST and _bits_per_letter(value) >= _LEAST_BITS


def _bits_per_letter(text: str) -> float:
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


def secret_rules(prefix: str) -> tuple[Rule, ...]:
    """The rules about plain credentials in a function's environment block."""
    accepts = "names, ARNs and parameters instead of credentials, which everyone who can read the state would see"
    remedy = "keep the credential in Secrets Manager, Parameter Store or KMS and pass its name"
    return (
        Rule(
            id=f"{prefix}-ENV-SECRET",
            facts=("environment",),
            holds=lambda variables: not credentials(variables),
            shown=credentials,
            accepts=accepts,
            remedy=remedy,
        ),
        Rule(
            id=f"{prefix}-ENV-SUSPECT",
            facts=("environment",),
            holds=lambda variables: not suspects(variables),
            shown=suspects,
            accepts=accepts,
            remedy=f"{remedy}; a value that is none may stay",
            warning=True,
        ),
    )
