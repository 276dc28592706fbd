"""A hostile build: what it can read, what it can leave behind, what it can do to the handler.

Does not prove that a build cannot reach the network, which it needs; nor that a kernel has no holes. The tests as a
user other than root run in a process of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from handlers.site_build import sandbox
from handlers.site_build.log import Log
from handlers.site_build.problem import SiteBuildError
from tests.handlers.site_build.conftest import Cloud, project

ROOT = Path(__file__).parents[3]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a build a user of its own")

SPY = """
const fs = require('fs'), cp = require('child_process');
const found = {env: process.env, read: [], hits: [], uid: process.getuid(), groups: process.getgroups(),
  status: fs.readFileSync('/proc/self/status', 'utf8')};
const look = (path) => {
  try {
    const text = fs.readFileSync(path, 'latin1');
    found.read.push(path);
    if (text.includes('hidden-')) found.hits.push(path);
  } catch (error) {}
};
for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)))
  for (const name of ['environ', 'cmdline', 'auxv']) look(`/proc/${pid}/${name}`);
const memory = (pid) => {
  try {
    fs.openSync(`/proc/${pid}/mem`, 'r');
    found.hits.push(`mem of ${pid}`);
  } catch (error) { found.memory = error.code; }
};
memory(process.env.HANDLER_PID);
try { fs.readdirSync(`/proc/${process.env.HANDLER_PID}/fd`); found.hits.push('fd'); } catch (error) {}
try { process.kill(Number(process.env.HANDLER_PID), 'SIGUSR1'); found.hits.push('kill'); }
catch (error) { found.kill = error.code; }
for (const path of ['..', '../archive', '../stored', '/root']) {
  try { fs.readdirSync(path); found.hits.push(path); } catch (error) {}
}
fs.mkdirSync('dist');
fs.writeFileSync('dist/index.html', JSON.stringify(found));
"""


@as_root
def test_a_hostile_script_finds_no_credentials(cloud: Cloud):
    cloud.upload(project(build__js=SPY))
    cloud.run(env={"HANDLER_PID": str(os.getpid())})
    found = json.loads(cloud.site["index.html"])
    assert found["hits"] == []
    assert found["memory"] == "EACCES"
    assert found["kill"] == "EPERM"
    assert f"/proc/{os.getpid()}/environ" not in found["read"]
    assert "hidden" not in json.dumps(found["env"])
    own = [name for name in found["env"] if name.startswith(("ALIBABA", "AWS", "OSS", "SITE", "FC_", "CDN"))]
    assert own == []
    assert 61184 <= found["uid"] <= 65519
    assert set(found["groups"]) <= {found["uid"]}
    assert "NoNewPrivs:\t1" in found["status"]
    assert "CapEff:\t0000000000000000" in found["status"]
    assert "CapPrm:\t0000000000000000" in found["status"]


AS_SOMEBODY = """
import ctypes, os, selectors, subprocess, threading, time
from pathlib import Path
from handlers.site_build import sandbox
from handlers.site_build.log import Log
home = Path({home!r})
os.chdir("/"); os.setgroups([]); os.setgid(65533); os.setuid(65533)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as after an exec: changing the user has closed the memory already
assert sandbox.own_uid() is None
box = sandbox.Sandbox(home, None, Log())
def look():
    script = "cat /proc/$1/environ; ls /proc/$1/fd; head -c 1 /proc/$1/mem; env; true"
    box.run("build", ["/bin/sh", "-c", script, "sh", str(os.getpid())], home, {{}}, time.monotonic() + 20)
