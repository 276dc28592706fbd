"""One Pulumi stack: its environment, its state, and what the engine is asked to do with it.

`local` and `demo` are stacks of local clouds, each of its own. Their state, `PULUMI_HOME` and providers are inside the
clone, their passphrase is empty, and no account, login or cloud credential of the user is visible to them. The stand-in
providers stand in the plugin cache of that `PULUMI_HOME` and plugins on PATH are ignored, so that no real
provider can be taken by mistake.

Every other stack is the user's: backend, login, passphrase, plugins and cloud credentials are those of the
shell (`PULUMI_BACKEND_URL` or `pulumi login`), and nothing of the local clouds can be seen from it. On a terminal
Pulumi asks before it changes a real account; a script that calls `make up` or `make down` has decided already.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.places import LOCAL_STACKS, Places
from tools.problem import Problem
from tools.process import capture, run
from tools.pulumi_cli import Cli
from tools.screen import say

_HIDDEN_FROM_LOCAL = ("PULUMI_", "AWS_", "ALICLOUD_", "ALIBABA_CLOUD_")
_KEPT_FOR_LOCAL = ("PULUMI_DEBUG_", "AWS_CA_BUNDLE")
_ORPHAN_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Stack:
    """The stack that the places are for, and the CLI that works on it."""

    places: Places
    cli: Cli

    @property
    def name(self) -> str:
        return self.places.stack

    @property
    def is_local(self) -> bool:
        return self.name in LOCAL_STACKS

    def environment(self) -> dict[str, str]:
        """The environment of every `pulumi` command on this stack."""
        if self.is_local:
            return local_environment(self.places)
        return {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"} if self.cli.ours else dict(os.environ)

    # Before an operation

    def prepare(self) -> None:
        """Bring providers and the stack itself into being."""
        if self.is_local:
            self.places.state.mkdir(parents=True, exist_ok=True)
            _install_stand_ins(self.places)
            if checkpoint(self.places) is not None:
                return
        elif not (self.places.root / f"Pulumi.{self.name.rsplit('/', 1)[-1]}.yaml").exists():
            raise Problem(
                f"STACK is {self.name!r}, but there is no Pulumi.{self.name}.yaml: "
                f"copy Pulumi.example.yaml to that name and fill it in, or leave STACK out for the local clouds."
            )
        made = self._capture("stack", "select", "--create", self.name)
        if made.returncode:
            raise Problem(f"The stack {self.name} cannot be opened: {_reason(made.stderr)}")

    def recover(self) -> bool:
        """Clear what an operation that was killed has left behind, on a local stack; whether there was any.

        Real stacks are left to Pulumi and the user: only they can know what happened in the account.
        """
        if not self.is_local:
            return False
        stale = self._stale_locks()
        if stale:
            say("An earlier run was broken off; its lock is removed.")
            self._capture("cancel", "--yes", "--stack", self.name)
        pending = _pending(self.places)
        if pending:
            say(f"Taking back {len(pending)} half-done operations of that run.")
            self._take_back()
        return bool(stale or pending)

    def _stale_locks(self) -> list[Path]:
        """Locks whose engine is gone, after waiting for every engine that still runs."""
        folder = self.places.state / ".pulumi/locks"
        told = False
        while any(engine_runs(lock) for lock in folder.rglob("*.json")):
            if not told:
                say("Another pulumi works on this stack; waiting for it.")
            told = True
            time.sleep(_ORPHAN_POLL_SECONDS)
        return list(folder.rglob("*.json"))

    def _take_back(self) -> None:
        """Remove from the local clouds what was created but never recorded, then the operations from the state.

        An export that is imported again loses its pending operations (Pulumi documentation, "Editing state
        files"); what was being updated or deleted is still recorded, and the next operation does it again.
        """
        exported = str(self.places.local / "recovery.json")
        forget = [self.places.python, "-m", "localcloud.control", "forget", exported]
        for step in (
            lambda: self._capture("stack", "export", "--file", exported, "--stack", self.name),
            lambda: capture(forget, self.places.root, self.environment()),
            lambda: self._capture("stack", "import", "--file", exported, "--stack", self.name),
        ):
            done = step()
            if done.returncode:
                raise Problem(f"The state of {self.name} cannot be repaired: {_reason(done.stderr)}")
        Path(exported).unlink()

    # Operations

    def up(self, *, refresh: bool) -> int:
        return self._operate("up", refresh=refresh, straight=("--suppress-outputs",))

    def preview(self) -> int:
        return run([*self._command("preview"), *self._display()], self.places.root, self.environment())

    def destroy(self, *, refresh: bool) -> int:
        return self._operate("destroy", refresh=refresh)

    def _operate(self, operation: str, *, refresh: bool, straight: tuple[str, ...] = ()) -> int:
        """Change the stack: a local one straight away, any other after a preview and, on a terminal, a question."""
        asks = sys.stdin.isatty() and sys.stdout.isatty()
        consent = ["--yes", "--skip-preview", *straight] if self.is_local else [] if asks else ["--yes"]
        options = [*consent, *self._display(), *(["--refresh"] if refresh else [])]
        return run([*self._command(operation), *options], self.places.root, self.environment())

    def _display(self) -> list[str]:
        plain = [] if sys.stdout.isatty() else ["--non-interactive", "--color", "never"]
        return [*plain, "--suppress-permalink=true"] if self.is_local else plain

    # What is there

    def exists(self) -> bool:
        """Whether the stack has ever been made."""
        if self.is_local:
            return checkpoint(self.places) is not None
        found = self._capture("stack", "select", self.name)
        if found.returncode and "no stack named" not in found.stderr:
            raise Problem(f"The stack {self.name} cannot be opened: {_reason(found.stderr)}")
        return found.returncode == 0

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs by name; secret ones are masked."""
        told = self._capture("stack", "output", "--json", "--stack", self.name)
        if told.returncode:
            raise Problem(f"The stack {self.name} has no outputs; run `make up` first. ({_reason(told.stderr)})")
        return json.loads(told.stdout)

    def last_changes(self) -> dict[str, int]:
        """How many resources the last operation created, updated and so on; `same` counts the untouched ones."""
        told = self._capture("stack", "history", "--json", "--page-size", "1", "--stack", self.name)
        entries = json.loads(told.stdout) if told.returncode == 0 else []
        return entries[0].get("resourceChanges") or {} if entries else {}

    def _command(self, *words: str) -> list[str | Path]:
        return [self.cli.path, *words, "--stack", self.name]

    def _capture(self, *words: str) -> Any:
        return capture([self.cli.path, *words, "--non-interactive"], self.places.root, self.environment())


def local_environment(places: Places) -> dict[str, str]:
    """The environment of a local stack: nothing of the user's accounts, everything inside the clone."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_HIDDEN_FROM_LOCAL) or name.startswith(_KEPT_FOR_LOCAL)
    }
    return {
        **kept,
        "PULUMI_HOME": str(places.pulumi_home),
        # A kill can leave an empty file beside the state for its metadata, which Pulumi then cannot read.
        "PULUMI_BACKEND_URL": f"{places.state.as_uri()}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "ISTHMUS_LOCAL_DIR": str(places.cloud),
    }


def engine_runs(lock: Path) -> bool:
    """Whether the engine that wrote this lock file (`{"pid": …, "hostname": …}`) still runs on this machine."""
    try:
        content = json.loads(lock.read_text())
        command = Path(f"/proc/{int(content['pid'])}/cmdline").read_bytes()
    except (OSError, ValueError, KeyError):
        return False
    return content.get("hostname") == socket.gethostname() and b"pulumi" in command


def checkpoint(places: Places) -> dict[str, Any] | None:
    """The state of a local stack as its file has it; None when the stack was never made."""
    for file in places.state.glob(f".pulumi/stacks/*/{places.stack}.json"):
        try:
            return json.loads(file.read_text())["checkpoint"].get("latest") or {}
        except (ValueError, KeyError, TypeError) as problem:
            raise Problem(f"The state file {file} is damaged: put back its copy {file.name}.bak.") from problem
    return None


def _pending(places: Places) -> list[dict[str, Any]]:
    return (checkpoint(places) or {}).get("pending_operations") or []


def _install_stand_ins(places: Places) -> None:
    """Put the stand-in providers into the plugin cache, at the versions that the installed SDKs ask for."""
    command = [places.python, "-m", "localcloud.control", "install", places.stand_ins]
    done = capture(command, places.root, local_environment(places))
    if done.returncode:
        raise Problem(f"The stand-in providers cannot be installed: {_reason(done.stderr)}")
    for provider in places.stand_ins.glob("pulumi-resource-*"):
        name = provider.name.removeprefix("pulumi-resource-")
        folder = places.pulumi_home / "plugins" / f"resource-{name}-v{_sdk_version(places, name)}"
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / provider.name
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(provider, folder.resolve()))


def _sdk_version(places: Places, name: str) -> str:
    for file in places.venv.glob(f"lib/python3*/site-packages/pulumi_{name}/pulumi-plugin.json"):
        return json.loads(file.read_text())["version"]
    raise Problem(f"The Python package pulumi_{name} is not installed: add it to requirements.txt.")


def _reason(text: str) -> str:
    """What a command wrote to stderr, as one line."""
    return " ".join(text.split()).removeprefix("error: ") or "no reason was given"
