"""`python -m tools.handlers STACK`, in the virtual environment: which handlers a stack deploys, a line each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml


def handlers(root: Path, stack: str) -> tuple[str, str]:
    """The settings `handler` and `edgeHandler` of a stack, with the defaults of Pulumi.yaml."""
    project = yaml.safe_load((root / "Pulumi.yaml").read_text())
    file = root / f"Pulumi.{stack}.yaml"
    given: dict[str, Any] = (yaml.safe_load(file.read_text()) or {}).get("config") or {} if file.exists() else {}

    def setting(key: str) -> str:
        return str(given.get(f"{project['name']}:{key}", project["config"][key]["default"]))

    return setting("handler"), setting("edgeHandler")


if __name__ == "__main__":
    print("\n".join(handlers(Path(), sys.argv[1])))
