"""The commands behind `make`, one function each; a function returns the exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import urllib.parse
from collections.abc import Callable, Mapping
from concurrent import futures
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools import machine, vendor
from tools.demo_site import Demo
from tools.locking import only_one
from tools.places import DEMO_STACK, LOCAL_STACK, LOCAL_STACKS, Places
from tools.problem import Problem
from tools.process import capture, run, stream
from tools.screen import paint, say
from tools.stack import Stack, checkpoint, local_environment

DEFAULT_PORTS = {LOCAL_STACK: "8787", DEMO_STACK: "8788"}
_URL_OUTPUTS = {"cloudfront": "cloudfront_url", "lambda": "function_url", "fc": "fc_url", "cdn": "cdn_url"}
_TARGET_OUTPUTS = {
    "lambda": "function_arn",
    "edge": "edge_version_arn",
    "fc": "fc_function_name",
    "site": "site_function_name",
}
_PLATFORMS = {"site": "fc"}
"""Where a function runs, if its name does not tell."""
_CHANGES = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}


@dataclass(frozen=True)
class Call:
    """What the user has asked for: the clone, the stack and the variables given to `make`, unset ones empty."""

    places: Places
    variables: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.variables.get(name, "")

    @property
    def stack(self) -> str:
        return self.places.stack

    @property
    def is_local(self) -> bool:
        return self.stack in LOCAL_STACKS

    @property
    def port(self) -> str:
        default = DEFAULT_PORTS.get(self.stack, "")
        port = self["PORT"] or default
        if self.is_local and (not re.fullmatch(r"\d{1,5}", port) or not 0 < int(port) < 65536):
            raise Problem(f"PORT is {port!r}, but must be a number from 1 to 65535; leave it out for {default}.")
        return port


# Deploying


def up(call: Call) -> int:
    call.port  # noqa: B018  (a wrong one is refused before anything is deployed)
    stack = _ready_stack(call)
    with _alone(call):
        broken_off = stack.recover()
        stack.prepare()
        if code := stack.up(refresh=broken_off):
            return code
    return _after_up(call, stack)


def _after_up(call: Call, stack: Stack) -> int:
    with futures.ThreadPoolExecutor() as pool:
        changes, outputs = pool.submit(stack.last_changes), pool.submit(stack.outputs)
        started = _localcloud(call, "start", "--port", call.port) if stack.is_local else 0
        print(_told_changes(changes.result()))
        if started == 0:
            _print_urls(call, outputs.result())
    return started


def _told_changes(changes: Mapping[str, int]) -> str:
    """One line from Pulumi's counts, such as `2 changes (1 created, 1 updated), 30 unchanged`."""
    done = {word: changes[kind] for kind, word in _CHANGES.items() if changes.get(kind)}
    detail = f" ({', '.join(f'{count} {word}' for word, count in done.items())})" if done else ""
    return f"{sum(done.values())} changes{detail}, {changes.get('same', 0)} unchanged"


def preview(call: Call) -> int:
    stack = _ready_stack(call)
    with _alone(call):
        stack.recover()
        stack.prepare()
        return stack.preview()


def down(call: Call) -> int:
    """Destroy all resources and stop the local clouds; nothing deployed is as good as destroyed."""
    if call.is_local and checkpoint(call.places) is None:
        print(f"Nothing is deployed on the stack {call.stack}.")
        return _stop_local_clouds(call)
    stack = _ready_stack(call)
    if not stack.exists():
        print(f"There is no stack {stack.name}: nothing is deployed.")
        return 0
    with _alone(call):
        broken_off = stack.recover()
        stack.prepare()
        code = stack.destroy(refresh=broken_off)
    return code or (_end_local_clouds(call) if stack.is_local else 0)


def urls(call: Call) -> int:
    outputs = _ready_stack(call).outputs()
    if not _print_urls(call, outputs):
        raise Problem(f"The stack {call.stack} has no URLs; run `make up` first.")
    return 0


def _print_urls(call: Call, outputs: Mapping[str, Any]) -> bool:
    port = _running_port(call.places) or call.port
    found = {name: outputs[output] for name, output in _URL_OUTPUTS.items() if outputs.get(output)}
    for name, url in found.items():
        print(f"{name} {reachable(url, port) if call.is_local else url}")
    return bool(found)


