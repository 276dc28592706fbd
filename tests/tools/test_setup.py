"""How a machine is made ready: what is found, what is fetched, what a break or a second make does.

Does not prove that the CLI can be built: a script stands for Go here, since the real build takes minutes. The
first `make up` or `make test` on a new clone, and `.ci/run`, are that proof.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tools import commands, pulumi_cli, python_env, vendor
from tools.locking import only_one
from tools.places import Places
from tools.problem import Problem
from tools.process import QuietSteps, capture, run
from tools.screen import Step, duration, run_steps
from tools.stack import Stack, checkpoint, engine_runs, local_environment

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def places(tmp_path):
    places = Places(tmp_path)
    (tmp_path / "tools/cli").mkdir(parents=True)
    (tmp_path / "tools/language_host.py").write_text("print('host')\n")
    (tmp_path / "tools/cli/go.mod").write_text("require github.com/pulumi/pulumi/pkg/v3 v3.259.0 // indirect\n")
    return places


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """A folder that is first on PATH, of which the rest has neither pulumi nor go."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


class TestVersions:
    @pytest.mark.parametrize(
        ("text", "version"),
        [
            ("v3.259.0", (3, 259, 0)),
            ("3.300.1\n", (3, 300, 1)),
            ("v3.259.0-alpha.1", (3, 259, -1)),
            ("go1.26.8", (1, 26, 8)),
            ("go1.27", (1, 27, 0)),
            ("no number", None),
        ],
    )
    def test_parse(self, text, version):
        assert pulumi_cli.parse_version(text) == version

    def test_the_real_pin(self):
        pinned = pulumi_cli.parse_version(pulumi_cli.pinned_version(Places(PROJECT)))
        assert pinned is not None
        assert pinned >= pulumi_cli.OLDEST


class TestFindingTheCli:
    def test_the_machines_own(self, places, on_path):
        theirs = script(on_path / "pulumi", "echo v3.300.0")
        script(on_path / "pulumi-language-python", "")
        cli, origin = pulumi_cli.find(places)
        assert cli == pulumi_cli.Cli(theirs, ours=False)
        assert origin == f"pulumi 3.300.0 of this machine ({theirs})"

    def test_a_link_to_an_installation(self, places, on_path, tmp_path):
        (on_path / "pulumi").symlink_to(script(tmp_path / "opt/pulumi", "echo v3.259.0"))
        script(tmp_path / "opt/pulumi-language-python", "")
        cli, _ = pulumi_cli.find(places)
        assert cli is not None
        assert not cli.ours

    @pytest.mark.parametrize(
        ("told", "host", "reason"),
        [
            ("echo v3.258.9", True, "is older than 3.259.0"),
            ("exit 1", True, "is older than 3.259.0"),
            ("echo v3.259.0", False, "has no pulumi-language-python beside it"),
        ],
    )
    def test_not_good_enough(self, places, on_path, told, host, reason):
        script(on_path / "pulumi", told)
        if host:
            script(on_path / "pulumi-language-python", "")
        cli, origin = pulumi_cli.find(places)
        assert cli is None
        assert reason in origin

    def test_ours_on_path_is_not_the_machines(self, places, on_path, monkeypatch):
        self.build(places)
        monkeypatch.setenv("PATH", f"{places.bin}:/usr/bin:/bin")
        cli, origin = pulumi_cli.find(places)
        assert cli == pulumi_cli.Cli(places.bin / "pulumi", ours=True)
        assert "there is no pulumi on PATH" in origin

    def test_ours_of_another_pin_is_built_anew(self, places, on_path):
        self.build(places)
        assert pulumi_cli.find(places)[0]
        go_mod = places.root / "tools/cli/go.mod"
        go_mod.write_text(go_mod.read_text().replace("3.259", "3.260"))
        assert pulumi_cli.find(places)[0] is None

    def build(self, places):
        script(places.bin / "pulumi", "echo v3.259.0")
        script(places.bin / "pulumi-language-python-exec", "")


