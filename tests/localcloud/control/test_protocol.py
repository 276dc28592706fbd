"""The protocol, mostly against the launched executables. Does not prove what an engine calls and when."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2

from localcloud.control.install import install
from localcloud.store import Store
from tests.localcloud.control.client import UNKNOWN, Client, RefusedError, code, plain, struct, trust

LOGS = "aws:cloudwatch/logGroup:LogGroup"
ROLE = "aws:iam/role:Role"
BUCKET = "alicloud:oss/bucket:Bucket"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


@pytest.mark.parametrize(("name", "version"), [("aws", (7, 51, 1)), ("alicloud", (4, 0, 0))])
def test_an_executable_starts_greets_and_ends_silently(launch: Any, name: str, version: tuple[int, ...]) -> None:
    started = launch(name, configured=False)
    hello = started.client.call("Handshake", provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:9"))
    assert hello.accept_secrets
    assert hello.accept_resources
    assert hello.accept_outputs
    assert hello.supports_autonaming_configuration
    info = started.client.call("GetPluginInfo", Empty())
    assert tuple(map(int, info.version.split("."))) >= version
    assert started.client.call("Attach", plugin_pb2.PluginAttach(address="x")) == Empty()
    started.client.configure({"aws": "ap-northeast-1", "alicloud": "cn-hongkong"}[name])
    before = time.monotonic()
    started.process.send_signal(signal.SIGINT)
    out, err = started.process.communicate(timeout=10)
    assert (started.process.returncode, out, err) == (0, b"", b"")
    assert time.monotonic() - before < 5


def test_a_provider_ends_when_its_engine_is_gone(bin_dir: Path, local_dir: Path) -> None:
    """The shell is the engine: it is killed after the provider has told its port."""
    command = f'"{bin_dir}/pulumi-resource-aws" 127.0.0.1:9 & read line; kill -9 $$'
    with subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdin
        assert engine.stdout
        assert int(engine.stdout.readline()) > 0
        engine.stdin.write("\n")
        engine.stdin.flush()
        assert engine.wait(10) == -signal.SIGKILL
        assert engine.stdout.read() == "", "the provider holds its output open until it ends"


def test_a_long_path_of_the_interpreter_works_without_pythonpath(tmp_path: Path, local_dir: Path) -> None:
    deep = tmp_path / ("long " * 40)
    deep.mkdir()
    python = deep / "python 3"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    install(tmp_path / "bin", python)
    install(tmp_path / "bin", python)
    assert sorted(path.name for path in (tmp_path / "bin").iterdir()) == [
        "pulumi-resource-alicloud",
        "pulumi-resource-aws",
    ]
    environment = {"PATH": os.defpath, "PYTHONPATH": "/nowhere", "ISTHMUS_LOCAL_DIR": str(local_dir)}
    process = subprocess.Popen([tmp_path / "bin/pulumi-resource-aws", "x"], env=environment, stdout=subprocess.PIPE)
    assert process.stdout
    assert int(process.stdout.readline()) > 0
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_the_command_line_says_how_it_is_used() -> None:
    command = [sys.executable, "-m", "localcloud.control", "gcp"]
    root = Path(__file__).parents[3]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("usage: python -m localcloud.control aws|alicloud")


def test_without_a_state_folder_configuration_fails_in_one_sentence(launch: Any) -> None:
    started = launch("aws", {"ISTHMUS_LOCAL_DIR": ""}, configured=False)
    with pytest.raises(RefusedError, match=r"ISTHMUS_LOCAL_DIR is not set"):
        started.client.configure("us-east-1")


@pytest.mark.parametrize(("name", "region"), [("aws", "mars"), ("aws", ""), ("alicloud", "cn-nowhere")])
def test_a_wrong_region_is_refused(request: pytest.FixtureRequest, name: str, region: str) -> None:
    client = request.getfixturevalue({"aws": "aws", "alicloud": "alibaba"}[name])
    with pytest.raises(RefusedError, match=rf"(?i)invalid .*region: {region!r}.*pulumi config set"):
        client.configure(region)


def test_a_call_before_configuration_is_refused(launch: Any) -> None:
    started = launch("aws", configured=False)
    with pytest.raises(RefusedError, match="before it was configured"):
        started.client.invoke("aws:index/getRegion:getRegion")


def test_another_region_of_the_alibaba_provider_replaces_it(alibaba: Client, aws: Client) -> None:
    request = provider_pb2.DiffRequest(olds=struct({"region": "a"}), news=struct({"region": "b"}))
    assert list(alibaba.call("DiffConfig", request).replaces) == ["region"]
    assert list(aws.call("DiffConfig", request).replaces) == []


def test_a_preview_knows_inputs_and_leaves_the_rest_unknown(aws: Client, store: Store) -> None:
    shown = aws.create(LOGS, "site", {"retentionInDays": 14, "tags": {"a": "b"}, "kmsKeyId": UNKNOWN}, preview=True)
    assert shown.id == ""
    assert shown.outputs["retentionInDays"] == 14
    assert shown.outputs["name"].startswith("site-")
    assert shown.outputs["kmsKeyId"] == UNKNOWN
    assert shown.outputs["arn"] == UNKNOWN
    assert shown.outputs["region"] == "ap-northeast-1"
    assert shown.outputs["tagsAll"] == {"a": "b"}
    assert store.list(LOGS) == []


def test_unknown_members_of_blocks_are_unknown_in_a_preview(alibaba: Client) -> None:
    inputs = {
        "functionName": "f",
        "runtime": "custom.debian10",
        "handler": "a.b",
        "code": {"ossBucketName": "b", "ossObjectName": "o"},
        "logConfig": {"project": "p", "logstore": "l"},
    }
    shown = alibaba.create("alicloud:fc/v3Function:V3Function", "f", inputs, preview=True)
    assert shown.outputs["logConfig"]["logBeginRule"] == UNKNOWN
    assert shown.outputs["functionArn"] == UNKNOWN


def test_secrets_stay_secret_in_answers_and_plain_in_the_store(aws: Client, store: Store) -> None:
    inputs = {"tags": {"key": {**SECRET, "value": "hidden"}, "open": "shown"}}
    made = aws.create(LOGS, "site", inputs)
    assert made.inputs["tags"]["key"] == {**SECRET, "value": "hidden"}
    assert made.outputs["tags"]["key"] == {**SECRET, "value": "hidden"}
    assert store.list(LOGS)[0].properties["tags"] == {"key": "hidden", "open": "shown"}


def test_default_tags_of_the_provider_reach_every_resource(aws: Client) -> None:
    aws.configure("us-east-1", defaultTags=json.dumps({"tags": {"team": "x", "a": "default"}}))
    assert aws.create(LOGS, "l", {"tags": {"a": "own"}}).outputs["tagsAll"] == {"team": "x", "a": "own"}


def test_read_tells_what_is_there_and_what_is_gone(aws: Client) -> None:
    made = aws.create(LOGS, "site", {"retentionInDays": 14})
    response = aws.read(made)
    assert response.id == made.id
    assert plain(response.properties) == made.outputs
    assert plain(response.inputs) == made.inputs
    aws.delete(made)
    assert aws.read(made).id == ""
    aws.delete(made)


def test_an_import_takes_its_inputs_from_the_state(aws: Client) -> None:
    made = aws.create(LOGS, "site", {"name": "mine", "retentionInDays": 14})
    made.inputs, made.outputs = {}, {}
    response = aws.read(made)
    assert plain(response.inputs)["retentionInDays"] == 14
    assert plain(response.inputs)["name"] == "mine"
    assert "arn" not in plain(response.inputs)


def test_an_update_of_what_is_gone_names_the_remedy(aws: Client) -> None:
    made = aws.create(LOGS, "site", {})
    aws.delete(made)
    with pytest.raises(RefusedError, match="run `pulumi refresh`"):
        aws.update(made, {"retentionInDays": 7})


def test_an_update_keeps_what_the_cloud_computed_and_drops_what_was_left_out(aws: Client) -> None:
    made = aws.create(ROLE, "r", {"assumeRolePolicy": trust("lambda.amazonaws.com"), "description": "d"})
    new = aws.update(made, {"assumeRolePolicy": trust("edgelambda.amazonaws.com")})
    assert new.outputs["arn"] == made.outputs["arn"]
    assert new.outputs["uniqueId"] == made.outputs["uniqueId"]
    assert "description" not in new.outputs
    assert "edgelambda" in new.outputs["assumeRolePolicy"]


def test_functions_answer_and_unknown_ones_are_refused(aws: Client, alibaba: Client) -> None:
    assert aws.invoke("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == "123456789012"
    assert aws.invoke("aws:index/getRegion:getRegion")["region"] == "ap-northeast-1"
    assert aws.invoke("aws:index/getPartition:getPartition")["partition"] == "aws"
    assert alibaba.invoke("alicloud:index/getAccount:getAccount") == {"id": "1234567890123456"}
    assert alibaba.invoke("alicloud:index/getRegions:getRegions", {"current": True})["ids"] == ["cn-hongkong"]
    for client, token in ((aws, "aws:ec2/getAmi:getAmi"), (alibaba, "alicloud:ecs/getImages:getImages")):
        with pytest.raises(RefusedError, match=f"does not answer {token}"):
            client.invoke(token)


def test_the_log_names_calls_and_no_values(aws: Client, local_dir: Path) -> None:
    aws.create(LOGS, "site", {"tags": {"key": {**SECRET, "value": "hidden"}}}, preview=True)
    aws.create(LOGS, "site", {"tags": {"key": {**SECRET, "value": "hidden"}}})
    aws.invoke("aws:index/getRegion:getRegion")
    text = (local_dir / "control.log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["method"], line["type"], line["preview"]) for line in lines] == [
        ("Check", LOGS, False),
        ("Create", LOGS, True),
        ("Check", LOGS, False),
        ("Create", LOGS, False),
        ("Invoke", "aws:index/getRegion:getRegion", False),
    ]
    assert lines[0]["urn"] == aws.urn(LOGS, "site")
    assert "hidden" not in text


class TestKilledUpdate:
    """What a killed engine leaves behind is replaced by the next one; what an engine holds is not."""

    FIXED: ClassVar = {"bucket": "isthmus-code"}

    def test_a_fixed_name_is_taken_over_after_a_kill(self, launch: Any, store: Store) -> None:
        first = launch("alicloud")
        first.client.create(BUCKET, "code", self.FIXED)
        first.process.kill()
        second = launch("alicloud")
        second.client.create(BUCKET, "code", self.FIXED)
        assert [row.id for row in store.list(BUCKET)] == ["isthmus-code"]

    def test_an_automatic_name_leaves_nothing_behind(self, launch: Any, store: Store) -> None:
        first = launch("aws")
        first.client.create(LOGS, "site", {})
        first.process.kill()
        second = launch("aws")
        second.client.seed = b"second"
        made = second.client.create(LOGS, "site", {})
        assert [row.id for row in store.list(LOGS)] == [made.id]

    def test_after_an_orderly_end_the_name_is_taken(self, launch: Any) -> None:
        first = launch("alicloud")
        first.client.create(BUCKET, "code", self.FIXED)
        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(10) == 0
        with pytest.raises(RefusedError, match="BucketAlreadyExists"):
            launch("alicloud").client.create(BUCKET, "code", self.FIXED)

    def test_an_interrupted_engine_confirms_nothing(self, launch: Any) -> None:
        first = launch("alicloud")
        first.client.create(BUCKET, "code", self.FIXED)
        first.client.call("Cancel", Empty())
        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(10) == 0
        launch("alicloud").client.create(BUCKET, "code", self.FIXED)

    def test_what_the_next_engine_holds_in_its_state_stays(self, launch: Any) -> None:
        first = launch("alicloud")
        made = first.client.create(BUCKET, "code", self.FIXED)
        first.process.kill()
        second = launch("alicloud")
        second.client.diff(made, self.FIXED)
        with pytest.raises(RefusedError, match="BucketAlreadyExists"):
            second.client.create(BUCKET, "code", self.FIXED)

    def test_another_resource_does_not_get_the_name(self, launch: Any) -> None:
        first = launch("alicloud")
        first.client.create(BUCKET, "code", self.FIXED)
        first.process.kill()
        with pytest.raises(RefusedError, match="BucketAlreadyExists"):
            launch("alicloud").client.create(BUCKET, "other", self.FIXED)

    def test_a_role_can_go_when_only_leftovers_hold_it(self, launch: Any, store: Store) -> None:
        first = launch("aws")
        role = first.client.create(ROLE, "r", {"assumeRolePolicy": trust("lambda.amazonaws.com")})
        policy = {
            "role": role.id,
            "policy": json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
        }
        first.client.create("aws:iam/rolePolicy:RolePolicy", "r", policy)
        first.process.kill()
        launch("aws").client.delete(role)
        assert store.list("aws:iam/rolePolicy:RolePolicy") == []

    def test_a_refused_creation_leaves_everything_as_it_was(self, aws: Client, store: Store) -> None:
        wrong = {
            "role": "arn:aws:iam::123456789012:role/none",
            "runtime": "provided.al2023",
            "handler": "a.b",
            "code": code(),
        }
        with pytest.raises(RefusedError):
            aws.create("aws:lambda/function:Function", "f", wrong)
        assert store.list("aws:lambda/function:Function") == []
