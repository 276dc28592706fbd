"""The real engine drives the providers. Does not prove anything about real clouds or about the project's program."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.control.install import install
from localcloud.store import Store
from tests.localcloud.control.client import zip_bytes

ROOT = Path(__file__).parents[3]
RESOURCES = 21
_SEARCH = os.pathsep.join((str(ROOT / ".tools/bin"), os.environ.get("PATH", os.defpath)))

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(
        not shutil.which("pulumi", path=_SEARCH) or not shutil.which("pulumi-language-python", path=_SEARCH),
        reason="no pulumi CLI with a Python language host: `make test` builds one",
    ),
]


@dataclass
class Engine:
    """The pulumi CLI on one stack."""

    work: Path
    environment: dict[str, str]
    cloud: Path

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["pulumi", *command, "--non-interactive", "--color=never"],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str, expect: int = 0) -> str:
        process = self.start(*command)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == expect, output
        return output

    def up(self, expect: int = 0) -> str:
        return self.run("up", "--yes", "--skip-preview", expect=expect)

    def destroy(self) -> str:
        return self.run("destroy", "--yes", "--skip-preview")

    def write_code(self, text: str) -> None:
        (self.work / "function.zip").write_bytes(zip_bytes({"bootstrap": text}))
        (self.work / "edge.zip").write_bytes(zip_bytes({"edge.py": text}))

    def left(self) -> list[str]:
        store = Store(self.cloud)
        try:
            return [row[0] for row in store._db.execute("SELECT type FROM resources")]
        finally:
            store.close()

    def creations(self) -> int:
        """How many resources the providers have been asked to create for real."""
        log = self.cloud / "control.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return sum(1 for line in lines if '"Create"' in line and '"preview": false' in line)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    install(tmp_path / "bin", Path(sys.executable))
    for name in ("work", "state", "home", "cloud"):
        (tmp_path / name).mkdir()
    work = tmp_path / "work"
    shutil.copy(Path(__file__).with_name("program.py"), work / "__main__.py")
    (work / "Pulumi.yaml").write_text("name: isthmus\nruntime: python\n")
    settings = {"aws:region": "ap-northeast-1", "alicloud:region": "cn-hongkong"}
    own = {"isthmus:token": "hidden-token", "isthmus:edgeServices": ["edgelambda.amazonaws.com"]}
    (work / "Pulumi.test.yaml").write_text(json.dumps({"config": {**settings, **own}}))
    environment = {
        "PATH": os.pathsep.join((str(tmp_path / "bin"), str(Path(sys.executable).parent), _SEARCH)),
        "HOME": str(tmp_path / "home"),
        "PULUMI_HOME": str(tmp_path / "home"),
        # Without the metadata files: one that a kill cut off would make the state unreadable.
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "ISTHMUS_LOCAL_DIR": str(tmp_path / "cloud"),
    }
    engine = Engine(work, environment, tmp_path / "cloud")
    engine.write_code("one")
    engine.run("stack", "init", "test")
    return engine


def summary(output: str) -> dict[str, int]:
    """The engine's counts, such as `{"created": 24}`."""
    tail = output.partition("Resources:")[2]
    return {word: int(number) for number, word in re.findall(r"(\d+) (to \w+|\w+)", tail) if word != "changes"}


def test_a_deploy_from_preview_to_destroy(engine: Engine) -> None:
    assert summary(engine.run("preview")) == {"to create": RESOURCES}
    assert engine.left() == []
    up = engine.up()
    assert summary(up)["created"] == RESOURCES
    assert re.search(r"cloudfront *: \"d[a-z0-9]{13}\.cloudfront\.net\"", up)
    assert "hidden-token" not in engine.run("stack", "export")
    assert summary(engine.up()) == {"unchanged": RESOURCES}
    assert summary(engine.run("refresh", "--yes", "--skip-preview")) == {"unchanged": RESOURCES}

    engine.write_code("two")
    planned = json.loads(engine.run("preview", "--json"))
    changed = {(step["op"], *step["urn"].split("::")[2:]) for step in planned["steps"] if step["op"] != "same"}
    assert changed == {
        ("update", "aws:lambda/function:Function", "hello"),
        ("update", "aws:lambda/function:Function", "edge"),
        ("update", "aws:cloudfront/distribution:Distribution", "hello"),
        ("update", "alicloud:fc/v3Function:V3Function", "hello"),
        ("replace", "alicloud:oss/bucketObject:BucketObject", "code"),
    }
    up = engine.up()
    assert '"arn:aws:lambda:us-east-1:123456789012:function:edge-' in up
    assert summary(up)["updated"] == 4
    assert summary(engine.destroy()) == {"deleted": RESOURCES}
    assert engine.left() == []


@pytest.mark.parametrize("creations", [3, 14])
def test_a_killed_update_converges(engine: Engine, creations: int) -> None:
    process = engine.start("up", "--yes", "--skip-preview")
    deadline = time.monotonic() + 60
    while engine.creations() < creations and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert engine.creations() >= creations
    engine.run("cancel", "--yes")
    engine.up()
    assert summary(engine.up()) == {"unchanged": RESOURCES}
    engine.destroy()
    assert engine.left() == []


def test_ctrl_c_leaves_a_state_that_the_next_update_finishes(engine: Engine) -> None:
    process = engine.start("up", "--yes", "--skip-preview")
    deadline = time.monotonic() + 60
    while engine.creations() < 3 and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert "exited prematurely" not in output
    assert "Traceback" not in output
    engine.up()
    assert summary(engine.up()) == {"unchanged": RESOURCES}
    engine.destroy()
    assert engine.left() == []


def test_a_refusal_reads_as_the_clouds_and_the_next_update_works(engine: Engine) -> None:
    settings = engine.work / "Pulumi.test.yaml"
    right = settings.read_text()
    settings.write_text(right.replace("edgelambda.amazonaws.com", "events.amazonaws.com"))
    output = engine.up(expect=1)
    assert "operation error CloudFront: CreateDistribution" in output
    assert "must be assumable with edgelambda.amazonaws.com as well as lambda.amazonaws.com" in output
    assert "Traceback" not in output
    settings.write_text(right)
    engine.up()
    assert summary(engine.up()) == {"unchanged": RESOURCES}
