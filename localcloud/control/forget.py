"""Forgets what an update that was killed has created but could not record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from localcloud.store import Store


def forget(exported: Path) -> None:
    """Delete what a pending operation of an exported deployment made and its resources do not name.

    `exported` is the file of `pulumi stack export`. The real clouds have no such thing: there a random name keeps the
    next attempt from meeting what the first one left.
    """
    deployment = json.loads(exported.read_text())["deployment"]
    recorded = {(resource["type"], resource.get("id")) for resource in deployment.get("resources") or []}
    urns = {operation["resource"]["urn"] for operation in deployment.get("pending_operations") or []}
    store = Store.from_environment()
    try:
        for urn in urns:
            _delete_unrecorded(store, urn, recorded)
    finally:
        store.close()


def _delete_unrecorded(store: Store, urn: str, recorded: set[tuple[str, Any]]) -> None:
    type_ = urn.split("::")[2].rpartition("$")[2]
    for resource in store.list(type_):
        if resource.urn == urn and (type_, resource.id) not in recorded:
            store.delete(type_, resource.id)
