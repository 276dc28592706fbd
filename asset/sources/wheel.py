"""CPython from a wheel of PyPI that runs on glibc 2.17 and newer, for x86_64 and for arm64.

The wheel of `freeze-core` (MIT) holds the console program of cx_Freeze with CPython linked into it, and CPython's
extension modules. What the program does not hold of the standard library comes from the running Python of the same
minor version.
"""

from __future__ import annotations

import json
import platform
import sys
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from asset import libraries, licences, pip, trim
from asset.sources import Interpreter, Request
from asset.sources.host import running_library
from rules.finding import Finding, UserError

_VERSION = "0.8.1"
_HASHES = {
    ("3.11", "x86_64"): "d591bc9d7367c88d57340a77dc28647065930588ff210c486db37b6e089b349d",
    ("3.11", "arm64"): "a7931822bb5330809a009ba4d7d8c5e9b7bd851bfaee961a19eba1e7a0cd752d",
    ("3.12", "x86_64"): "4cf1315685926e298870d1b1504e2b9e676e047b6084d02c3d1e9e1ec11c3d0a",
    ("3.12", "arm64"): "ed0f3772acacb78ccf76386279f257e049239e0f0cb05b6f67a96ed15f2910a8",
    ("3.13", "x86_64"): "3e0b5575db49fa6437d426f32cfaada9ffe69e2eba69f66a62b5d665d51828c0",
    ("3.13", "arm64"): "72445a63d29edc450bc4044282e9e5e3b9f6878b0e6fcc3c4104bce3d3f4e419",
    ("3.14", "x86_64"): "2500ef546af0c26e30cc8630be353fa02c9ff46d009b76d6d15e79288140d7e6",
    ("3.14", "arm64"): "8e7f1469a81fface7e779f869fa138b2e7b09bf0874cc35255fbb91f428b6103",
}
"""SHA-256 of the wheels, by Python and processor."""

_TEXTS = {
    "libbz2": ["bzip2.txt"],
    "libcrypt": ["libxcrypt.txt", "LGPL-2.1.txt"],
    "libcrypto": ["Apache-2.0.txt"],
    "libffi": ["libffi.txt"],
    "liblzma": ["liblzma.txt"],
    "libmpdec": ["CPython-incorporated.txt"],
    "libsqlite3": ["SQLite.txt"],
    "libssl": ["Apache-2.0.txt"],
    "libuuid": ["libuuid.txt"],
    "libzstd": ["zstd.txt"],
}
"""Licence texts of the wheel's libraries, which it has none of."""

_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_START = '''\
"""Gives the console program of freeze-core the command line of `python`."""

import sys


def run(name):
    arguments = sys.argv[1:]
    while arguments and arguments[0].startswith("-") and arguments[0] not in ("-c", "-m", "-"):
        option = arguments.pop(0)
        if option in ("-X", "-W"):
            arguments.pop(0)
    main = sys.modules["__main__"].__dict__
    if arguments and arguments[0] == "-c":
        sys.argv[:] = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), main)
    elif arguments and arguments[0] == "-m":
        import runpy

        sys.argv[:] = arguments[1:]
        runpy._run_module_as_main(arguments[1])
    elif arguments and arguments[0] != "-":
        sys.argv[:] = arguments
        _run_file(arguments[0], main)
    else:
        sys.argv[:] = arguments or [""]
        exec(compile(sys.stdin.read(), "<stdin>", "exec"), main)


def _run_file(path, main):
    from importlib.machinery import SourceFileLoader, SourcelessFileLoader

    loader = (SourcelessFileLoader if path.endswith(".pyc") else SourceFileLoader)("__main__", path)
    main.update(__file__=path, __loader__=loader, __spec__=None)
    exec(loader.get_code("__main__"), main)
'''


