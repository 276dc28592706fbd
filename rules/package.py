"""What a finished zip must be like before either cloud can start it."""

from __future__ import annotations

from pathlib import PurePath

from rules.rule import Rule

_EXECUTABLE = 0o111
_ELF = b"\x7fELF"
_INVALID_ENTRYPOINT = "Lambda Developer Guide, Building a custom runtime"

ZIP = (
    Rule(
        id="ZIP-PATH",
        facts=("zip_path",),
        holds=lambda path: not PurePath(path).is_absolute() and path.endswith(".zip"),
        accepts="a path to a .zip file, relative to the project",
        remedy="give the path as it is seen from the project's folder, so that the state is the same on each machine",
    ),
    Rule(
        id="ZIP-READABLE",
        facts=("zip_path", "zip_error"),
        holds=lambda _path, error: not error,
        shown=lambda path, error: f"{path} ({error})",
        accepts="a complete, readable zip file",
        remedy="build it again with `make asset`",
    ),
)
"""Rules about any zip with code in it."""

CUSTOM_RUNTIME_ZIP = (
    *ZIP,
    Rule(
        id="ZIP-BOOTSTRAP",
        facts=("bootstrap_mode",),
        holds=lambda mode: mode & _EXECUTABLE == _EXECUTABLE,
        shown=lambda mode: f"{mode:04o}" if mode else "missing",
        accepts="a file mode that lets everyone execute `bootstrap`, at the root of the zip (0755)",
        remedy="build the zip with `make asset`, which sets the mode; an AssetArchive loses it",
        source=_INVALID_ENTRYPOINT,
    ),
    Rule(
        id="ZIP-SHEBANG",
        facts=("bootstrap_first_line",),
        holds=lambda line: line.startswith(_ELF) or (line.startswith(b"#!") and not line.endswith(b"\r\n")),
        accepts="an interpreter line such as `#!/bin/sh` that ends in a line feed, or an ELF executable",
        remedy="write `bootstrap` with LF line ends and its interpreter in the first line",
        source="Function Compute, Troubleshooting of custom runtimes: exit codes 8 and 127",
    ),
)
"""Rules about a zip that the cloud starts through its `bootstrap`."""
