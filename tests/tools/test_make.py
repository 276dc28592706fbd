"""The commands as a user gives them, on a small project with the real CLI and a provider of its own.

Does not prove that the product's own program, providers and data plane work: tests/engine does that. The small
project's data plane only writes down how it was called. `make test` here runs a test of the small project.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from localcloud.store import Store

THING = "aws:small/thing:Thing"
LAMBDA = "lambda http://abcdefghij.lambda-url.ap-northeast-1.on.aws.localhost:8999/"
FC = "fc http://hello-abcdefghij.cn-hongkong.fcapp.run.localhost:8999"


def things(tree, cloud: str = ".local/cloud") -> list[str]:
    store = Store(tree.root / cloud)
    try:
        return [resource.id for resource in store.list(THING)]
    finally:
        store.close()


def assert_sentence(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    for part in parts:
        assert part in done.stderr


class TestLife:
    """One deployment from the first `up` to `clean`; the tests are its steps, in order."""

    def test_down_before_anything(self, tree):
        done = tree.make("down")
        assert done.returncode == 0
        assert "Nothing is deployed" in done.stdout

    def test_urls_before_anything(self, tree):
        assert_sentence(tree.make("urls"), "run `make up` first")

    def test_first_up(self, tree):
        done = tree.make("up", "PORT=8999")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "3 changes (3 created), 0 unchanged" in done.stdout
        assert done.stdout.splitlines()[-2:] == [LAMBDA, FC]
        assert things(tree) == ["a", "b"]
        assert tree.calls() == [["start", "--port", "8999"]]
        assert "warning" not in (done.stdout + done.stderr).lower()

    def test_second_up_changes_nothing(self, tree):
        done = tree.make("up", "PORT=8999")
        assert done.returncode == 0
        assert "\n0 changes, 3 unchanged\n" in done.stdout

    def test_the_stack_file_is_not_rewritten(self, tree):
        assert (tree.root / "Pulumi.local.yaml").read_text().count("\n") == 3

    def test_preview_names_what_would_change(self, tree):
        tree.edit("a b", "a b c")
        done = tree.make("preview")
        assert done.returncode == 0
        assert "aws:small:Thing c create" in done.stdout
        assert "aws:small:Thing b" not in done.stdout
        assert things(tree) == ["a", "b"]
        tree.edit("a b c", "a b")

    def test_urls_have_the_port_of_what_runs(self, tree):
        done = tree.make("urls")
        assert done.stdout.splitlines() == [LAMBDA, FC]

    def test_invoke_passes_the_event_on_as_it_was_typed(self, tree):
        event = """{"text": "it's $HOME $(HOME) `id` \\" #"}"""
        done = tree.make("invoke", "FN=lambda", f"EVENT={event}")
        assert done.returncode == 0, done.stderr
        arn = "arn:aws:lambda:ap-northeast-1:123456789012:function:hello"
        assert tree.calls()[-1] == ["invoke", "lambda", arn, "--event", event]

    def test_logs(self, tree):
        assert tree.make("logs", "FN=lambda").returncode == 0
        assert tree.calls()[-1][:2] == ["logs", "lambda"]

    def test_an_event_that_is_no_json(self, tree):
        assert_sentence(tree.make("invoke", "FN=lambda", "EVENT={a}"), "EVENT is '{a}', but must be JSON")

    def test_a_function_that_is_not_deployed(self, tree):
        assert_sentence(tree.make("invoke", "FN=fc"), "no function 'fc'")

    def test_a_taken_port(self, tree):
        assert_sentence(tree.make("up", "PORT=81"), "Port 81 is taken")

    @pytest.mark.parametrize("fail", ["exception", "told", "run-error"])
    def test_a_failing_program_is_told_once(self, tree, fail):
        tree.edit("small:names", f"small:fail: {fail}\n  small:names")
        done = tree.make("preview")
        tree.edit(f"small:fail: {fail}\n  small:names", "small:names")
        message = {
            "exception": "ValueError: a bug",
            "told": "error: settings: memory is 1, but must be 128 or more.",
            "run-error": "error: the setting is wrong",
        }[fail]
        diagnostics = done.stdout.partition("Diagnostics:")[2]
        assert done.returncode != 0
        assert diagnostics.count(message) == 1
        assert ("Traceback" in diagnostics) == (fail == "exception")
        assert (diagnostics.count("error:") > 1) == (fail == "run-error")  # the engine's own word on exit code 1

    def test_the_demo_has_clouds_of_its_own(self, tree):
        (tree.root / "Pulumi.demo.yaml").write_text((tree.root / "Pulumi.local.yaml").read_text().replace("a b", "a"))
        done = tree.make("up", "STACK=demo", "PORT=8998")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "2 changes (2 created), 0 unchanged" in done.stdout
        assert done.stdout.splitlines()[-1] == FC.replace("8999", "8998")
        assert things(tree, ".local/demo/cloud") == ["a"]
        assert things(tree) == ["a", "b"]
        assert tree.make("urls").stdout.splitlines() == [LAMBDA, FC]
        assert "0 changes, 3 unchanged" in tree.make("up", "PORT=8999").stdout

    def test_clean_keeps_what_is_deployed(self, tree):
        (tree.root / "dist").mkdir()
        assert_sentence(tree.make("clean"), "run `make down` first")
        assert not (tree.root / "dist").exists()
        assert tree.state()["resources"]

    def test_down(self, tree):
        done = tree.make("down")
        assert done.returncode == 0, done.stdout + done.stderr
        assert not (tree.root / ".local/cloud").exists()
        assert "has stopped" in done.stdout

    def test_down_again(self, tree):
        assert tree.make("down").returncode == 0

    def test_down_leaves_the_demo_alone_and_so_does_clean(self, tree):
        assert things(tree, ".local/demo/cloud") == ["a"]
        assert_sentence(tree.make("clean"), "run `make down STACK=demo` first")
        assert "has stopped" in tree.make("down", "STACK=demo").stdout
        assert not (tree.root / ".local/demo/cloud").exists()

    def test_clean(self, tree):
        assert tree.make("clean").returncode == 0
        assert not (tree.root / ".local").exists()
        assert (tree.root / ".tools").exists()


class TestBrokenOff:
    """What was stopped in the middle, and the run after it."""

    @pytest.fixture(autouse=True)
    def slow(self, tree):
        tree.edit("small:names", "small:seconds: 4\n  small:names")
        yield
        assert tree.make("down").returncode == 0

    def stopped_while_creating(self, tree, number: signal.Signals) -> tuple[int, str]:
        process = tree.start("up", "PORT=8999")
        deadline = time.monotonic() + 30
        while not (tree.root / ".local/cloud/cloud.db").exists() or "a" not in things(tree):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.killpg(process.pid, number)
        output = process.communicate(timeout=60)[0]
        tree.edit("small:seconds: 4\n  small:names", "small:names")
        return process.returncode, output

    def test_ctrl_c_ends_in_order_and_up_goes_on(self, tree):
        code, output = self.stopped_while_creating(tree, signal.SIGINT)
        assert code in (-signal.SIGINT, 2, 130)
        assert "Traceback" not in output
        assert "KeyboardInterrupt" not in output
        assert not tree.state().get("pending_operations")
        self.assert_converges(tree)

    def test_kill_9_leaves_half_a_thing_and_up_repairs(self, tree):
        self.stopped_while_creating(tree, signal.SIGKILL)
        assert "a" in things(tree)
        assert THING not in {resource["type"] for resource in tree.state()["resources"]}
        self.assert_converges(tree)

    def assert_converges(self, tree) -> None:
        done = tree.make("up", "PORT=8999")
        assert done.returncode == 0, done.stdout + done.stderr
        assert things(tree) == ["a", "b"]
        assert not tree.state().get("pending_operations")
        assert "0 changes, 3 unchanged" in tree.make("up", "PORT=8999").stdout


def test_ctrl_c_while_the_program_runs_shows_no_traceback(tree):
    tree.edit("small:names", "small:fail: sleep\n  small:names")
    process = tree.start("preview")
    assert process.stdout
    shown = []
    while "program sleeps" not in "".join(shown):
        line = process.stdout.readline()
        assert line, "".join(shown)
        shown.append(line)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output = "".join(shown) + process.communicate(timeout=60)[0]
    tree.edit("small:fail: sleep\n  small:names", "small:names")
    assert time.monotonic() - began < 8
    assert "Traceback" not in output
    assert "always a bug" not in output


def test_another_stack_goes_to_the_users_own_pulumi_and_sees_no_stand_in(tree, tmp_path):
    (tree.root / "Pulumi.prod.yaml").write_text("config: {}\n")
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:f"
    pulumi, report = tmp_path / "pulumi", tmp_path / "report"
    pulumi.write_text(f"""#!/bin/sh
case "$1 $2" in
"version ") echo v3.300.0 ;;
"stack history") echo '[{{"resourceChanges": {{"create": 4}}}}]' ;;
"stack output") echo '{{"function_url": "https://abc.on.aws/", "function_arn": "{arn}"}}' ;;
up*) echo "$*" > {report}; env >> {report} ;;
esac
""")
    (tmp_path / "pulumi-language-python").touch()
    pulumi.chmod(0o755)
    mine = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "AWS_PROFILE": "prod"}
    done = tree.make("up", "STACK=prod", **mine)
    assert done.returncode == 0, done.stderr
    assert f"pulumi 3.300.0 of this machine ({pulumi})" in done.stderr
    assert done.stdout.splitlines() == ["4 changes (4 created), 0 unchanged", "lambda https://abc.on.aws/"]
    command, *environment = report.read_text().splitlines()
    assert command == "up --stack prod --yes --non-interactive --color never"
    assert "AWS_PROFILE=prod" in environment
    assert f"PATH={mine['PATH']}" in environment
    assert not [line for line in environment if line.startswith(("PULUMI_", "ISTHMUS_", "STACK="))]
    refused = tree.make("invoke", "STACK=prod", "FN=lambda", "EVENT={}", **mine)
    assert_sentence(refused, f"aws lambda invoke --function-name {arn} --region eu-west-1")


