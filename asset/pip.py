"""Runs pip for a target that need not be this machine."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

from rules.finding import Finding, UserError

_OPTIONS = ["--disable-pip-version-check", "--no-input", "--only-binary", ":all:", "--implementation", "cp"]


class PipError(Exception):
    """pip has failed; the text is all that it said."""


def attempt(command: str, *arguments: str) -> None:
    """Run `pip download` or `pip install` of wheels only; raises PipError, and UserError where there is no pip."""
    if importlib.util.find_spec("pip") is None:
        remedy = "run `python -m ensurepip` in this environment, or use the one that `make` sets up"
        raise UserError([Finding("ASSET-PIP", "dependencies", "missing module", "pip", "there", remedy)])
    line = [sys.executable, "-m", "pip", command, "-vv", *_OPTIONS, *arguments]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise PipError(done.stdout)


def run(command: str, *arguments: str) -> None:
    """Like `attempt`, with the last error of pip as a UserError."""
    try:
        attempt(command, *arguments)
    except PipError as error:
        raise UserError([unexplained(str(error))]) from error


def unexplained(output: str) -> Finding:
    """What pip said itself, in one sentence."""
    errors = [line.strip().removeprefix("ERROR: ") for line in output.splitlines() if "ERROR: " in line]
    value = errors[-1] if errors else (output.strip().splitlines() or ["nothing said"])[-1]
    remedy = "correct the requirement, or the network and index settings of pip"
    return Finding("ASSET-PIP", "dependencies", "pip", value, "able to download every wheel", remedy)
