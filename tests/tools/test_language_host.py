"""Our Python language host, spoken to as the engine speaks to it, as the process that set-up installs.

Does not prove that the engine is content with it: test_make.py runs real programs under the real engine. The
executor here is a stand-in that writes down how it was started.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from importlib import metadata
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from tools import language_host

HOST = Path(language_host.__file__)
EXECUTOR = """
import json, os, signal, sys, time
config = json.loads(os.environ["PULUMI_CONFIG"])
told = {"arguments": sys.argv[1:], "folder": os.getcwd(), "config": config, "environment": dict(os.environ)}
told["secret"] = json.loads(os.environ["PULUMI_CONFIG_SECRET_KEYS"])
with open(config["t:report"] + ".new", "w") as file:
    json.dump(told | {"pid": os.getpid()}, file)
os.rename(config["t:report"] + ".new", config["t:report"])
if config.get("t:deaf"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(float(config.get("t:sleep", 0)))
sys.exit(int(config.get("t:exit", 0)))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The host where set-up puts it, with the executor beside it; the engine's own folder is elsewhere."""
    folder = tmp_path_factory.mktemp("host") / "a bin"
    folder.mkdir()
    shutil.copy2(HOST, folder / "pulumi_language_python.py")
    (folder / language_host.EXECUTOR).write_text(EXECUTOR)
    return folder


class Host:
    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", folder / "pulumi_language_python.py", "127.0.0.1:1"],
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout
        self.channel = grpc.insecure_channel(f"127.0.0.1:{int(self.process.stdout.readline())}")
        self.call = language_pb2_grpc.LanguageRuntimeStub(self.channel)

    def close(self) -> tuple[int, str]:
        """End it as the engine does; returns exit code and all that it printed after the port."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        out, error = self.process.communicate(timeout=10)
        self.channel.close()
        return self.process.returncode, out + error


@pytest.fixture(scope="module")
def shared(folder):
    """One host for the calls that leave it as it was."""
    host = Host(folder)
    yield host
    assert host.close() == (0, "")


@pytest.fixture
def host(folder):
    host = Host(folder)
    yield host
    host.close()


def info(folder: Path, **options: str):
    packed = struct_pb2.Struct()
    packed.update(options)
    return language_pb2.ProgramInfo(
        root_directory=str(folder), program_directory=str(folder), entry_point=".", options=packed
    )


def run_request(tmp_path: Path, **config: str):
    return language_pb2.RunRequest(
        project="shop",
        stack="dev",
        pwd=str(tmp_path),
        monitor_address="127.0.0.1:2",
        parallel=7,
        dryRun=True,
        organization="organization",
        config={"t:report": str(tmp_path / "report.json"), **{f"t:{key}": value for key, value in config.items()}},
        configSecretKeys=["t:key"],
        info=info(tmp_path, virtualenv=sys.prefix, toolchain="pip"),
    )


def report(tmp_path: Path) -> dict:
    deadline = time.monotonic() + 10
    while not (tmp_path / "report.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return json.loads((tmp_path / "report.json").read_text())


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestRun:
    def test_what_the_program_gets(self, shared, tmp_path):
        assert shared.call.Run(run_request(tmp_path)) == language_pb2.RunResponse()
        told = report(tmp_path)
        assert told["arguments"] == (
            f"--monitor 127.0.0.1:2 --engine 127.0.0.1:1 --project shop --root_directory {tmp_path} --stack dev "
            f"--pwd {tmp_path} --dry_run true --parallel 7 --organization organization ."
        ).split(" ")
        assert told["folder"] == str(tmp_path)
        assert told["secret"] == ["t:key"]
        assert told["environment"]["VIRTUAL_ENV"] == sys.prefix
        assert told["environment"]["PATH"].startswith(f"{sys.prefix}/bin:")

    def test_the_address_of_the_handshake_counts(self, host, tmp_path):
        host.call.Handshake(language_pb2.LanguageHandshakeRequest(engine_address="127.0.0.1:9"))
        host.call.Run(run_request(tmp_path))
        assert report(tmp_path)["arguments"][2:4] == ["--engine", "127.0.0.1:9"]

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("32", language_pb2.RunResponse(bail=True)),
            ("1", language_pb2.RunResponse(error="program exited with non-zero exit code: 1")),
            ("77", language_pb2.RunResponse(error="program exited with non-zero exit code: 77")),
        ],
    )
    def test_exit_codes(self, shared, tmp_path, code, expected):
        assert shared.call.Run(run_request(tmp_path, exit=code)) == expected

    def test_a_killed_program_is_named(self, shared, tmp_path):
        running = shared.call.Run.future(run_request(tmp_path, sleep="30"))
        os.kill(report(tmp_path)["pid"], signal.SIGKILL)
        assert running.result(10).error == "program was ended by SIGKILL"

    def test_a_missing_environment_is_a_sentence(self, shared, tmp_path):
        request = run_request(tmp_path)
        request.info.CopyFrom(info(tmp_path, virtualenv="venv"))
        with pytest.raises(grpc.RpcError) as refused:
            shared.call.Run(request)
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert f"{tmp_path}/venv is no virtual environment" in refused.value.details()

    def test_another_toolchain_is_refused(self, shared, tmp_path):
        request = run_request(tmp_path)
        request.info.CopyFrom(info(tmp_path, toolchain="uv"))
        with pytest.raises(grpc.RpcError, match="toolchain other than pip"):
            shared.call.Run(request)

    def test_without_the_option_the_ambient_python_runs(self, shared, tmp_path):
        request = run_request(tmp_path)
        request.info.CopyFrom(info(tmp_path))
        assert shared.call.Run(request) == language_pb2.RunResponse()
        assert report(tmp_path)["environment"].get("VIRTUAL_ENV") == os.environ.get("VIRTUAL_ENV")


class TestEnd:
    def test_cancel_ends_the_program(self, host, tmp_path):
        running = host.call.Run.future(run_request(tmp_path, sleep="30"))
        pid = report(tmp_path)["pid"]
        host.call.Cancel(empty_pb2.Empty())
        assert running.result(10) == language_pb2.RunResponse(bail=True)
        assert not is_alive(pid)

    def test_a_call_that_the_engine_drops_ends_the_program(self, host, tmp_path):
        running = host.call.Run.future(run_request(tmp_path, sleep="30"))
        pid = report(tmp_path)["pid"]
        running.cancel()
        assert_gone(pid)

    def test_a_program_that_does_not_listen_is_killed(self, host, tmp_path):
        running = host.call.Run.future(run_request(tmp_path, sleep="30", deaf="yes"))
        pid = report(tmp_path)["pid"]
        time.sleep(0.2)
        host.call.Cancel(empty_pb2.Empty())
        assert not is_alive(pid)
        assert running.result(10).bail

    def test_sigint_is_silent_and_at_once(self, host, tmp_path):
        _running = host.call.Run.future(run_request(tmp_path, sleep="30"))
        pid = report(tmp_path)["pid"]
        began = time.monotonic()
        assert host.close() == (0, "")
        assert time.monotonic() - began < 2
        assert not is_alive(pid)

    def test_it_does_not_outlive_the_engine(self, folder):
        host = folder / "pulumi_language_python.py"
        script = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-P", {str(host)!r}, "127.0.0.1:1"], stdout=subprocess.PIPE, text=True)
print(child.pid, child.stdout.readline(), flush=True)
time.sleep(60)
"""
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as engine:
            assert engine.stdout
            pid = int(engine.stdout.readline().split()[0])
            engine.kill()
        assert_gone(pid)


def assert_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


class TestDescription:
    def test_plugin_info(self, shared):
        assert shared.call.GetPluginInfo(empty_pb2.Empty()).version == metadata.version("pulumi")

    def test_required_packages_are_the_installed_providers(self, shared, tmp_path):
        request = language_pb2.GetRequiredPackagesRequest(info=info(tmp_path, virtualenv=sys.prefix))
        found = {package.name: package for package in shared.call.GetRequiredPackages(request).packages}
        assert set(found) == {"aws", "alicloud"}
        assert found["aws"].version == "v" + metadata.version("pulumi_aws")
        assert found["aws"].kind == "resource"

    def test_dependencies_with_and_without_those_of_others(self, shared, tmp_path):
        def names(*, transitive: bool) -> set[str]:
            request = language_pb2.GetProgramDependenciesRequest(
                info=info(tmp_path, virtualenv=sys.prefix), transitiveDependencies=transitive
            )
            return {found.name for found in shared.call.GetProgramDependencies(request).dependencies}

        assert {"pulumi-aws", "pulumi", "grpcio"} <= names(transitive=True)
        assert "pulumi-aws" in names(transitive=False)
        assert not {"pulumi", "grpcio"} & names(transitive=False)

    def test_about(self, shared, tmp_path):
        answer = shared.call.About(language_pb2.AboutRequest(info=info(tmp_path, virtualenv=sys.prefix)))
        assert answer.executable == f"{sys.prefix}/bin/python"
        assert answer.version == ".".join(map(str, sys.version_info[:3]))

    @pytest.mark.parametrize(
        ("python", "semantic"),
        [
            ("7.51.1", "7.51.1"),
            ("1.2", "1.2.0"),
            ("2.0.0a5", "2.0.0-alpha.5"),
            ("2.0rc1", "2.0.0-rc.1"),
            ("1.0.0.dev3", None),
            ("1!2.0", None),
        ],
    )
    def test_versions(self, python, semantic):
        assert language_host.semantic_version(python) == semantic

    def test_a_package_may_say_that_it_has_no_plugin(self):
        package = {"name": "pulumi-random", "version": "1.0.0", "plugin": {"resource": False}}
        assert language_host.plugin_of(package) is None
        assert language_host.plugin_of({**package, "plugin": None}).name == "random"
        assert language_host.plugin_of({**package, "name": "requests", "plugin": None}) is None


class TestPlugins:
    def test_run_plugin_streams_both_outputs_and_the_exit_code(self, shared, tmp_path):
        (tmp_path / "__main__.py").write_text(
            "import os, sys\nprint(sys.argv[1:], os.environ['WORD'])\nprint('bad', file=sys.stderr)\nsys.exit(5)\n"
        )
        request = language_pb2.RunPluginRequest(
            pwd="/", args=["x"], env=["WORD=a=b"], info=info(tmp_path, virtualenv=sys.prefix), kind="resource"
        )
        answers = list(shared.call.RunPlugin(request))
        assert b"".join(answer.stdout for answer in answers) == b"['x'] a=b\n"
        assert b"".join(answer.stderr for answer in answers) == b"bad\n"
        assert answers[-1].exitcode == 5

    def test_a_cancelled_plugin_ends(self, shared, tmp_path):
        (tmp_path / "__main__.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
        request = language_pb2.RunPluginRequest(pwd="/", info=info(tmp_path, virtualenv=sys.prefix), kind="resource")
        stream = shared.call.RunPlugin(request)
        pid = int(next(stream).stdout)
        stream.cancel()
        assert_gone(pid)

    def test_a_policy_pack_takes_its_folder_last_and_runs_inside(self, tmp_path):
        request = language_pb2.RunPluginRequest(pwd="/", args=["addr"], info=info(tmp_path), kind="analyzer")
        command, folder = language_host.plugin_command(Path("python"), request)
        assert command[1:] == ["-u", "-m", "pulumi.policy", "addr", str(tmp_path)]
        assert folder == str(tmp_path)

    def test_a_package_runs_by_its_project_name(self, tmp_path):
        (tmp_path / "pyproject.toml").write_text('[project]\nname = "boxes"\n')
        request = language_pb2.RunPluginRequest(pwd="/w", args=["addr"], info=info(tmp_path), kind="resource")
        command, folder = language_host.plugin_command(Path("python"), request)
        assert command[1:] == ["-u", "-m", "pulumi.run.plugin", "boxes", "addr"]
        assert folder == "/w"


class TestInstall:
    def test_requirements_are_installed_and_the_output_streams(self, shared, tmp_path):
        (tmp_path / "requirements.txt").write_text(f"pulumi=={metadata.version('pulumi')}\n")
        request = language_pb2.InstallDependenciesRequest(info=info(tmp_path, virtualenv=sys.prefix))
        told = b"".join(answer.stdout for answer in shared.call.InstallDependencies(request))
        assert b"Requirement already satisfied: pulumi==" in told

    def test_a_failure_is_refused(self, shared, tmp_path):
        (tmp_path / "requirements.txt").write_text("--no-such-option\n")
        request = language_pb2.InstallDependenciesRequest(info=info(tmp_path, virtualenv=sys.prefix))
        with pytest.raises(grpc.RpcError, match=r"install -r requirements.txt ended with exit code \d"):
            list(shared.call.InstallDependencies(request))


def test_children_started_after_stop_are_ended():
    children = language_host.Children()
    threading.Thread(target=children.stop).start()
    while not children.stopped:
        time.sleep(0.01)
    with children.start(["sleep", "60"], None) as process:
        assert process.wait(1) == -signal.SIGTERM
