"""SLS (Log Service): projects, stores, indexes.

Source: Simple Log Service API reference (CreateProject, CreateLogStore, CreateIndex: error codes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from localcloud.control.alibaba.base import LOGSTORE, PROJECT, AlibabaKind
from localcloud.control.kind import Cloud, CloudError, Given, Values, known, now
from localcloud.control.validate import Failure
from localcloud.store import Resource

INDEX = "alicloud:log/storeIndex:StoreIndex"

_PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_STORE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,61}[a-z0-9]")
_RETENTION_DAYS = (1, 3650)


class Project(AlibabaKind):
    identity = ("projectName", "name")
    operations = ("CreateProject", "UpdateProject", "DeleteProject")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        yield from _check_name(inputs, ("projectName", "name"), _PROJECT_NAME)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del cloud, inputs
        return {"projectName": id_, "name": id_, "createTime": now(), "status": "Normal", "resourceGroupId": ""}

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        return _either(inputs, "projectName", "name")

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del inputs
        return CloudError("ProjectAlreadyExist", f"Project {id_} already exist.")

    def remove(self, cloud: Cloud, row: Resource) -> None:
        # A project takes everything in it along.
        for child in (*cloud.store.find(LOGSTORE, projectName=row.id), *cloud.store.find(INDEX, project=row.id)):
            cloud.store.delete(child.type, child.id)
        super().remove(cloud, row)


class LogStore(AlibabaKind):
    identity = ("projectName", "project", "logstoreName", "name")
    operations = ("CreateLogStore", "UpdateLogStore", "DeleteLogStore")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        yield from _check_name(inputs, ("projectName", "project"), _PROJECT_NAME)
        yield from _check_name(inputs, ("logstoreName", "name"), _STORE_NAME)
        low, high = _RETENTION_DAYS
        days = inputs.get("retentionPeriod")
        if known(days) and not low <= days <= high:
            yield Failure(
                ("retentionPeriod",), f"expected retentionPeriod to be in the range ({low} - {high}), got {days}"
            )

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        return f"{_either(inputs, 'projectName', 'project')}:{_either(inputs, 'logstoreName', 'name')}"

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        require_project(cloud, _either(inputs, "projectName", "project"))

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del cloud
        project, _, name = id_.partition(":")
        return {
            "projectName": project,
            "project": project,
            "logstoreName": name,
            "name": name,
            "mode": inputs.get("mode", "standard"),
            "meteringMode": inputs.get("meteringMode", "ChargeByFunction"),
            "shards": [
                {"id": number, "status": "readwrite", "beginKey": "", "endKey": ""}
                for number in range(inputs.get("shardCount", 2))
            ],
        }

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del inputs
        return CloudError("LogStoreAlreadyExist", f"logstore {id_.partition(':')[2]} already exists.")

    def remove(self, cloud: Cloud, row: Resource) -> None:
        cloud.store.delete(INDEX, row.id)
        super().remove(cloud, row)


class StoreIndex(AlibabaKind):
    identity = ("project", "logstore")
    operations = ("CreateIndex", "UpdateIndex", "DeleteIndex")

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        require_logstore(cloud, inputs["project"], inputs["logstore"])
        if not inputs.get("fullText") and not inputs.get("fieldSearches"):
            raise CloudError("ParameterInvalid", "At least one of full text and field search must be given.")

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del id_, inputs
        return CloudError("IndexAlreadyExist", "log store index is already created.")


def require_project(cloud: Cloud, name: str) -> None:
    """Raise CloudError when there is no such project."""
    if cloud.store.get(PROJECT, name) is None:
        raise CloudError("ProjectNotExist", f"The Project does not exist : {name}", 404)


def require_logstore(cloud: Cloud, project: str, name: str) -> None:
    """Raise CloudError when there is no such project or no such store in it."""
    require_project(cloud, project)
    if cloud.store.get(LOGSTORE, f"{project}:{name}") is None:
        raise CloudError("LogStoreNotExist", f"logstore {name} does not exist", 404)


def _either(inputs: Given, modern: str, legacy: str) -> Any:
    return inputs.get(modern, inputs.get(legacy))


def _check_name(inputs: Given, names: tuple[str, str], pattern: re.Pattern[str]) -> Iterator[Failure]:
    value = _either(inputs, *names)
    if value is None:
        yield Failure((names[0],), f"one of `{','.join(names)}` must be specified")
    elif known(value) and not pattern.fullmatch(value):
        yield Failure((names[0],), f"invalid value for {names[0]} (must match {pattern.pattern}), got {value!r}")


KINDS = {PROJECT: Project, LOGSTORE: LogStore, INDEX: StoreIndex}
