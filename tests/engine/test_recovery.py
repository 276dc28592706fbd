"""What goes wrong on a user's machine, on the real engine: half-finished runs and wrong input.

Does not prove recovery on the real clouds, where a request that was under way may or may not have been
carried out; the stand-ins finish the operation that runs when they are interrupted.
"""

from __future__ import annotations

import re
import signal
import socket
import time

import pytest
import yaml

pytestmark = pytest.mark.engine


def wait_for_creates(workspace, count: int) -> None:
    """Wait until the control plane has begun that many creations."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        begun = [call for call in workspace.control_log() if call["method"] == "Create" and not call["preview"]]
        if len(begun) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"fewer than {count} creations began")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill-9"])
def test_an_up_that_was_cut_off_is_taken_up_again(workspace, number):
    process = workspace.start("up")
    wait_for_creates(workspace, 8)
    shown = workspace.kill(process, number)
    assert process.returncode != 0
    assert "Traceback" not in shown

    assert "created" in workspace.make("up").stdout
    again = workspace.make("up").stdout
    assert re.search(r"\d+ unchanged", again)
    assert not re.search(r"\d+ (created|updated|replaced|deleted)", again)

    workspace.make("down")
    assert workspace.control_log() == []


def refused(workspace, *arguments: str) -> str:
    done = workspace.make(*arguments, check=False)
    shown = done.stdout + done.stderr
    assert done.returncode != 0, shown
    assert "Traceback" not in shown, shown
    return shown


@pytest.fixture
def setting(workspace):
    """Change the stack's settings for one test."""
    file = workspace.root / "Pulumi.local.yaml"
    before = file.read_text()

    def change(**values: object) -> None:
        stack = yaml.safe_load(before)
        stack["config"].update({f"isthmus:{name}": value for name, value in values.items()})
        file.write_text(yaml.safe_dump(stack))

    yield change
    file.write_text(before)


def test_all_wrong_settings_are_named_together_with_the_remedy(workspace, setting):
    setting(memoryMb=64, edgeEvent="viewer-respons", timeoutS=901)
    shown = refused(workspace, "preview")
    for name in ("memoryMb", "edgeEvent", "timeoutS"):
        assert name in shown
    assert "viewer-response" in shown


def test_a_missing_handler_module(workspace, setting):
    setting(handler="handlers.helo.handler")
    shown = refused(workspace, "preview")
    assert "handlers.helo" in shown or "handlers/helo.py" in shown


def test_a_handler_without_the_function(workspace, setting):
    setting(handler="handlers.hello.main")
    assert "main" in refused(workspace, "preview")


def test_a_handler_that_does_not_parse(workspace):
    file = workspace.root / "handlers/hello.py"
    before = file.read_text()
    file.write_text(before + "\ndef broken(:\n")
    try:
        assert "handlers/hello.py" in refused(workspace, "preview")
    finally:
        file.write_text(before)


def test_a_taken_port_is_named_and_the_next_run_works(workspace):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", workspace.port))
        taken.listen()
        shown = refused(workspace, "up")
        assert str(workspace.port) in shown
        assert "PORT=" in shown

    assert workspace.make("up").returncode == 0
    workspace.make("down")


@pytest.mark.parametrize("off", ["aws", "alibaba"])
def test_either_cloud_can_be_switched_off(workspace, setting, off):
    setting(**{off: False})
    workspace.make("up")
    names = set(workspace.urls())
    assert names == ({"fc", "cdn"} if off == "aws" else {"cloudfront", "lambda"})
    workspace.make("down")