class TestBuilding:
    GO = """
case "$1" in
env) echo go1.26.9 ;;
list) echo "$HERE/sdk" ;;
build)
    env > "$HERE/environment"
    echo go: downloading example.org/a v1.0.0
    echo example.org/a
    if [ -e "$HERE/slow" ]; then sleep 60; fi
    while [ "$1" != -o ]; do shift; done
    printf '#!/bin/sh\\necho v3.259.0\\n' > "$2"; chmod 755 "$2" ;;
esac
"""

    @pytest.fixture
    def go(self, places, on_path, monkeypatch):
        monkeypatch.setenv("HERE", str(places.root))
        monkeypatch.setenv("GOPROXY", "https://proxy.example.org")
        script(places.root / "sdk/python/cmd/pulumi-language-python-exec", "").chmod(0o444)
        return script(on_path / "go", self.GO)

    def build(self, places):
        quiet = QuietSteps(places.logs)
        step = Step("pulumi CLI", lambda step: pulumi_cli.build(places, quiet, step))
        run_steps([step], quiet.stop)
        return step

    def test_the_whole_way(self, places, go, capsys):
        assert pulumi_cli.find(places)[0] is None
        step = self.build(places)
        assert pulumi_cli.find(places)[0] == pulumi_cli.Cli(places.bin / "pulumi", ours=True)
        assert "v3.259.0 built in" in step.detail
        assert not places.go.exists()
        assert "with go1.26.9 of this machine" in capsys.readouterr().err
        environment = (places.root / "environment").read_text().splitlines()
        assert "GOPROXY=https://proxy.example.org" in environment
        assert f"GOCACHE={places.go}/build" in environment
        assert "GOFLAGS=-modcacherw" in environment

    def test_again_over_a_read_only_executor(self, places, go):
        self.build(places)
        (places.bin / "pulumi-language-python-exec").chmod(0o444)
        (places.bin / "pulumi").unlink()
        self.build(places)
        assert pulumi_cli.find(places)[0]

    def test_a_break_leaves_no_cli_but_the_cache(self, places, go):
        (places.root / "slow").touch()
        quiet = QuietSteps(places.logs)

        def stop_soon(step):
            while "1 packages compiled" not in build.detail:
                time.sleep(0.02)
            raise KeyboardInterrupt

        build = Step("pulumi CLI", lambda step: pulumi_cli.build(places, quiet, step))
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            run_steps([build, Step("the user", stop_soon)], quiet.stop)
        assert time.monotonic() - began < 20
        assert pulumi_cli.find(places)[0] is None
        assert places.go.exists()
        (places.root / "slow").unlink()
        self.build(places)
        assert pulumi_cli.find(places)[0]

    def test_an_old_go_is_not_used(self, places, go):
        go.write_text(go.read_text().replace("go1.26.9", "go1.25.3"))
        assert pulumi_cli.machine_go(places) is None

    def test_a_failure_shows_the_last_words_and_the_log(self, places, go):
        go.write_text(go.read_text().replace("build)", "build) echo no route to proxy; exit 3"))
        with pytest.raises(Problem, match=r"exit code 3; the whole output is in .*go\.log(?s:.*)no route to proxy"):
            self.build(places)


class TestLanguageHostFiles:
    def test_written_once(self, places):
        pulumi_cli.install_language_host(places)
        host = places.bin / "pulumi-language-python"
        before = host.stat().st_mtime_ns
        pulumi_cli.install_language_host(places)
        assert host.stat().st_mtime_ns == before
        assert os.access(host, os.X_OK)

    def test_starts_in_any_folder_and_on_any_path(self, tmp_path):
        places = Places(tmp_path / "a clone")
        (places.root / "tools").mkdir(parents=True)
        (places.root / "tools/language_host.py").write_text("import sys; print(sys.argv[1:], sys.path[0])")
        script(places.python, f'exec {sys.executable} "$@"')
        pulumi_cli.install_language_host(places)
        told = capture([places.bin / "pulumi-language-python", "1.2.3.4:5"], Path("/"), dict(os.environ))
        assert told.stdout.startswith("['1.2.3.4:5']"), told.stderr
        assert str(places.bin) not in told.stdout


