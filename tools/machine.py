"""Makes the machine ready for one command, and does nothing where it is ready."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from functools import partial

from tools import pulumi_cli, python_env
from tools.locking import only_one
from tools.places import Places
from tools.process import QuietSteps
from tools.pulumi_cli import Cli
from tools.screen import Step, run_steps, say

PROGRAM = ("requirements.txt",)
LOCAL = ("requirements.txt", "localcloud/requirements.txt")
DEVELOPMENT = ("requirements-dev.txt",)


@dataclass(frozen=True)
class Missing:
    """What a command needs and the machine does not have yet."""

    venv: bool
    requirements: list
    cli: bool

    def __bool__(self) -> bool:
        return self.venv or bool(self.requirements) or self.cli


def make_ready(places: Places, requirements: tuple[str, ...], *, cli: bool) -> Cli | None:
    """Bring the virtual environment, the packages of these requirements files and, if asked for, the CLI.

    Returns the CLI when asked for. Safe to be broken off at any point and to be run twice at once; raises
    Problem with a remedy when something cannot be had.
    """
    found, origin = pulumi_cli.find(places) if cli else (None, "")
    if _missing(places, requirements, cli=cli and not found):
        with only_one(places.tools / "lock", "Another make is setting up this clone; waiting for it.") as lock:
            found, origin = _set_up(places, requirements, QuietSteps(places.logs, lock), cli=cli)
    if found and found.ours:
        pulumi_cli.install_language_host(places)
    if found:
        _tell_once(places, origin)
    return found


def _missing(places: Places, requirements: tuple[str, ...], *, cli: bool) -> Missing:
    venv = not python_env.is_ready(places)
    files = [places.root / name for name in requirements]
    return Missing(venv, files if venv else python_env.missing(places, files), cli)


def _set_up(places: Places, requirements: tuple[str, ...], quiet: QuietSteps, *, cli: bool) -> tuple[Cli | None, str]:
    found, origin = pulumi_cli.find(places) if cli else (None, "")
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if _missing(places, requirements, cli=False).venv:
            say("Setting up (once; all of it goes into .tools):")
            create = Step("virtual environment", lambda step: python_env.create(places, quiet, step))
            run_steps([create], quiet.stop)
        missing = _missing(places, requirements, cli=cli and not found)
        steps = []
        if missing.requirements:
            install = partial(python_env.install, places, missing.requirements, quiet)
            steps.append(Step("Python packages", install))
        if missing.cli:
            say(f"The pulumi CLI is built here, as {origin}; that takes some minutes, once.")
            steps.append(Step("pulumi CLI", partial(pulumi_cli.build, places, quiet)))
        run_steps(steps, quiet.stop)
    finally:
        signal.signal(signal.SIGTERM, before)
    return pulumi_cli.find(places) if cli else (None, "")


def _tell_once(places: Places, origin: str) -> None:
    """Say which CLI is used, the first time and whenever that changes."""
    told = places.tools / "cli-in-use"
    if not told.exists() or told.read_text() != origin:
        told.write_text(origin)
        say(f"Using {origin}.")
