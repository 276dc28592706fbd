"""Lambda functions: their real shapes, versions and code, refusals in AWS's words.

Does not prove that AWS itself says the same.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from localcloud.store import Store
from tests.localcloud.control.aws.resources import BUCKET, FUNCTION, OBJECT, function, role
from tests.localcloud.control.client import (
    UNKNOWN,
    Client,
    Deployed,
    RefusedError,
    code,
    refused,
    text_asset,
    zip_bytes,
)


def basics(made: Deployed) -> dict[str, Any]:
    names = ("role", "runtime", "handler", "publish")
    return {**{name: made.inputs[name] for name in names}, "code": code()}


def _file(path: str) -> Any:
    data = zip_bytes({"bootstrap": "from s3"})
    Path(path).write_bytes(data)
    return type(text_asset(""))(hash=hashlib.sha256(data).hexdigest(), path=path)


class TestFunction:
    def test_a_published_function_has_the_real_shapes_and_its_code(self, aws: Client, store: Store) -> None:
        made = function(aws, environment={"variables": {"AB": "1"}})
        arn = f"arn:aws:lambda:ap-northeast-1:123456789012:function:{made.id}"
        digest = made.inputs["code"]["hash"]
        assert made.outputs["arn"] == arn
        assert made.outputs["qualifiedArn"] == f"{arn}:1"
        assert made.outputs["version"] == "1"
        assert made.outputs["codeSha256"] == base64.b64encode(bytes.fromhex(digest)).decode()
        assert made.outputs["loggingConfig"] == {"logFormat": "Text", "logGroup": f"/aws/lambda/{made.id}"}
        row = store.get(FUNCTION, made.id)
        assert row
        assert row.private["code"] == digest
        assert row.private["versions"]["1"]["code"] == digest
        assert row.private["versions"]["1"]["properties"]["environment"] == {"variables": {"AB": "1"}}
        assert store.blob_path(digest).read_bytes() == Path("function.zip").read_bytes()

    def test_without_publishing_there_is_only_the_latest(self, aws: Client) -> None:
        made = function(aws, publish=False)
        assert made.outputs["version"] == "$LATEST"
        assert made.outputs["qualifiedArn"].endswith(":$LATEST")

    def test_new_code_publishes_a_version_and_the_old_one_stays(self, aws: Client, store: Store) -> None:
        made = function(aws)
        new = aws.update(made, {**basics(made), "code": code(files={"bootstrap": "new"})})
        row = store.get(FUNCTION, made.id)
        assert row
        assert new.outputs["version"] == "2"
        assert sorted(row.private["versions"]) == ["1", "2"]
        assert row.private["versions"]["1"]["code"] != row.private["versions"]["2"]["code"] == row.private["code"]

    def test_tags_alone_publish_nothing(self, aws: Client) -> None:
        made = function(aws)
        assert aws.update(made, {**basics(made), "tags": {"a": "b"}}).outputs["version"] == "1"

    @pytest.mark.parametrize(
        ("change", "unknown"),
        [
            ({"code": "new"}, {"lastModified", "version", "qualifiedArn", "qualifiedInvokeArn"}),
            ({"memorySize": 512}, {"version", "qualifiedArn", "qualifiedInvokeArn"}),
            ({"tags": {"a": "b"}}, set()),
            ({"code": "new", "publish": False}, {"lastModified"}),
        ],
    )
    def test_a_preview_tells_what_publishing_will_change(
        self, aws: Client, change: dict[str, Any], unknown: set[str]
    ) -> None:
        made = function(aws, publish=change.get("publish", True))
        if "code" in change:
            change = {**change, "code": code(files={"bootstrap": "new"})}
        shown = aws.update(made, {**basics(made), **change}, preview=True)
        assert {name for name, value in shown.outputs.items() if value == UNKNOWN} == unknown

    @pytest.mark.parametrize("services", [("edgelambda.amazonaws.com",), ("ec2.amazonaws.com",)])
    def test_a_role_that_lambda_can_not_assume_is_refused(self, aws: Client, services: tuple[str, ...]) -> None:
        with refused(
            r"creating Lambda Function \(f-\w{7}\): operation error Lambda: CreateFunction, https response error "
            r"StatusCode: 400, InvalidParameterValueException: The role defined for the function cannot be assumed by "
            r"Lambda\."
        ):
            function(aws, role=role(aws, "x", *services).outputs["arn"])

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"role": "arn:aws:iam::999999999999:role/r"}, "Cross-account pass role is not allowed"),
            ({"runtime": "python3.7"}, "The runtime parameter of python3.7 is no longer supported"),
            ({"snapStart": {"applyOn": "PublishedVersions"}}, "provided.al2023 is not supported for SnapStart"),
            ({"memorySize": 20480}, "Member must have value less than or equal to 10240"),
            ({"environment": {"variables": {"AB": "x" * 4100}}}, "exceeded the 4KB limit"),
            ({"environment": {"variables": {"AWS_REGION": "x"}}}, "Reserved keys used in this request: AWS_REGION"),
            ({"environment": {"variables": {"1A": "x"}}}, "Map keys must satisfy constraint"),
            ({"reservedConcurrentExecutions": 950}, r"below its minimum value of \[100\]"),
        ],
    )
    def test_what_lambda_does_not_take_is_refused(self, aws: Client, change: dict[str, Any], words: str) -> None:
        with refused(words):
            function(aws, **change)

    def test_an_environment_value_is_not_repeated(self, aws: Client) -> None:
        with pytest.raises(RefusedError) as caught:
            function(aws, environment={"variables": {"AB": "hidden" * 1000}})
        assert "hidden" not in str(caught.value)

    def test_a_broken_zip_is_refused(self, aws: Client) -> None:
        archive = code("broken.zip")
        Path("broken.zip").write_bytes(b"no zip")
        with refused("changed while it was deployed"):
            function(aws, code=archive)
        with refused("Could not unzip uploaded file"):
            function(aws, code=type(archive)(hash=hashlib.sha256(b"no zip").hexdigest(), path="broken.zip"))

    def test_a_zip_that_unpacks_to_more_than_250_mb_is_refused(self, aws: Client) -> None:
        import zipfile

        with zipfile.ZipFile("big.zip", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("big", "w") as member:
            for _ in range(251):
                member.write(bytes(1024 * 1024))
        digest = hashlib.sha256(Path("big.zip").read_bytes()).hexdigest()
        with refused("Unzipped size must be smaller than 262144000 bytes"):
            function(aws, code=type(code())(hash=digest, path="big.zip"))

    def test_a_missing_file_is_named(self, aws: Client) -> None:
        with refused(r"reading gone\.zip: No such file or directory"):
            function(aws, code=type(code())(hash="00", path="gone.zip"))

    def test_code_comes_from_a_bucket_of_the_same_region(self, aws: Client, store: Store) -> None:
        bucket = aws.create(BUCKET, "b", {"bucket": "code-bucket"})
        aws.create(OBJECT, "o", {"bucket": bucket.id, "key": "f.zip", "source": _file("f.zip")})
        arn = role(aws).outputs["arn"]
        inputs = {"role": arn, "runtime": "provided.al2023", "handler": "a.b", "s3Bucket": bucket.id, "s3Key": "f.zip"}
        made = aws.create(FUNCTION, "f", inputs)
        row = store.get(FUNCTION, made.id)
        assert row
        assert store.blob_path(row.private["code"]).read_bytes() == Path("f.zip").read_bytes()
        with refused("S3 Error Code: NoSuchKey"):
            aws.create(FUNCTION, "g", {**inputs, "s3Key": "none"})
        with refused("PermanentRedirect.*The bucket is in this region: ap-northeast-1"):
            aws.create(FUNCTION, "g", {**inputs, "region": "us-east-1"})

    def test_a_folder_is_packed_as_pulumi_packs_it(self, aws: Client, store: Store) -> None:
        import io
        import zipfile

        Path("folder/inner").mkdir(parents=True)
        Path("folder/inner/run").write_text("x")
        Path("folder/inner/run").chmod(0o755)
        made = function(aws, code=type(code())(hash="00", path="folder"))
        row = store.get(FUNCTION, made.id)
        assert row
        with zipfile.ZipFile(io.BytesIO(store.blob_path(row.private["code"]).read_bytes())) as archive:
            assert [(entry.filename, entry.external_attr >> 16) for entry in archive.infolist()] == [
                ("inner/run", 0o600)
            ]

    def test_a_name_is_taken_once_a_region(self, aws: Client, store: Store) -> None:
        function(aws, "a", name="same")
        with refused("ResourceConflictException: Function already exist: same"):
            function(aws, "b", name="same")
        function(aws, "b", name="same", region="us-east-1")
        assert len(store.list(FUNCTION)) == 2

    def test_an_image_is_refused_with_the_reason(self, aws: Client) -> None:
        arn = role(aws).outputs["arn"]
        with refused("runs no container images"):
            aws.create(FUNCTION, "f", {"role": arn, "packageType": "Image", "imageUri": "x"})