class TestRequirements:
    def test_a_change_anywhere_below_counts(self, places):
        (places.root / "localcloud").mkdir()
        (places.root / "localcloud/requirements.txt").write_text("-c ../constraints.txt\naiohttp\n")
        (places.root / "constraints.txt").write_text("aiohttp==1\n")
        dev = places.root / "requirements-dev.txt"
        dev.write_text("-r localcloud/requirements.txt\npytest\n")
        before = python_env.fingerprint(dev)
        assert python_env.fingerprint(dev) == before
        (places.root / "constraints.txt").write_text("aiohttp==2\n")
        assert python_env.fingerprint(dev) != before

    def test_what_a_larger_file_brought_is_there(self, places):
        (places.root / "requirements.txt").write_text("")
        (places.root / "requirements-dev.txt").write_text("-r requirements.txt\n")
        script(places.python, "echo Collecting nothing")
        files = [places.root / "requirements.txt", places.root / "requirements-dev.txt"]
        assert python_env.missing(places, files) == files
        python_env.install(places, files[1:], QuietSteps(places.logs), Step("pip", lambda _: None))
        assert python_env.missing(places, files) == []
        files[0].write_text("something\n")
        assert python_env.missing(places, files) == files

    def test_a_failed_install_leaves_no_stamp(self, places):
        file = places.root / "requirements.txt"
        file.write_text("no-such-package\n")
        script(places.python, "echo ERROR: No matching distribution; exit 1")
        with pytest.raises(Problem, match="No matching distribution"):
            python_env.install(places, [file], QuietSteps(places.logs), Step("pip", lambda _: None))
        assert python_env.missing(places, [file]) == [file]


