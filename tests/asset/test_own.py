"""A `bootstrap` of the user's own goes through the same packing and the same audit.

Does not prove: that a cloud starts it; a static program needs nothing that the audit could miss but its processor.
"""

from __future__ import annotations

import json
import zipfile

import pytest

from asset import Plan, build_function, elf
from rules.finding import UserError
from tests.asset import tiny

STATIC = tiny.library(64, "<", elf.X86_64, {})


def build(root, place, *targets):
    plan = Plan.named("none", "", place, targets or ["al2023", "debian10"])
    return build_function(root, "handlers.hello.handler", "handlers.edge.handler", plan=plan)


def content(root):
    with zipfile.ZipFile(root / "dist/function.zip") as archive:
        return {info.filename: (archive.read(info), info.external_attr >> 16 & 0o777) for info in archive.infolist()}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "target/hello").mkdir(parents=True)
    (tmp_path / "target/hello/bootstrap").write_bytes(STATIC)
    (tmp_path / "target/hello/words.txt").write_text("hello")
    return tmp_path


def test_folder(folder):
    package = build(folder, "target/hello")
    found = content(folder)
    assert set(found) == {"bootstrap", "words.txt", "manifest.json"}
    assert found["bootstrap"] == (STATIC, 0o755)
    assert json.loads(found["manifest.json"][0]) == {"architecture": "x86_64"}
    assert build(folder, "target/hello") == package
    (folder / "target/hello/words.txt").write_text("good day")
    assert build(folder, "target/hello").sha256 != package.sha256


def test_zip_of_another_tool(folder):
    with zipfile.ZipFile(folder / "lambda.zip", "w") as archive:
        archive.writestr("bootstrap", STATIC)
        archive.writestr("manifest.json", '{"architecture": "x86_64", "mine": true}')
    build(folder, "lambda.zip")
    found = content(folder)
    assert found["bootstrap"] == (STATIC, 0o755)
    assert json.loads(found["manifest.json"][0])["mine"]


@pytest.mark.parametrize("place", ["", "nowhere", "target", "broken.zip"])
def test_wrong_place_is_told_in_a_sentence(place, folder):
    (folder / "broken.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"^interpreter none: bootstrapPath is .*set `bootstrapPath` to"):
        build(folder, place)


def test_program_that_would_not_start_is_refused(folder):
    musl = tiny.library(64, "<", elf.X86_64, {"needed": "libssl.so.1.1"}, interpreter="/lib64/ld-linux-x86-64.so.2")
    (folder / "target/hello/bootstrap").write_bytes(musl)
    with pytest.raises(UserError, match=r"libssl\.so\.1\.1.*Lambda's provided\.al2023"):
        build(folder, "target/hello", "al2023")
    assert not (folder / "dist/function.zip").exists()
