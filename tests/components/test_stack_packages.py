"""Zips and archives of hand-written functions through the watch, on mocks: in an archive, in a bucket, as text.

Does not prove that a cloud unpacks or starts them.
"""

from __future__ import annotations

import base64
import struct
import zipfile
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest
from pulumi_alicloud import fc, oss

from components.fc_function import FcWebFunction
from tests.rules.resource_cases import BEHAVIOR, DISTRIBUTION_BASE, FUNCTION_BASE
from tests.support.watched import by_hand, rules_of, run
from tests.support.zips import write_function_zip, write_zip

pytestmark = pytest.mark.usefixtures("watched")

MB = 1024 * 1024
AARCH64, X86_64 = 183, 62


def elf(machine):
    return b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HH", 2, machine) + b"\0" * 44


def padded(name, size, **options):
    """A function's zip of that size; what stands before a zip's first entry is ignored."""
    zipped = write_function_zip(Path("small.zip"), **options).read_bytes()
    with Path(name).open("wb") as file:
        file.truncate(size - len(zipped))
        file.seek(0, 2)
        file.write(zipped)
    return name


def on_lambda(code="function.zip", runtime="provided.al2023", **changed):
    archive = pulumi.FileArchive(code) if isinstance(code, str) else code
    return lambda: by_hand(code=archive, s3_bucket=None, s3_key=None, runtime=runtime, **changed)


def from_bucket(name, **changed):
    def program():
        bucket = aws.s3.Bucket("b")
        stored = aws.s3.BucketObjectv2("o", bucket=bucket.bucket, key="f.zip", source=pulumi.FileAsset(name))
        by_hand(s3_bucket=stored.bucket, s3_key=stored.key, **{"runtime": "provided.al2023", **changed})

    return program


def on_fc(code, runtime="custom.debian10", **changed):
    return lambda: fc.V3Function("f", handler="h", runtime=runtime, code=code, **changed)


def from_oss(name, by_name=False, runtime="custom.debian10", **changed):
    def program():
        bucket = oss.Bucket("b", bucket="the-code")
        stored = oss.BucketObject("o", bucket=bucket.bucket, key="f.zip", source=name)
        code = {"oss_bucket_name": "the-code", "oss_object_name": "f.zip" if by_name else stored.key}
        on_fc(code, runtime, **changed)()

    return program


def as_text(name):
    return {"zip_file": base64.b64encode(Path(name).read_bytes()).decode()}


EVERYWHERE = [
    on_lambda,
    from_bucket,
    from_oss,
    lambda name: from_oss(name, by_name=True),
    lambda name: on_fc(as_text(name)),
]


@pytest.mark.parametrize("place", EVERYWHERE)
def test_bootstrap_is_there_can_be_executed_and_names_its_interpreter(place):
    assert run(place("function.zip")).warnings == []
    write_function_zip(Path("dull.zip"), mode=0o644)
    assert rules_of(place("dull.zip")) == ["ZIP-BOOTSTRAP"]
    write_function_zip(Path("crlf.zip"), bootstrap=b"#!/bin/sh\r\nexec true\r\n")
    assert rules_of(place("crlf.zip")) == ["ZIP-SHEBANG"]
    write_zip(Path("none.zip"), {"other": (b"x", 0o755)})
    assert rules_of(place("none.zip")) == ["ZIP-BOOTSTRAP"]


@pytest.mark.parametrize("place", EVERYWHERE)
def test_bootstrap_is_for_the_processor(place):
    write_function_zip(Path("right.zip"), bootstrap=elf(X86_64))
    assert run(place("right.zip")).warnings == []
    write_function_zip(Path("wrong.zip"), bootstrap=elf(AARCH64))
    assert rules_of(place("wrong.zip")) in (["LAMBDA-BOOTSTRAP-MACHINE"], ["FC-BOOTSTRAP-MACHINE"])


def test_the_processor_is_that_of_the_function():
    write_function_zip(Path("arm.zip"), bootstrap=elf(AARCH64), architecture="arm64")
    assert run(on_lambda("arm.zip", architectures=["arm64"])).warnings == []
    assert sorted(rules_of(on_lambda("arm.zip", architectures=["x86_64"]))) == [
        "LAMBDA-BOOTSTRAP-MACHINE",
        "LAMBDA-ZIP-ARCHITECTURE",
    ]
    write_function_zip(Path("arm.zip"), architecture="arm64")
    assert rules_of(from_oss("arm.zip")) == ["FC-ZIP-ARCHITECTURE"]


def test_who_brings_no_bootstrap_needs_none():
    write_zip(Path("none.zip"), {"app.py": (b"x", 0o644)})
    layer = "arn:aws:lambda:ap-northeast-1:123456789012:layer:l:1"
    for right in (
        on_lambda("none.zip", "python3.13"),
        on_lambda("none.zip", layers=[layer]),
        from_oss("none.zip", runtime="python3.10"),
        from_oss("none.zip", custom_runtime_config={"commands": ["/code/app"]}),
    ):
        assert run(right).warnings == []


def test_a_zip_that_cannot_be_read():
    Path("torn.zip").write_bytes(b"PK\x03\x04")
    for wrong in (on_lambda("torn.zip"), on_lambda("absent.zip"), from_bucket("torn.zip"), from_oss("absent.zip")):
        assert rules_of(wrong) == ["ZIP-READABLE"]
    assert rules_of(on_fc({"zip_file": "UEsDBA=="})) == ["ZIP-READABLE"]


