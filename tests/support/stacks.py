"""The configuration that the repository's own files give a stack."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.support.mocks import PROJECT

ROOT = Path(__file__).resolve().parents[2]


def project_defaults() -> dict[str, object]:
    """What the CLI fills in from Pulumi.yaml, under full keys."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    return {_full(key): spec.get("default", spec.get("value")) for key, spec in declared.items()}


def stack_config(stack: str) -> dict[str, object]:
    """The configuration of a stack file over the project's defaults."""
    given = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {**project_defaults(), **{_full(key): value for key, value in given.items()}}


def _full(key: str) -> str:
    return key if ":" in key else f"{PROJECT}:{key}"