def reachable(url: str, port: str) -> str:
    """The address at which the local clouds answer for a real URL: its host name with `.localhost:PORT`."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(scheme="http", netloc=f"{parts.hostname}.localhost:{port}").geturl()


# Showing site_build


def demo_site(call: Call) -> int:
    """Deploy the stack `demo`, have it build the project of demo/site, and look at the page."""
    if call["STACK"] not in ("", DEMO_STACK):
        raise Problem(
            f"STACK is {call.stack!r}, but `make demo-site` has a stack of its own, {DEMO_STACK}: leave it out."
        )
    call = replace(call, places=replace(call.places, stack=DEMO_STACK))
    if code := up(call):
        return code
    places, outputs = call.places, _ready_stack(call).outputs()
    url = reachable(outputs["cdn_url"], _running_port(places))

    def upload(bucket: str, key: str, file: Path, function: str, on_line: Callable[[str], None]) -> int:
        command = [places.python, "-m", "localcloud", "upload", bucket, key, file, "--follow", function]
        return stream(command, places.root, local_environment(places), on_line)

    return Demo(places.root, places.local, outputs, url).run(upload)


# Asking the deployed functions


def invoke(call: Call) -> int:
    function, target = _target(call)
    event = call["EVENT"] or "{}"
    try:
        json.loads(event)
    except ValueError as problem:
        raise Problem(f"EVENT is {event!r}, but must be JSON ({problem}); put it in single quotes.") from problem
    if not call.is_local:
        raise Problem(f"On a real account the vendor's tool invokes: {vendor.invoke(function, target, event)}")
    return _localcloud(call, "invoke", function, target, "--event", event)


def logs(call: Call) -> int:
    function, target = _target(call)
    if not call.is_local:
        raise Problem(f"On a real account the vendor's tool reads logs: {vendor.logs(function, target)}")
    return _localcloud(call, "logs", function, target)


def _target(call: Call) -> tuple[str, str]:
    function = call["FN"]
    if function not in _TARGET_OUTPUTS:
        raise Problem(f"FN is {function!r}, but must be lambda, edge, fc or site; for example `make invoke FN=lambda`.")
    target = _ready_stack(call).outputs().get(_TARGET_OUTPUTS[function])
    if not target:
        raise Problem(
            f"The stack {call.stack} has no function {function!r}: run `make up`, with its cloud and, for the site "
            "build, `application` set to site_build or both."
        )
    return _PLATFORMS.get(function, function), target


# Working on the project


def asset(call: Call) -> int:
    machine.make_ready(call.places, machine.PROGRAM, cli=False)
    told = capture(
        [call.places.python, "-m", "tools.settings", call.stack], call.places.root, _work_environment(call.places)
    )
    if told.returncode:
        raise Problem(f"Pulumi.yaml or Pulumi.{call.stack}.yaml cannot be read: {told.stderr.strip().splitlines()[-1]}")
    return _python(call, "-m", "asset", *told.stdout.splitlines())


def audit(call: Call) -> int:
    for variable in ("ZIP", "TARGET"):
        if not call[variable]:
            raise Problem(f"{variable} is missing; for example `make audit ZIP=dist/function.zip TARGET=al2023`.")
    machine.make_ready(call.places, machine.PROGRAM, cli=False)
    return _python(call, "-m", "asset", "audit", call["ZIP"], "--target", call["TARGET"])


def test(call: Call) -> int:
    tests = call.places.root / "tests"
    layers = sorted({path.relative_to(tests).parts[0] for path in tests.rglob("test_*.py")})
    layer = call["LAYER"]
    if layer and layer not in layers:
        raise Problem(f"LAYER is {layer!r}, but must be one of {', '.join(layers)}; leave it out for all of them.")
    machine.make_ready(call.places, machine.DEVELOPMENT, cli=True)
    return _python(call, "-m", "pytest", f"tests/{layer}" if layer else "tests")


def check(call: Call) -> int:
    """Format, lint and types: all are run and all are reported."""
    machine.make_ready(call.places, machine.DEVELOPMENT, cli=False)
    commands = (("ruff", "format", "--check"), ("ruff", "check"), ("pyright",))
    environment = _work_environment(call.places)
    with futures.ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(capture, [call.places.python, "-m", *words], call.places.root, environment)
            for words in commands
        ]
        results = [pending.result() for pending in runs]
    for words, result in zip(commands, results, strict=True):
        verdict = paint("ok", "32") if result.returncode == 0 else paint("failed", "31")
        print(f"{' '.join(words)}: {verdict}")
        if result.returncode:
            print((result.stdout + result.stderr).rstrip())
    return int(any(result.returncode for result in results))


def rules(call: Call) -> int:
    """Print the table of all rules; it needs nothing but this Python."""
    return run([sys.executable, "-m", "rules"], call.places.root, dict(os.environ))


def bench(call: Call) -> int:
    names = sorted(path.stem for path in (call.places.root / "bench").glob("*.py") if _is_shown(path))
    only = call["ONLY"]
    if only and only not in names:
        raise Problem(f"ONLY is {only!r}, but must be one of {', '.join(names)}; leave it out for all of them.")
    machine.make_ready(call.places, machine.DEVELOPMENT, cli=False)
    codes = [_python(call, "-m", f"bench.{name}") for name in ([only] if only else names)]
    return int(any(codes))


def clean(call: Call) -> int:
    """Remove what can be made again; what is deployed is kept, and with `ALL=1` the tools go as well."""
    root = call.places.root
    tree = [path for path in root.rglob("__pycache__") if ".tools" not in path.relative_to(root).parts]
    caches = [root / name for name in ("dist", ".pytest_cache", ".ruff_cache", ".hypothesis")]
    for path in (*tree, *caches):
        _remove(path)
    for places in (Places(root, stack) for stack in LOCAL_STACKS):
        if (checkpoint(places) or {}).get("resources"):
            option = "" if places.stack == LOCAL_STACK else f" STACK={places.stack}"
            raise Problem(
                f"The stack {places.stack} is still deployed, so .local is kept: run `make down{option}` first."
            )
    for stack in LOCAL_STACKS:
        _stop_local_clouds(Call(Places(root, stack), {}))
    _remove(call.places.deployed)
    if call["ALL"]:
        _remove(call.places.tools)
    return 0


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(("_", "."))


# Shared


def _ready_stack(call: Call) -> Stack:
    requirements = machine.LOCAL if call.is_local else machine.PROGRAM
    cli = machine.make_ready(call.places, requirements, cli=True)
    assert cli
    return Stack(call.places, cli)


def _alone(call: Call) -> Any:
    """No other make works on the stacks of this clone meanwhile."""
    return only_one(call.places.deployed / "lock", "Another make is at work on this clone; waiting for it.")


def _python(call: Call, *words: str) -> int:
    return run([call.places.python, *words], call.places.root, _work_environment(call.places))


def _work_environment(places: Places) -> dict[str, str]:
    """For tests, linters and benchmarks: their caches are inside the clone."""
    return {
        **os.environ,
        "PYRIGHT_PYTHON_CACHE_DIR": str(places.cache / "pyright"),
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        "npm_config_cache": str(places.cache / "npm"),
        "PIP_CACHE_DIR": str(places.cache / "pip"),
    }


def _localcloud(call: Call, *words: str) -> int:
    command = [call.places.python, "-m", "localcloud", *words]
    return run(command, call.places.root, local_environment(call.places))


def _running_port(places: Places) -> str:
    """The port of the local clouds while they run, else empty."""
    try:
        told = json.loads((places.cloud / "data-plane.json").read_text())
        os.kill(told["pid"], 0)
    except (OSError, ValueError, KeyError):
        return ""
    return str(told["port"])


def _stop_local_clouds(call: Call) -> int:
    if not (call.places.cloud / "data-plane.json").exists() or not call.places.python.exists():
        return 0
    return _localcloud(call, "stop")


def _end_local_clouds(call: Call) -> int:
    """Stop them and remove what outlives a destroy, such as an edge function that is left to its replicas."""
    code = _stop_local_clouds(call)
    if code == 0:
        _remove(call.places.cloud)
    return code


def show_help(_: Call) -> int:
    width = max(len(usage) for usage, _, _ in COMMANDS.values())
    for usage, text, _action in COMMANDS.values():
        print(f"  make {usage:<{width}}  {text}")
    return 0


COMMANDS: dict[str, tuple[str, str, Callable[[Call], int]]] = {
    "help": ("help", "this list", show_help),
    "up": ("up [STACK=local] [PORT=8787]", "set up, deploy, print the URLs", up),
    "preview": ("preview [STACK=local]", "what `make up` would change", preview),
    "down": ("down [STACK=local]", "destroy everything, stop what was started", down),
    "demo-site": ("demo-site [PORT=8788]", "build the project in demo/site, look at its page", demo_site),
    "urls": ("urls [STACK=local]", "one `name url` a line: cloudfront, lambda, fc, cdn", urls),
    "invoke": ("invoke FN=lambda|edge|fc|site [EVENT='{…}']", "the result, the log, duration and memory", invoke),
    "logs": ("logs FN=lambda|edge|fc|site", "the function's log", logs),
    "asset": ("asset [STACK=local]", "build the zip; its path is the last line", asset),
    "audit": ("audit ZIP=… TARGET=al2023|debian9…12", "why a zip would not start there", audit),
    "test": ("test [LAYER=…]", "all tests, or those of one folder of tests/", test),
    "check": ("check", "format, lint and types", check),
    "rules": ("rules", "what a preview refuses: id, clouds, sentence, source", rules),
    "bench": ("bench [ONLY=…]", "all benchmarks, or one", bench),
    "clean": ("clean [ALL=1]", "remove build results, with ALL also the tools", clean),
}
VARIABLES = ("STACK", "FN", "EVENT", "LAYER", "ONLY", "PORT", "ALL", "ZIP", "TARGET")


def main(arguments: list[str], root: Path) -> int:
    """Run the command that `make` names; its variables come by the environment, so that no shell reads them."""
    name = arguments[0] if arguments else "help"
    if name not in COMMANDS:
        say(f"There is no command {name!r}; `make help` lists them.")
        return 2
    variables = {variable: os.environ.pop(variable, "") for variable in VARIABLES}
    try:
        return COMMANDS[name][2](Call(Places(root, variables["STACK"] or LOCAL_STACK), variables))
    except Problem as problem:
        say(paint("error: ", "31") + str(problem))
        return problem.code
    except KeyboardInterrupt:
        say("Interrupted.")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