def test_sizes_on_lambda():
    assert run(on_lambda(padded("fits.zip", 50 * MB))).warnings == []
    assert rules_of(on_lambda(padded("large.zip", 50 * MB + 1))) == ["LAMBDA-DIRECT-SIZE"]
    assert run(from_bucket("large.zip")).warnings == []


def test_unpacked_size_on_lambda():
    def write(name, size):
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("app.py", b"\0" * size)

    write("fits.zip", 250 * MB)
    write("large.zip", 250 * MB + 1)
    for place in (lambda name: on_lambda(name, "python3.13"), lambda name: from_bucket(name, runtime="python3.13")):
        assert run(place("fits.zip")).warnings == []
        assert rules_of(place("large.zip")) == ["LAMBDA-UNZIPPED-SIZE"]


@pytest.mark.parametrize(("region", "limit"), [("cn-hongkong", 500 * MB), ("cn-chengdu", 100 * MB)])
def test_sizes_on_function_compute_are_by_region(region, limit, monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG", f'{{"aws:region": "ap-northeast-1", "alicloud:region": "{region}"}}')
    assert run(from_oss(padded("fits.zip", limit))).warnings == []
    assert rules_of(from_oss(padded("large.zip", limit + 1))) == ["FC-ZIP-SIZE"]


def test_archives_that_pulumi_packs():
    with_one = pulumi.AssetArchive({"bootstrap": pulumi.StringAsset("#!/bin/sh\n")})
    (warning,) = run(on_lambda(with_one)).warnings
    assert "[LAMBDA-ARCHIVE-MODE]" in warning
    assert rules_of(on_lambda(pulumi.AssetArchive({"app": pulumi.StringAsset("x")}))) == ["ZIP-BOOTSTRAP"]
    Path("folder").mkdir()
    Path("folder/app").write_text("x")
    assert rules_of(on_lambda("folder")) == ["ZIP-BOOTSTRAP"]
    Path("folder/bootstrap").write_text("#!/bin/sh\n")
    (warning,) = run(on_lambda("folder")).warnings
    assert "[LAMBDA-ARCHIVE-MODE]" in warning
    with Path("folder/large").open("wb") as file:
        file.truncate(250 * MB)
    assert rules_of(on_lambda("folder")) == ["LAMBDA-UNZIPPED-SIZE"]


def test_a_zip_without_modes_is_only_warned_of():
    with zipfile.ZipFile("modeless.zip", "w") as archive:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0x20  # "archive", as DOS has it
        info.create_system = 0
        archive.writestr(info, "#!/bin/sh\n")
    with zipfile.ZipFile("modeless.zip") as archive:
        assert archive.getinfo("bootstrap").external_attr >> 16 == 0
    (warning,) = run(on_lambda("modeless.zip")).warnings
    assert "[LAMBDA-ARCHIVE-MODE]" in warning


def at_edge(source):
    write_zip(Path("edge.zip"), {"edge.py": (source.encode(), 0o644)})

    def program():
        function = aws.lambda_.Function(
            "edge",
            role=FUNCTION_BASE["role"],
            runtime=FUNCTION_BASE["runtime"],
            handler="edge.handler",
            code=pulumi.FileArchive("edge.zip"),
            region="us-east-1",
            publish=True,
        )
        at = [{"event_type": "viewer-request", "lambda_arn": function.qualified_arn}]
        behavior = {**BEHAVIOR, "lambda_function_associations": at}
        aws.cloudfront.Distribution("d", **{**DISTRIBUTION_BASE, "default_cache_behavior": behavior})

    return program


def test_the_source_of_an_edge_function_by_hand_is_read():
    assert run(at_edge('def handler(event, context): return {"status": "200", "body": "x"}')).warnings == []
    (warning,) = run(at_edge('def handler(event, context): return {"status": "200", "headers": {"Via": []}}')).warnings
    assert "[E-HEADERS-READ-ONLY]" in warning
    body = "x" * (40 * 1024)
    assert run(at_edge(f'def handler(event, context): return {{"status": "200", "body": "{body}"}}')).warnings == []
    (warning,) = run(at_edge(f'def handler(event, context): return {{"status": "200", "body": "{body}x"}}')).warnings
    assert "[E-BODY-SIZE]" in warning


@pytest.mark.parametrize("in_zip", [True, False])
def test_reserved_headers_of_function_compute(in_zip):
    def answering(header):
        source = f'def handler(event, context): return {{"statusCode": 200, "headers": {{"{header}": "x"}}}}'
        entries = {"bootstrap": (b"#!/bin/sh\n", 0o755)}
        if in_zip:
            entries["app.py"] = (source.encode(), 0o644)
        else:
            entries["app.pyc"] = (b"", 0o644)
            Path("app.py").write_text(source)
        write_zip(Path("web.zip"), entries)
        args = {"zip_path": "web.zip", "handler": "app.handler", "region": "cn-hongkong", "resource_name": "web"}
        names = {"bucket_name": "the-code", "log_project_name": "the-log"}
        return run(lambda: FcWebFunction("web", {**args, **names})).warnings

    for right in ("Content-Type", "X-Fc-Status"):
        assert answering(right) == []
    for wrong in ("Connection", "X-Fc-Anything", "Date"):
        (warning,) = answering(wrong)
        assert "[FC-HEADERS]" in warning


def test_an_archive_without_a_bootstrap_may_take_it_from_a_layer():
    layer = "arn:aws:lambda:ap-northeast-1:123456789012:layer:l:1"
    packed = pulumi.AssetArchive({"function.sh": pulumi.StringAsset("x")})
    assert run(on_lambda(packed, layers=[layer])).warnings == []