def test_help_lists_every_command(tree):
    listed = tree.make().stdout
    for command in (
        "up",
        "preview",
        "down",
        "demo-site",
        "urls",
        "invoke",
        "logs",
        "asset",
        "test",
        "check",
        "bench",
        "clean",
    ):
        assert f"  make {command}" in listed


def test_no_python_is_one_sentence(tree):
    done = subprocess.run(
        ["make", "PYTHON=/nowhere/python", "help"], cwd=tree.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "No Python 3.11 or newer" in done.stderr


def test_pythons_that_do_not_start_or_are_too_old_are_skipped(tree, tmp_path):
    for name, script in (("python3", "exit 127"), ("python3.14", 'echo 3.9; case "$2" in *sqlite3*) exit 1; esac')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "python3.13").symlink_to(Path(tree.command()[2].removeprefix("PYTHON=")))
    done = subprocess.run(
        ["make", "-n", "help"],
        cwd=tree.root,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "python3.13 -m tools help\n"


@pytest.mark.parametrize(
    ("arguments", "accepted"),
    [
        (["invoke", "FN=other"], "lambda, edge, fc or site"),
        (["logs"], "lambda, edge, fc or site"),
        (["test", "LAYER=three"], "one of one, two"),
        (["bench", "ONLY=none"], "one of quick, slow"),
        (["up", "PORT=99999"], "from 1 to 65535"),
        (["up", "PORT=http"], "from 1 to 65535"),
        (["up", "STACK=production"], "copy Pulumi.example.yaml"),
        (["demo-site", "STACK=local"], "has a stack of its own, demo"),
    ],
)
def test_a_wrong_value_is_one_sentence(tree, arguments, accepted):
    done = tree.make(*arguments)
    assert_sentence(done, accepted)
    assert done.stderr.count("error: ") == 1


def test_a_layer_alone_and_the_exit_code_of_a_failure(tree):
    assert tree.make("test", "LAYER=one").returncode == 0
    assert tree.make("test").returncode != 0


def test_bench_one_and_all(tree):
    assert tree.make("bench", "ONLY=slow").stdout == "slow took 9 ms\n"
    assert tree.make("bench").stdout == "quick took 1 ms\nslow took 9 ms\n"


def test_asset_prints_the_path_last(tree):
    assert tree.make("asset").stdout.splitlines()[-1] == "dist/function.zip"


def test_asset_builds_the_handlers_of_the_stack(tree):
    (tree.root / "Pulumi.mine.yaml").write_text("config:\n  small:handler: handlers.mine.handler\n")
    told = tree.make("asset", "STACK=mine").stdout
    assert "--handler=handlers.mine.handler --edge-handler=handlers.edge.handler --interpreter=host" in told
    assert "--cloud=aws\n" in told


def test_asset_names_a_stack_file_that_cannot_be_read(tree):
    (tree.root / "Pulumi.broken.yaml").write_text("config: [")
    told = tree.make("asset", "STACK=broken")
    assert told.returncode != 0
    assert "Pulumi.broken.yaml cannot be read" in told.stderr
    assert "Traceback" not in told.stderr