look()
print("PROTECTED", flush=True)
sandbox.protect()
look()
"""


@as_root
def test_the_handler_is_closed_to_a_build_of_the_same_user(tmp_path):
    """The first look shows what a build could see without the protection."""
    os.chown(tmp_path, 65533, 65533)
    for folder in tmp_path.parents[:3]:
        folder.chmod(folder.stat().st_mode | 0o011)
    env = {"PATH": "/usr/bin:/bin", "ALIBABA_CLOUD_SECURITY_TOKEN": "hidden-token", "PYTHONDONTWRITEBYTECODE": "1"}
    code = AS_SOMEBODY.format(home=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.split("PROTECTED")
    assert "hidden-token" in before
    assert "hidden" not in after
    assert after.count("ermission denied") == 3
    assert "HOME=" in after


def box(tmp_path: Path) -> tuple[sandbox.Sandbox, int | None]:
    sandbox.protect()
    uid = sandbox.own_uid()
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if os.geteuid() == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    if uid is not None:
        os.chown(tmp_path, uid, uid)
    return sandbox.Sandbox(tmp_path, uid, Log()), uid


def alive(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


DAEMON = "(setsid sh -c 'setsid sleep {0} & setsid sh -c \"sleep {0} & wait\" & wait' >/dev/null 2>&1 &) ; sleep 0.2"


@pytest.mark.parametrize("ends", ["by itself", "by failing", "by timeout"])
def test_no_process_outlives_a_build(tmp_path, cloud, ends):  # the cloud puts this process right again
    mark = str(7_000_000 + os.getpid() + len(ends))
    runner, _ = box(tmp_path)
    command = DAEMON.format(mark) + {"by itself": "", "by failing": "; exit 1", "by timeout": "; sleep 100"}[ends]
    until = time.monotonic() + (2 if ends == "by timeout" else 60)
    try:
        runner.run("build", ["/bin/sh", "-c", command], tmp_path, {}, until)
    except SiteBuildError as error:
        told = str(error)
    else:
        told = ""
    wanted = {"by itself": "", "by failing": "exit code 1", "by timeout": "did not end"}[ends]
    assert wanted in told
    assert bool(wanted) == bool(told)
    assert alive(mark) == []
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # no zombie is left either


def test_a_build_that_forks_as_fast_as_it_can_is_ended(tmp_path, cloud):
    mark = str(8_000_000 + os.getpid())
    runner, uid = box(tmp_path)
    if uid is None:
        pytest.skip("without a user of its own, the limit of processes would count the tester's")
    command = f"while :; do (setsid sleep {mark} &); done"
    with pytest.raises(SiteBuildError, match=r"did not end in its time|failed with exit code"):
        runner.run("build", ["/bin/sh", "-c", command], tmp_path, {}, time.monotonic() + 1.5)
    assert alive(mark) == []


def test_children_of_the_handler_itself_are_left_alone(tmp_path, cloud):
    mine = subprocess.Popen(["sleep", "60"])
    runner, _ = box(tmp_path)
    runner.run("build", ["true"], tmp_path, {}, time.monotonic() + 20)
    assert mine.poll() is None
    mine.kill()
    mine.wait()


def test_a_program_that_closes_its_output_is_still_waited_for(tmp_path, cloud):
    runner, _ = box(tmp_path)
    command = ["/bin/sh", "-c", "exec >&- 2>&-; sleep 0.5; touch done"]
    runner.run("build", command, tmp_path, {}, time.monotonic() + 20)
    assert (tmp_path / "done").exists()


def test_a_program_that_is_not_there(tmp_path, cloud):
    runner, _ = box(tmp_path)
    with pytest.raises(SiteBuildError, match=r"exit code 12[67].*no-such-program"):
        runner.run("build", ["no-such-program"], tmp_path, {}, time.monotonic() + 20)


def test_only_listed_variables_pass_and_no_password_of_a_proxy(tmp_path, cloud, monkeypatch, capsys):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hidden-password@proxy:1")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
    monkeypatch.setenv("SOME_SECRET", "hidden-other")
    runner, _ = box(tmp_path)
    runner.run("build", ["env"], tmp_path, {"GIVEN": "1"}, time.monotonic() + 20)
    out = capsys.readouterr().out
    assert "hidden" not in out
    names = {line.split("=")[0].removeprefix("build | ") for line in out.splitlines() if "=" in line}
    assert {"GIVEN", "HTTP_PROXY", "PATH", "HOME", "CI"} <= names


@as_root
def test_a_build_cannot_call_the_handler_while_it_runs(cloud: Cloud):
    """A build can reach the function's own port; a second event in the same instance is refused."""
    from handlers.site_build import handler

    cloud.upload(project(build__js="require('http').get(process.env.BACK,()=>process.exit(1))"))
    told: list[str] = []

    def call_back(call):
        if call.key == "back":
            try:
                handler({"source": {"bucket": "source", "key": "projects/other.zip"}}, cloud.context("b"))
            except SiteBuildError as error:
                told.append(str(error))

    cloud.buckets.fault = call_back
    with pytest.raises(SiteBuildError, match="exit code 1"):
        cloud.run(env={"BACK": f"http://127.0.0.1:{cloud.port}/back"})
    assert told == ["A build is running in this instance; give the function a concurrency of 1."]
