"""The whole program with both applications, on the real engine: deployed, deployed again, changed, and taken down.

Does not prove that a project is built, that full buckets go, nor what the clouds themselves do. The tests run in order
on one deployment.
"""

from __future__ import annotations

import pytest

from tests.engine.test_first_light import GREETING, changes, post

pytestmark = pytest.mark.engine

BUCKET = "alicloud:oss/bucket:Bucket"
FUNCTION = "alicloud:fc/v3Function:V3Function"
TRIGGER = "alicloud:fc/v3Trigger:V3Trigger"
ASYNC = "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig"


@pytest.fixture(scope="module")
def deployed(workspace):
    workspace.edit("Pulumi.local.yaml", "config:\n", "config:\n  isthmus:application: both\n")
    workspace.up = workspace.make("up")
    return workspace


def only(resources, **wanted):
    """The properties of the one resource that has these."""
    (found,) = [each.properties for each in resources if wanted.items() <= each.properties.items()]
    return found


def test_both_applications_are_there(deployed):
    assert set(changes(deployed.up.stdout)) == {"created"}
    functions = deployed.resources(FUNCTION)
    assert len(functions) == 2
    hello = only(functions, handler="handlers.hello.handler")
    build = only(functions, handler="handlers.site_build.handler")
    assert hello["code"]["ossObjectName"] == build["code"]["ossObjectName"]
    assert (build["instanceConcurrency"], build["diskSize"]) == (1, 10_240)
    assert post(deployed.urls()["fc"], {"firstName": "Rustacean"}) == GREETING


def test_uploads_start_the_build_which_is_tried_once_more(deployed):
    build = only(deployed.resources(FUNCTION), handler="handlers.site_build.handler")
    name = build["functionName"]
    upload = only(deployed.resources(TRIGGER), triggerType="oss")
    assert upload["functionName"] == name
    assert upload["sourceArn"].endswith(f":{source_bucket(deployed)}")
    once = only(deployed.resources(ASYNC), functionName=name)
    assert (once["maxAsyncRetryAttempts"], once["maxAsyncEventAgeInSeconds"]) == (1, 3600)
    triggers = [each.properties for each in deployed.resources(TRIGGER)]
    assert [each["triggerType"] for each in triggers if each["functionName"] == name] == ["oss"]


def test_up_again_changes_nothing(deployed):
    counts = changes(deployed.make("up").stdout)
    assert counts == {"unchanged": changes(deployed.up.stdout)["created"]}


def test_a_changed_handler_moves_both_functions(deployed):
    deployed.edit("handlers/hello.py", "Hello, ", "Good day, ")
    assert changes(deployed.make("up").stdout)["updated"] == 3
    codes = {each.properties["code"]["ossObjectName"] for each in deployed.resources(FUNCTION)}
    assert len(codes) == 1


def test_down_deletes_all_that_was_created(deployed):
    counts = changes(deployed.make("down").stdout)
    assert counts == {"deleted": changes(deployed.up.stdout)["created"]}


def source_bucket(workspace) -> str:
    (found,) = [each.id for each in workspace.resources(BUCKET) if "-source-" in each.id]
    return found
