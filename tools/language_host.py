"""`pulumi-language-python`: what the Pulumi engine starts to run a program written in Python.

A CLI built from Go modules comes without the vendor's language host. This one speaks the same protocol
(Pulumi's `language.proto`), so a program runs the same under both. It stands alone: set-up copies this one
file next to the CLI, beside the vendor's `pulumi-language-python-exec`, which runs the program itself.

The engine puts its address last on the command line and reads the port from the first line of stdout. When it
is done it sends SIGINT and waits ten seconds; leaving later, or with a word, would show on the user's screen.
"""

# ruff: noqa: N802, ARG002  (the protocol gives the methods their names and arguments)
from __future__ import annotations

import os
import signal

if __name__ == "__main__":  # from the first moment: the imports below take a while
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))

import json
import logging
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO, Any, NoReturn

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

EXECUTOR = "pulumi-language-python-exec"
MAX_MESSAGE_BYTES = 400 * 1024 * 1024
"""What the engine itself allows for one message."""
MESSAGE_WAS_SHOWN = 32
"""Exit code of a program whose error the executor has already reported to the engine."""

_GRACE_SECONDS = 5.0
_ORPHAN_CHECK_SECONDS = 1.0
_CHUNK_BYTES = 64 * 1024

_LIST_PACKAGES = """
import importlib.metadata, json, re
packages = []
for found in importlib.metadata.distributions():
    name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
    plugin = found.locate_file(name.replace("-", "_") + "/pulumi-plugin.json")
    try:
        about = json.loads(plugin.read_text())
    except OSError:
        about = None
    packages.append({"name": name, "version": found.version, "requires": found.requires or [], "plugin": about})
print(json.dumps(packages))
"""


