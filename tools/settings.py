"""`python -m tools.settings STACK`, in the virtual environment: how `python -m asset` builds what a stack deploys."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

_OPTIONS = {
    "handler": "--handler",
    "edgeHandler": "--edge-handler",
    "interpreter": "--interpreter",
    "architecture": "--architecture",
    "bootstrapPath": "--bootstrap-path",
}


def asset_options(root: Path, stack: str) -> list[str]:
    """Command-line options with the settings of a stack, by the defaults of Pulumi.yaml where it has none."""
    project = yaml.safe_load((root / "Pulumi.yaml").read_text())
    file = root / f"Pulumi.{stack}.yaml"
    given: dict[str, Any] = (yaml.safe_load(file.read_text()) or {}).get("config") or {} if file.exists() else {}

    def setting(key: str) -> Any:
        return given.get(f"{project['name']}:{key}", project["config"][key]["default"])

    clouds = [cloud for cloud in ("aws", "alibaba") if str(setting(cloud)).lower() == "true"]
    return [f"{option}={setting(key)}" for key, option in _OPTIONS.items()] + [f"--cloud={cloud}" for cloud in clouds]


if __name__ == "__main__":
    print("\n".join(asset_options(Path(), sys.argv[1])))
