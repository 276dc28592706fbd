"""The handlers' requirements, resolved for the target and installed into the zip, from a real package index.

Does not prove: that each wheel works in the cloud; the emulator tests import one of them there.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import time
import zipfile

import pytest

from asset import Plan, build_function, dependencies
from rules.finding import UserError

TOO_NEW = """\
Collecting numpy==9.1
  Skipping link: none of the wheel's tags (cp312-cp312-manylinux_2_27_x86_64) are compatible (run pip debug --verbose \
to show compatible tags): https://x/numpy-9.9-cp312-cp312-manylinux_2_27_x86_64.whl (from https://x/simple/numpy/)
  Skipping link: none of the wheel's tags (cp311-cp311-manylinux_2_27_x86_64, cp311-cp311-manylinux_2_28_x86_64) are \
compatible (run pip debug --verbose to show compatible tags): https://x/numpy-9.1-cp311-cp311-manylinux_2_27_x86_64.\
manylinux_2_28_x86_64.whl (from https://x/simple/numpy/)
  Skipping link: No sources permitted for numpy: https://x/numpy-9.1.tar.gz (from https://x/simple/numpy/)
ERROR: Could not find a version that satisfies the requirement numpy==9.1 (from versions: none)
ERROR: No matching distribution found for numpy==9.1
"""


@pytest.fixture
def built_with(project):
    def build(requirements):
        (project / "handlers/requirements.txt").write_text(requirements)
        build_function(project, "handlers.hello.handler", "handlers.edge.handler")
        with zipfile.ZipFile(project / "dist/function.zip") as archive:
            return set(archive.namelist())

    return build


def test_wheel_is_installed_for_the_target_and_imports(built_with, project, tmp_path):
    (project / "handlers/hello.py").write_text(
        "import markupsafe._speedups, importlib.metadata\n"
        "def handler(event, context):\n"
        "    return [str(markupsafe.escape('<')), importlib.metadata.version('markupsafe')]\n"
    )
    (project / "runtime/main.py").write_text(
        (project / "runtime/main.py")
        .read_text()
        .replace("from handlers", "sys.path.append(root + '/deps')\nfrom handlers")
    )
    names = built_with("markupsafe==3.0.4  # pinned\n")
    assert "deps/markupsafe/__init__.pyc" in names
    assert "handlers/requirements.txt" not in names
    assert not [name for name in names if name.startswith("deps/") and name.endswith((".py", "/RECORD"))]
    with zipfile.ZipFile(project / "dist/function.zip") as archive:
        archive.extractall(tmp_path / "code")
        for info in archive.infolist():
            (tmp_path / "code" / info.filename).chmod(info.external_attr >> 16 & 0o777)
    done = subprocess.run([tmp_path / "code/bootstrap"], env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["&lt;", "3.0.4"]


def test_unchanged_requirements_are_not_resolved_again(built_with, project, monkeypatch):
    built_with("markupsafe==3.0.4\n")
    before = hashlib.sha256((project / "dist/function.zip").read_bytes()).hexdigest()
    monkeypatch.setattr(dependencies.pip, "attempt", lambda *_: pytest.fail("asked pip again"))
    start = time.perf_counter()
    built_with("markupsafe==3.0.4\n")
    assert time.perf_counter() - start <= 0.3
    (project / "handlers/extra.py").touch()
    built_with("markupsafe==3.0.4\n")
    (project / "handlers/extra.py").unlink()
    built_with("markupsafe==3.0.4\n")
    assert hashlib.sha256((project / "dist/function.zip").read_bytes()).hexdigest() == before


def test_c_plus_plus_wheel_takes_its_library_along(built_with):
    assert "python/lib/libstdc++.so.6" not in built_with("")
    assert "python/lib/libstdc++.so.6" in built_with("greenlet==3.5.6\n")


def sentence(action):
    with pytest.raises(UserError) as caught:
        action()
    (finding,) = caught.value.findings
    assert "\n" not in str(finding)
    return str(finding)


def test_package_without_a_wheel(built_with):
    said = sentence(lambda: built_with("docopt==0.6.2\n"))
    assert said.startswith("docopt 0.6.2: only form is 'source (docopt-0.6.2.tar.gz)', but must be a wheel for glibc ")
    assert f"on {'arm64' if platform.machine() == 'aarch64' else 'x86_64'}" in said


def test_wheel_that_is_too_new_for_the_target(project):
    """The interpreter of the wheel brings no C library, so the dependencies meet the image's."""
    (project / "handlers/requirements.txt").write_text("numpy==2.4.6\n")
    plan = Plan.named("wheel", "x86_64", "", ["debian9"])
    said = sentence(lambda: build_function(project, "handlers.hello.handler", "handlers.edge.handler", plan=plan))
    assert said.startswith("numpy ")
    assert "manylinux_2_" in said
    assert "but must be a wheel for glibc 2.24 on x86_64" in said


def test_log_of_pip_is_read():
    class Python:
        name, architecture = "python3.11", "x86_64"

    (found,) = dependencies._explained(TOO_NEW, Python, (2, 24))
    assert (found.component, found.accepts) == ("numpy 9.1", "a wheel for glibc 2.24 on x86_64, Python 3.11")
    assert "manylinux_2_27_x86_64" in str(found.value)
    assert "pin an older version of numpy" in found.remedy


@pytest.mark.parametrize("line", ["no-such-package-anywhere-4711\n", "markupsafe ==\n", "-r nowhere.txt\n"])
def test_what_pip_cannot_read_or_find_is_its_own_sentence(line, built_with):
    assert sentence(lambda: built_with(line)).startswith("dependencies: pip is ")


def test_wrong_hash_is_refused(built_with):
    said = sentence(lambda: built_with(f"markupsafe==3.0.4 --hash=sha256:{'0' * 64}\n"))
    assert "dependencies: pip is " in said


def test_tags_of_a_glibc():
    tags = dependencies.platform_tags((2, 18), "arm64")
    assert tags[:3] == ["manylinux_2_18_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"]
    assert "manylinux1_aarch64" in tags