class TestVirtualEnvironment:
    def test_a_whole_one_is_adopted(self, places, monkeypatch):
        places.tools.mkdir()
        places.venv.mkdir()
        (places.venv / "bin").symlink_to(Path(sys.prefix, "bin"))
        (places.venv / "pyvenv.cfg").write_text(Path(sys.prefix, "pyvenv.cfg").read_text())
        (places.venv / "lib").symlink_to(Path(sys.prefix, "lib"))
        assert not python_env.is_ready(places)
        python_env.create(places, QuietSteps(places.logs), Step("venv", lambda _: None))
        assert python_env.is_ready(places)
        assert not (places.logs / "venv.log").exists()

    def test_without_ensurepip_pip_comes_from_the_index(self, places, index, monkeypatch):
        monkeypatch.setattr(python_env.importlib.util, "find_spec", lambda name: None)
        python_env.create(places, QuietSteps(places.logs), Step("venv", lambda _: None))
        told = capture([places.python, "-m", "pip", "--version"], places.root, dict(os.environ))
        assert told.stdout.startswith("pip 0.0.1")
        assert python_env.is_ready(places)

    def test_a_wheel_of_other_bytes_is_refused(self, places, index, monkeypatch):
        monkeypatch.setattr(python_env, "_PIP_SHA256", "0" * 64)
        with pytest.raises(Problem, match="does not give the expected pip"):
            python_env.fetch_pip(places.cache)

    def test_an_index_out_of_reach_is_a_sentence_without_the_password(self, places, monkeypatch):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            monkeypatch.setenv("PIP_INDEX_URL", f"http://user:secret@127.0.0.1:{closed.getsockname()[1]}/simple")
            with pytest.raises(Problem, match="python3-venv") as refused:
                python_env.fetch_pip(places.cache)
        assert "secret" not in str(refused.value)

    @pytest.fixture
    def index(self, tmp_path, monkeypatch):
        """A package index with one small pip, which can do no more than be installed and tell its version."""
        wheel = tmp_path / "index" / python_env._PIP
        wheel.parent.mkdir()
        build = f"""
import zipfile
with zipfile.ZipFile({str(wheel)!r}, "w") as file:
    file.writestr("pip/__init__.py", "")
    file.writestr("pip/__main__.py", '''
import shutil, sys, sysconfig, zipfile
if sys.argv[1] == "install":
    zipfile.ZipFile(sys.argv[-1]).extractall(sysconfig.get_path("purelib"))
else:
    print("pip 0.0.1")
''')
"""
        subprocess.run([sys.executable, "-c", build], check=True)
        (wheel.parent / "index.html").write_text(f'<a href="../{wheel.name}#sha256=1">{wheel.name}</a>')

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                self.path = "/index.html" if self.path.endswith("/pip/") else f"/{wheel.name}"
                super().do_GET()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *given: Handler(*given, directory=str(wheel.parent))
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        monkeypatch.setattr(python_env, "_PIP_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
        yield
        server.shutdown()
        server.server_close()


class TestTwoAtOnce:
    def test_the_second_waits_and_says_so(self, tmp_path, capsys):
        order = []

        def second():
            with only_one(tmp_path / "lock", "waiting"):
                order.append("second")

        with only_one(tmp_path / "lock", "waiting"):
            thread = threading.Thread(target=second)
            thread.start()
            time.sleep(0.2)
            order.append("first")
        thread.join(5)
        assert order == ["first", "second"]
        assert capsys.readouterr().err == "waiting\n"

    def test_a_killed_holder_leaves_no_lock(self, tmp_path):
        code = f"""
import sys, time; sys.path.insert(0, {str(PROJECT)!r})
from pathlib import Path
from tools.locking import only_one
with only_one(Path({str(tmp_path / "lock")!r}), ""):
    print("held", flush=True); time.sleep(60)
"""
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
            assert holder.stdout
            holder.stdout.readline()
            holder.kill()
        with only_one(tmp_path / "lock", "must not wait"):
            pass

    def test_what_a_killed_make_left_running_holds_the_lock(self, tmp_path, capsys):
        code = f"""
import os, sys; sys.path.insert(0, {str(PROJECT)!r})
from pathlib import Path
from tools.locking import only_one
from tools.process import QuietSteps
folder = Path({str(tmp_path)!r})
with only_one(folder / "lock", "") as lock:
    QuietSteps(folder, lock).run("step", ["sh", "-c", "touch began; sleep 1; touch ended"], dict(os.environ), folder)
"""
        with subprocess.Popen([sys.executable, "-c", code]) as holder:
            while not (tmp_path / "began").exists():
                time.sleep(0.01)
            holder.kill()
        assert not (tmp_path / "ended").exists()
        with only_one(tmp_path / "lock", "waiting"):
            assert (tmp_path / "ended").exists()
        assert capsys.readouterr().err == "waiting\n"

    def test_an_engines_lock_counts_while_it_runs(self, tmp_path):
        engine = script(tmp_path / "pulumi", "sleep 60 & wait")
        lock = tmp_path / "lock.json"
        with subprocess.Popen([engine], start_new_session=True) as process:
            while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
                time.sleep(0.01)  # just started
            lock.write_text(json.dumps({"pid": process.pid, "hostname": socket.gethostname()}))
            assert engine_runs(lock)
            lock.write_text(json.dumps({"pid": process.pid, "hostname": "elsewhere"}))
            assert not engine_runs(lock)
            lock.write_text(json.dumps({"pid": process.pid, "hostname": socket.gethostname()}))
            os.killpg(process.pid, signal.SIGKILL)
        assert not engine_runs(lock)
        lock.write_text(json.dumps({"pid": os.getpid(), "hostname": socket.gethostname()}))
        assert not engine_runs(lock)  # our number, but no pulumi
        lock.write_text("{")
        assert not engine_runs(lock)


class TestProcesses:
    def test_the_first_failure_stops_the_others(self, tmp_path):
        quiet = QuietSteps(tmp_path)
        steps = [
            Step("slow", lambda _: quiet.run("slow", ["sleep", "60"], {"PATH": os.environ["PATH"]})),
            Step("bad", lambda _: quiet.run("bad", ["sh", "-c", "sleep 0.3; echo broken; exit 7"], dict(os.environ))),
        ]
        began = time.monotonic()
        with pytest.raises(Problem, match=r"bad ended with exit code 7(?s:.*)broken"):
            run_steps(steps, quiet.stop)
        assert time.monotonic() - began < 10

    def test_plain_progress_has_lines_and_no_escapes(self, capsys, monkeypatch):
        monkeypatch.setattr("tools.screen._PLAIN_SECONDS", 0.1)

        def work(step):
            step.detail = "3 packages compiled"
            time.sleep(0.35)

        run_steps([Step("pulumi CLI", work)], lambda: None)
        lines = capsys.readouterr().err.splitlines()
        assert "  pulumi CLI: 0 s, 3 packages compiled" in lines
        assert lines[-1] == "  done: pulumi CLI: 0 s, 3 packages compiled"
        assert "\x1b" not in "".join(lines)

    @pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (135, "2 min 15 s")])
    def test_duration(self, seconds, text):
        assert duration(seconds) == text

    def test_a_command_that_is_not_there(self, tmp_path):
        assert capture(["/nowhere/x"], tmp_path, {}).returncode == 127

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_waits_for_the_child_and_then_interrupts(self, tmp_path, number):
        ended = tmp_path / "ended"
        child = script(
            tmp_path / "child", f"trap 'sleep 0.3; touch {ended}; exit 3' INT TERM; echo up; sleep 60 & wait"
        )
        code = f"""
import sys; sys.path.insert(0, {str(PROJECT)!r})
import os
from pathlib import Path
from tools.process import run
try:
    run([{str(child)!r}], Path("/"), dict(os.environ))
except KeyboardInterrupt:
    print("interrupted")
"""
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == "up\n"
            if number == signal.SIGINT:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            assert process.stdout.readline() == "interrupted\n"
            os.killpg(process.pid, signal.SIGKILL)
        assert ended.exists()

    def test_run_returns_the_exit_code(self, tmp_path):
        assert run(["sh", "-c", "exit 9"], tmp_path, dict(os.environ)) == 9