def locate(request: Request) -> Interpreter:
    """Fetch the wheel for the running Python's minor version; raises UserError where there is none, or no network."""
    architecture = request.architecture or _this_machine()
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = _HASHES.get((minor, architecture))
    if digest is None:
        pythons = ", ".join(sorted({known for known, _ in _HASHES}))
        value = f"{minor} for {architecture or platform.machine()}"
        remedy = "run the program with one of these"
        raise UserError([Finding("ASSET-WHEEL", "interpreter from a wheel", "Python", value, pythons, remedy)])
    folder = request.tree(f"freeze-core-{digest[:16]}", partial(_fill, minor, architecture, digest))
    return _interpreter(folder, architecture)


def _this_machine() -> str:
    return {machine: name for name, machine in _MACHINES.items()}.get(platform.machine(), "")


def _fill(minor: str, architecture: str, digest: str, folder: Path) -> None:
    pin = folder / "requirements.txt"
    pin.write_text(f"freeze-core=={_VERSION} --hash=sha256:{digest}\n", encoding="utf-8")
    tag = f"manylinux2014_{_MACHINES[architecture]}"
    pip.run("download", "--no-deps", "--python-version", minor, "--platform", tag, "-r", str(pin), "-d", str(folder))
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    wheel.unlink()


def _interpreter(folder: Path, architecture: str) -> Interpreter:
    (program,) = (folder / "freeze_core/bases").glob("console-cpython-*")
    (facts,) = (folder / "freeze_core/frozen").glob("*.json")
    frozen: Mapping[str, str] = json.loads(facts.read_text(encoding="utf-8"))
    version = frozen["__version__"].split()[0]
    library = running_library()
    modules = {
        str(name): library / name
        for name in trim.standard_library(library)
        if name.suffix == ".py" and not _is_frozen(name, frozen)
    }
    extensions = folder / "freeze_core/lib"
    modules |= {str(name): extensions / name for name in trim.standard_library(extensions) if name.suffix == ".so"}
    roots = [program, *(path for path in modules.values() if path.suffix == ".so")]
    # The modules that `trim` leaves out take theirs along: readline and gdbm (GPL), the terminal, the desktop.
    found = libraries.within([folder / "freeze_core.libs"], roots)
    return Interpreter(
        version=version,
        architecture=architecture,
        program=program,
        modules=modules,
        library_folder="bin/lib",
        libraries=found,
        libraries_folder="freeze_core.libs",
        licences=partial(_licences, folder, library, sorted(found)),
        generated={f"__init__{_init_name(version)}.py": _START},
    )


def _is_frozen(name: Path, frozen: Mapping[str, str]) -> bool:
    """Inside the program already; a package's folder is needed all the same for what is not."""
    module = ".".join(name.with_suffix("").parts).removesuffix(".__init__")
    return module in frozen


def _init_name(version: str) -> str:
    """The program is called `python3.11`, and takes what stands before the first dot for its name."""
    return f"python{version.split('.', maxsplit=1)[0]}"


def _licences(folder: Path, library: Path, names: list[str]) -> dict[str, bytes]:
    """Of CPython, of what is built into it, of the wheel's own code and of each library that goes along."""
    found = {"CPython.txt": licences.text("CPython.txt"), **licences.of_python(library)}
    found["CPython-incorporated.txt"] = licences.text("CPython-incorporated.txt")
    for path in sorted(folder.glob("*.dist-info/**/*")):
        if path.is_file() and path.parent.name in {"licenses", "sboms"}:
            found[f"freeze-core/{path.name}"] = path.read_bytes()
    lines = [f"CPython {library.name} and its libraries, from the wheel freeze-core {_VERSION} of PyPI.", ""]
    for name in names:
        texts = _TEXTS[name.split("-")[0]]
        found.update({text: licences.text(text) for text in texts})
        lines.append(f"{name}: {', '.join(texts)}")
    lines += [
        "",
        "Which packages the wheel's makers took them from is in freeze-core/auditwheel.cdx.json; their sources",
    ]
    lines += ["are at the projects' own sites, and CentOS 7's at vault.centos.org. All but libcrypt, which stays"]
    lines += ["replaceable as a file of its own, may be used without giving their sources away."]
    found["README"] = ("\n".join(lines) + "\n").encode()
    return found
