"""Which interpreters the custom runtimes of Function Compute ship, and how a start command and PATH find them."""

from __future__ import annotations

import posixpath

from rules.rule import Rule, listed

RUNTIMES = ("custom", "custom.debian10", "custom.debian11", "custom.debian12")
_LANG = "/var/fc/lang/"
_SHIPPED = {
    "custom.debian10": (f"{_LANG}python3.10/bin", f"{_LANG}nodejs18/bin", f"{_LANG}nodejs20/bin"),
    "custom.debian11": (f"{_LANG}python3.12/bin",),
}
"""Folders in which a runtime keeps the interpreters that it ships beside those on its own PATH."""
_NODE = ("node", "npm", "npx")
_NOT_ON_PATH = {"custom.debian10": _NODE, "custom.debian11": _NODE}
_SYSTEM = {"/usr/bin", "/bin"}
_CUSTOM = "Function Compute, Custom runtimes"
_VARIABLES = "Function Compute, Environment variables"
_SHIPS = "; ".join(f"{runtime} has {listed(folders)}" for runtime, folders in _SHIPPED.items())


def _ships(command: str, runtime: str) -> bool:
    if not command.startswith(_LANG) or runtime not in _SHIPPED:
        return True
    return posixpath.dirname(command) in _SHIPPED[runtime]


def _is_found(command: str, runtime: str, path: str) -> bool:
    """Whether a command without a folder can be found, since one of the runtime's folders with it is on PATH."""
    return command not in _NOT_ON_PATH.get(runtime, ()) or any("nodejs" in folder for folder in _usable(path, runtime))


def _is_own_python(command: str, runtime: str, path: str) -> bool:
    if runtime != "custom.debian10" or command not in {"python", "python3"}:
        return True
    folders = path.split(":")
    first = next((folder for folder in folders if folder in {*_SYSTEM, *_usable(path, runtime)}), "")
    return "python" in first


def _usable(path: str, runtime: str) -> list[str]:
    return [folder for folder in path.split(":") if folder in _SHIPPED.get(runtime, ())]


def _foreign(path: str, runtime: str) -> list[str]:
    """Folders of interpreters on PATH that the runtime does not have."""
    if runtime not in _SHIPPED:
        return []
    folders = [folder.rstrip("/") for folder in path.split(":")]
    return [folder for folder in folders if folder.startswith(_LANG) and folder not in _SHIPPED[runtime]]


START = (
    Rule(
        id="FC-INTERPRETER",
        facts=("start_command", "runtime"),
        holds=_ships,
        shown=lambda command, runtime: f"{command} on {runtime}",
        accepts=f"an interpreter that the runtime ships: {_SHIPS}",
        remedy="take the path of this runtime, choose the other runtime, or bring the interpreter in the zip",
        source=_CUSTOM,
    ),
    Rule(
        id="FC-COMMAND-PATH",
        facts=("start_command", "runtime", "path"),
        holds=_is_found,
        shown=lambda command, runtime, _path: f"{command} on {runtime}",
        accepts=f"an absolute path, since {_LANG} is not on PATH unless the variable PATH names it",
        remedy="write the whole path, such as /var/fc/lang/nodejs20/bin/node",
        source=_CUSTOM,
    ),
    Rule(
        id="FC-COMMAND-SYSTEM-PYTHON",
        facts=("start_command", "runtime", "path"),
        holds=_is_own_python,
        shown=lambda command, runtime, _path: f"{command} on {runtime}",
        accepts="/var/fc/lang/python3.10/bin/python3, unless Debian's own older Python is meant",
        remedy="write the whole path, or bring the interpreter in the zip",
        source=_CUSTOM,
        warning=True,
    ),
    Rule(
        id="FC-PATH-INTERPRETER",
        facts=("path", "runtime"),
        holds=lambda path, runtime: not _foreign(path, runtime),
        shown=lambda path, runtime: f"{listed(_foreign(path, runtime))} on {runtime}",
        accepts=f"folders that the runtime has: {_SHIPS}",
        remedy="name this runtime's folder, or choose the runtime that has it",
        source=_CUSTOM,
        warning=True,
    ),
    Rule(
        id="FC-PATH-SYSTEM",
        facts=("path",),
        holds=lambda path: not path or set(path.split(":")) >= _SYSTEM,
        accepts="a list that still has /usr/bin and /bin, without which scripts find neither sh nor env",
        remedy="append /usr/local/bin:/usr/bin:/bin",
        source=_VARIABLES,
        warning=True,
    ),
    Rule(
        id="FC-PATH-LITERAL",
        facts=("path",),
        holds=lambda path: "$" not in path,
        accepts="written out, since nothing replaces $PATH in a variable",
        remedy="write /usr/local/bin:/usr/bin:/bin in the place of $PATH",
        source=_VARIABLES,
        warning=True,
    ),
)
"""Rules about the start command and the variable PATH, which is empty here where it is left out."""