class Children:
    """The programs and plugins that run for the engine, each in a process group of its own.

    The engine's SIGINT reaches the host's whole group; a program in it would print a KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.RLock()  # a signal handler may come upon itself
        self.stopped = False

    @contextmanager
    def start(
        self,
        command: Sequence[str | Path],
        folder: str | Path | None,
        environment: Mapping[str, str] | None = None,
        *,
        piped: bool = False,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a child and own it until the block ends; raises OSError when it cannot be started."""
        pipe = subprocess.PIPE if piped else None
        with self._lock:
            process = subprocess.Popen(
                command,
                cwd=folder or None,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe,
                process_group=0,
            )
            self._running.add(process)
        try:
            if self.stopped:
                self.end(process)
            yield process
        finally:
            self.end(process)
            with self._lock:
                self._running.discard(process)

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End a child and all of its group: asked first, killed when it does not listen."""
        if process.poll() is not None:
            return
        _signal_group(process, signal.SIGTERM)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        """End every child, now and from now on."""
        with self._lock:
            self.stopped = True
            running = list(self._running)
        for process in running:
            self.end(process)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The protocol's methods that running, previewing and describing a program need."""

    def __init__(self, engine_address: str, executor: Path) -> None:
        self.engine_address = engine_address
        self.executor = executor
        self.children = Children()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.engine_address = request.engine_address or self.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=metadata.version("pulumi"))

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The provider plugins that the installed SDKs ask for, so that the engine fetches them beforehand."""
        python = _python_of(request.info, context)
        needed = [dependency for package in list_packages(python) if (dependency := plugin_of(package))]
        return language_pb2.GetRequiredPackagesResponse(packages=needed)

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        packages = list_packages(_python_of(request.info, context))
        if not request.transitiveDependencies:
            packages = _top_level(packages)
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=found["name"], version=found["version"]) for found in packages
            ]
        )

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        python = _python_of(request.info, context)
        version = _output([python, "-c", "import platform; print(platform.python_version())"])
        return language_pb2.AboutResponse(
            executable=str(python), version=version.strip(), metadata={"toolchain": "pip", "host": "isthmus"}
        )

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Run the program once, as a preview or for real; what it prints goes to the engine by our own stdout."""
        python = _python_of(request.info, context)
        command = [python, "-u", self.executor, *program_arguments(request, self.engine_address)]
        environment = {
            **program_environment(python, request.info),
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        with self.children.start(command, request.pwd, environment) as process:
            context.add_callback(lambda: self.children.end(process))
            code = process.wait()
        if self.children.stopped:
            return language_pb2.RunResponse(bail=True)
        return run_response(code)

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Run a component package or a policy pack written in Python and pass on what it prints."""
        python = _python_of(request.info, context)
        command, folder = plugin_command(python, request)
        environment = program_environment(python, request.info) | dict(pair.split("=", 1) for pair in request.env)
        with self.children.start(command, folder, environment, piped=True) as process:
            context.add_callback(lambda: self.children.end(process))
            for name, data in _output_of(process):
                yield _part_of(language_pb2.RunPluginResponse, name, data)
            yield language_pb2.RunPluginResponse(exitcode=process.wait())

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Create the virtual environment where it is missing and install `requirements.txt` into it."""
        folder = Path(request.info.program_directory)
        environment = virtualenv_of(request.info)
        if environment and not (environment / "bin/python").exists():
            yield from self._install_step([ambient_python(), "-m", "venv", environment], folder, context)
        if (folder / "requirements.txt").exists():
            python = _python_of(request.info, context)
            yield from self._install_step([python, "-m", "pip", "install", "-r", "requirements.txt"], folder, context)

    def _install_step(
        self, command: Sequence[str | Path], folder: Path, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        with self.children.start(command, folder, piped=True) as process:
            context.add_callback(lambda: self.children.end(process))
            for name, data in _output_of(process):
                yield _part_of(language_pb2.InstallDependenciesResponse, name, data)
            if code := process.wait():
                _refuse(context, f"{' '.join(map(str, command))} ended with exit code {code}.")

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.children.stop()
        return empty_pb2.Empty()


# Which Python


def virtualenv_of(info: Any) -> Path | None:
    """The folder that the option `virtualenv` of Pulumi.yaml names, taken from the project's root; None without."""
    name = json_format.MessageToDict(info.options).get("virtualenv")
    return Path(info.root_directory, name) if name else None


def ambient_python() -> Path:
    """The Python on PATH, as the vendor's host picks it; raises FileNotFoundError when there is none."""
    for name in (os.environ.get("PULUMI_PYTHON_CMD"), "python3", "python"):
        if name and (found := shutil.which(name)):
            return Path(found)
    raise FileNotFoundError("There is no python3 on PATH: install Python or set PULUMI_PYTHON_CMD.")


def _python_of(info: Any, context: grpc.ServicerContext) -> Path:
    options = json_format.MessageToDict(info.options)
    if options.get("toolchain", "pip") != "pip" or options.get("typechecker"):
        _refuse(context, "Pulumi.yaml asks for a toolchain other than pip, or a typechecker: install the vendor's CLI.")
    environment = virtualenv_of(info)
    if environment is None:
        try:
            return ambient_python()
        except FileNotFoundError as problem:
            _refuse(context, str(problem))
    python = environment / "bin/python"
    if not python.exists():
        _refuse(context, f"{environment} is no virtual environment: make it with `pulumi install`.")
    return python


def _refuse(context: grpc.ServicerContext, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)
    raise AssertionError("abort always raises")


# What the child gets


def program_arguments(request: Any, engine_address: str) -> list[str]:
    """The executor's command line for a RunRequest; empty values are left out, as the vendor's host does."""
    named = {
        "monitor": request.monitor_address,
        "engine": engine_address,
        "project": request.project,
        "root_directory": request.info.root_directory,
        "stack": request.stack,
        "pwd": request.pwd,
        "dry_run": str(request.dryRun).lower(),
        "parallel": str(request.parallel),
        "organization": request.organization,
    }
    options = [word for name, value in named.items() if value for word in (f"--{name}", value)]
    return [*options, request.info.entry_point or ".", *request.args]


def program_environment(python: Path, info: Any) -> dict[str, str]:
    """The environment as it is after `activate`; unchanged when the project names no virtual environment."""
    environment = dict(os.environ)
    if virtualenv_of(info):
        environment["VIRTUAL_ENV"] = str(python.parent.parent)
        environment["PATH"] = os.pathsep.join([str(python.parent), environment.get("PATH", "")])
        environment.pop("PYTHONHOME", None)
    return environment


def plugin_command(python: Path, request: Any) -> tuple[list[str | Path], str]:
    """Command line and working directory for a RunPluginRequest.

    A policy pack takes its folder last and runs inside it; a folder with `__main__.py` is run as it is; any
    other folder must be a Python package, which the SDK's `pulumi.run.plugin` serves by its project name.
    """
    folder = request.info.program_directory
    if request.kind == "analyzer":
        return [python, "-u", "-m", "pulumi.policy", *request.args, folder], folder
    if (Path(folder) / "__main__.py").exists():
        return [python, "-u", folder, *request.args], request.pwd
    project = tomllib.loads((Path(folder) / "pyproject.toml").read_text())["project"]["name"]
    return [python, "-u", "-m", "pulumi.run.plugin", project, *request.args], request.pwd


def run_response(code: int) -> Any:
    """What the engine is told about a program that ended with this exit code (negative: minus the signal)."""
    if code == 0:
        return language_pb2.RunResponse()
    if code == MESSAGE_WAS_SHOWN:
        return language_pb2.RunResponse(bail=True)
    if code < 0:
        return language_pb2.RunResponse(error=f"program was ended by {signal.Signals(-code).name}")
    return language_pb2.RunResponse(error=f"program exited with non-zero exit code: {code}")


# Installed packages


def list_packages(python: Path) -> list[dict[str, Any]]:
    """Every package that this Python finds: normalised `name`, `version`, `requires`, and its plugin file or None."""
    return json.loads(_output([python, "-c", _LIST_PACKAGES]))


def plugin_of(package: Mapping[str, Any]) -> plugin_pb2.PackageDependency | None:
    """The provider plugin behind a package, or None where there is none or its version cannot be told."""
    told = package["plugin"]
    if told is None and not package["name"].startswith("pulumi-"):
        return None
    about: dict[str, Any] = told or {"resource": package["name"] not in {"pulumi-policy", "pulumi-esc-sdk"}}
    version = about.get("version") or semantic_version(package["version"])
    if not about.get("resource") or not version:
        return None
    dependency = plugin_pb2.PackageDependency(
        name=about.get("name") or package["name"].removeprefix("pulumi-"),
        version="v" + version.removeprefix("v"),
        kind="resource",
        server=about.get("server", ""),
    )
    if parameter := about.get("parameterization"):
        json_format.ParseDict(parameter, dependency.parameterization)
    return dependency


def semantic_version(version: str) -> str | None:
    """A plugin's version from its Python package's (PEP 440), such as `1.2.0-rc.1` from `1.2rc1`; None: cannot tell."""
    parts = re.fullmatch(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:(a|b|rc)(\d+))?", version)
    if not parts:
        return None
    numbers = ".".join(part or "0" for part in parts.group(1, 2, 3))
    word = {"a": "alpha", "b": "beta", "rc": "rc"}.get(parts[4])
    return f"{numbers}-{word}.{parts[5]}" if word else numbers


def _top_level(packages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    needed = {
        re.sub(r"[-_.]+", "-", match[0]).lower()
        for package in packages
        for requirement in package["requires"]
        if "extra ==" not in requirement and (match := re.match(r"[\w.-]+", requirement))
    }
    return [package for package in packages if package["name"] not in needed]


# Processes


def _output(command: Sequence[str | Path]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def _output_of(process: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """Pairs of "stdout" or "stderr" and what was written there, as it comes, until both are closed."""
    arrived: queue.Queue[tuple[str, bytes]] = queue.Queue()

    def read(name: str, pipe: IO[bytes]) -> None:
        while data := os.read(pipe.fileno(), _CHUNK_BYTES):
            arrived.put((name, data))
        arrived.put((name, b""))

    pipes = {"stdout": process.stdout, "stderr": process.stderr}
    readers = [threading.Thread(target=read, args=item, daemon=True) for item in pipes.items()]
    for reader in readers:
        reader.start()
    still_open = len(readers)
    while still_open:
        name, data = arrived.get()
        if data:
            yield name, data
        else:
            still_open -= 1


def _part_of(message: Any, name: str, data: bytes) -> Any:
    return message(**{name: data})


def _leave(host: LanguageHost) -> NoReturn:
    host.children.stop()
    os._exit(0)


def _leave_with_the_engine(host: LanguageHost) -> None:
    """End when the engine is gone: one that was killed could not tell us."""
    engine = os.getppid()
    while os.getppid() == engine:
        time.sleep(_ORPHAN_CHECK_SECONDS)
    _leave(host)


def main(arguments: Sequence[str]) -> None:
    logging.getLogger("grpc").addHandler(logging.NullHandler())  # the engine reports a failed call, once is enough
    limits = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=limits)
    host = LanguageHost(arguments[-1] if arguments else "", Path(__file__).resolve().parent / EXECUTOR)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=_leave_with_the_engine, args=(host,), daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _leave(host))
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
