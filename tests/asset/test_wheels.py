"""The ELF reader against pyelftools on wheels as their makers built them, for both processors.

Does not prove: that the wheels load; one of them is imported in the emulator tests.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from asset import elf
from tests.asset.test_elf import judged, said

FOLDER = Path(__file__).resolve().parents[2] / ".tools/cache/wheels"
PINS = [
    "bitarray==3.12.3",
    "brotli==1.2.1",
    "cffi==2.1.1",
    "charset-normalizer==3.5.2",
    "frozenlist==1.8.0",
    "greenlet==3.5.6",
    "httptools==0.9.0",
    "markupsafe==3.0.4",
    "mmh3==5.3.1",
    "msgpack==1.2.4",
    "multidict==7.2.1",
    "propcache==0.5.4",
    "pybase64==1.5.1",
    "pyyaml==6.0.3",
    "setproctitle==1.3.8",
    "simplejson==4.3.0",
    "ujson==6.1.0",
    "websockets==17.4",
    "xxhash==4.1.0",
    "yarl==1.25.1",
]


@pytest.fixture(scope="module", params=["x86_64", "aarch64"])
def wheels(request):
    """The pinned wheels for one processor, whatever this machine's is; downloaded once."""
    folder = FOLDER / request.param
    if len(list(folder.glob("*.whl"))) != len(PINS):
        folder.mkdir(parents=True, exist_ok=True)
        tags = ["manylinux1", "manylinux2014", "manylinux_2_5", "manylinux_2_17", "manylinux_2_24", "manylinux_2_28"]
        platforms = [word for tag in tags for word in ("--platform", f"{tag}_{request.param}")]
        with tempfile.TemporaryDirectory(dir=folder) as work:
            command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
            command += ["--only-binary", ":all:", "--python-version", "3.11", *platforms, "-d", work, *PINS]
            subprocess.run(command, check=True)
            for wheel in Path(work).glob("*.whl"):
                wheel.replace(folder / wheel.name)
    return sorted(folder.glob("*.whl"))


def test_agrees_with_pyelftools_on_wheels(wheels):
    compared = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                data = archive.read(name)
                if elf.is_elf(data):
                    assert said(elf.parse(data)) == judged(io.BytesIO(data)), (wheel.name, name)
                    compared.setdefault(wheel.name, []).append(name)
    assert set(compared) == {wheel.name for wheel in wheels}
    assert len(compared) == len(PINS) >= 20