USER = {
    "AWS_PROFILE": "prod",
    "AWS_CA_BUNDLE": "/ca.pem",
    "ALICLOUD_ACCESS_KEY": "key",
    "PULUMI_ACCESS_TOKEN": "token",
    "PULUMI_BACKEND_URL": "s3://state",
    "PULUMI_DEBUG_GRPC": "/tmp/grpc",
    "HTTPS_PROXY": "http://proxy",
}


class TestEnvironments:
    @pytest.fixture(autouse=True)
    def user(self, monkeypatch):
        for name, value in USER.items():
            monkeypatch.setenv(name, value)

    def test_local_sees_no_account(self, places):
        environment = local_environment(places)
        assert not {"AWS_PROFILE", "ALICLOUD_ACCESS_KEY", "PULUMI_ACCESS_TOKEN"} & set(environment)
        assert environment["PULUMI_BACKEND_URL"] == f"{places.state.as_uri()}?metadata=skip"
        assert environment["PULUMI_CONFIG_PASSPHRASE"] == ""
        for kept in ("AWS_CA_BUNDLE", "PULUMI_DEBUG_GRPC", "HTTPS_PROXY"):
            assert environment[kept] == USER[kept]

    def test_another_stack_sees_the_users_own_and_no_stand_in(self, places):
        stack = Stack(replace(places, stack="prod"), pulumi_cli.Cli(Path("/usr/bin/pulumi"), ours=False))
        environment = stack.environment()
        assert environment == dict(os.environ)
        assert "ISTHMUS_LOCAL_DIR" not in environment
        assert "PULUMI_IGNORE_AMBIENT_PLUGINS" not in environment


def test_a_damaged_state_file_is_a_sentence(places):
    file = places.state / ".pulumi/stacks/small/local.json"
    assert checkpoint(places) is None
    file.parent.mkdir(parents=True)
    file.write_text('{"checkpoint": {"latest": {"resources": [1]}}}')
    assert checkpoint(places) == {"resources": [1]}
    file.write_text('{"checkp')
    with pytest.raises(Problem, match=r"damaged: put back its copy local\.json\.bak"):
        checkpoint(places)


class TestWording:
    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"same": 35}, "0 changes, 35 unchanged"),
            ({"create": 2, "update": 1, "same": 3}, "3 changes (2 created, 1 updated), 3 unchanged"),
            ({}, "0 changes, 0 unchanged"),
        ],
    )
    def test_changes(self, changes, text):
        assert commands._told_changes(changes) == text

    @pytest.mark.parametrize(
        ("url", "reachable"),
        [
            ("https://d111.cloudfront.net/", "http://d111.cloudfront.net.localhost:80/"),
            ("https://x.fcapp.run", "http://x.fcapp.run.localhost:80"),
            ("https://x.on.aws/a?b=c", "http://x.on.aws.localhost:80/a?b=c"),
        ],
    )
    def test_reachable(self, url, reachable):
        assert commands.reachable(url, "80") == reachable

    def test_vendor_commands(self):
        arn = "arn:aws:lambda:us-east-1:123456789012:function:edge:3"
        assert "--region us-east-1" in vendor.invoke("edge", arn, "{}")
        assert "/aws/lambda/us-east-1.edge " in vendor.logs("edge", arn)
        assert """--body '{"a": "it'\\''s"}'""" in vendor.invoke("fc", "hello", """{"a": "it's"}""")
