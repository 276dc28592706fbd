"""AWS: real shapes, refusals in AWS's words, what goes into the store. Does not prove that AWS itself says the same."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from localcloud.store import Store
from tests.localcloud.control.client import (
    UNKNOWN,
    Client,
    Deployed,
    RefusedError,
    code,
    text_asset,
    trust,
    zip_bytes,
)

ROLE = "aws:iam/role:Role"
INLINE = "aws:iam/rolePolicy:RolePolicy"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
FUNCTION = "aws:lambda/function:Function"
URL = "aws:lambda/functionUrl:FunctionUrl"
PERMISSION = "aws:lambda/permission:Permission"
ALIAS = "aws:lambda/alias:Alias"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
CONTROL = "aws:cloudfront/originAccessControl:OriginAccessControl"
BUCKET = "aws:s3/bucket:Bucket"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
MANAGED = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def refused(match: str) -> Any:
    return pytest.raises(RefusedError, match=match)


def role(aws: Client, name: str = "r", *services: str) -> Deployed:
    return aws.create(ROLE, name, {"assumeRolePolicy": trust(*(services or ("lambda.amazonaws.com",)))})


def function(aws: Client, resource: str = "f", /, **more: Any) -> Deployed:
    aws.seed += b"."
    arn = more.pop("role", None) or role(aws, f"{resource}-role").outputs["arn"]
    basics = {"runtime": "provided.al2023", "handler": "a.b", "code": code(), "publish": True}
    return aws.create(FUNCTION, resource, {"role": arn, **basics, **more})


class TestIam:
    def test_a_role_has_the_real_shapes(self, aws: Client) -> None:
        made = role(aws)
        assert made.id == made.outputs["name"]
        assert made.outputs["arn"] == f"arn:aws:iam::123456789012:role/{made.id}"
        assert re.fullmatch(r"AROA[A-Z0-9]{17}", made.outputs["uniqueId"])

    def test_a_name_is_taken_once(self, aws: Client) -> None:
        inputs = {"name": "same", "assumeRolePolicy": trust("lambda.amazonaws.com")}
        aws.create(ROLE, "a", inputs)
        with refused(
            r"creating IAM Role \(same\): .*CreateRole.*409, EntityAlreadyExists: Role with name same already"
        ):
            aws.create(ROLE, "b", inputs)

    @pytest.mark.parametrize(
        ("document", "words"),
        [
            (trust("lambda"), 'Invalid principal in policy: "SERVICE":"lambda"'),
            (ALLOW, "Has prohibited field Resource"),
            ('{"Version":"2012-10-17"}', "Syntax errors in policy."),
            ('{"Version":"2020-01-01","Statement":[]}', "Policy document must be version 2012-10-17 or greater."),
        ],
    )
    def test_a_malformed_trust_policy_is_refused(self, aws: Client, document: str, words: str) -> None:
        with refused(f"MalformedPolicyDocument: {re.escape(words)}"):
            aws.create(ROLE, "r", {"assumeRolePolicy": document})

    def test_a_role_in_use_can_not_go(self, aws: Client) -> None:
        made = role(aws)
        inline = aws.create(INLINE, "p", {"role": made.id, "policy": ALLOW})
        attached = aws.create(ATTACHMENT, "p", {"role": made.id, "policyArn": MANAGED})
        confirm(aws, inline, attached)
        assert inline.id == f"{made.id}:{inline.outputs['name']}"
        assert attached.id == f"{made.id}/{MANAGED}"
        with refused("DeleteConflict: Cannot delete entity, must detach all policies first"):
            aws.delete(made)
        aws.delete(attached)
        with refused("DeleteConflict: Cannot delete entity, must delete policies first"):
            aws.delete(made)
        aws.delete(inline)
        aws.delete(made)

    def test_policies_need_their_role(self, aws: Client) -> None:
        with refused("NoSuchEntity: The role with name none cannot be found"):
            aws.create(INLINE, "p", {"role": "none", "policy": ALLOW})
        assert "must be the role's name not its ARN" in aws.reasons(INLINE, {"role": "arn:aws:x", "policy": ALLOW})

    def test_an_attachment_needs_its_policy_and_holds_it(self, aws: Client) -> None:
        made = role(aws)
        with refused("does not exist or is not attachable"):
            aws.create(ATTACHMENT, "p", {"role": made.id, "policyArn": "arn:aws:iam::123456789012:policy/none"})
        policy = aws.create(POLICY, "p", {"policy": ALLOW})
        assert policy.id == f"arn:aws:iam::123456789012:policy/{policy.outputs['name']}"
        confirm(aws, aws.create(ATTACHMENT, "p", {"role": made.id, "policyArn": policy.id}))
        with refused("Cannot delete a policy attached to entities"):
            aws.delete(policy)

    def test_a_policy_has_a_size(self, aws: Client) -> None:
        big = ALLOW.replace('"*"', json.dumps([f"arn:aws:s3:::{number:060}" for number in range(200)]))
        with refused("LimitExceeded: Cannot exceed quota for PolicySize: 6144"):
            aws.create(POLICY, "p", {"policy": big})
        with refused("Maximum policy size of 10240 bytes exceeded for role"):
            aws.create(INLINE, "p", {"role": role(aws).id, "policy": big})


def confirm(client: Client, *made: Deployed) -> None:
    """What the next run's diff does: the engine holds these."""
    for one in made:
        client.read(one)


class TestLogs:
    def test_a_group_exists_once_a_region(self, aws: Client, store: Store) -> None:
        first = aws.create(LOGS, "a", {"name": "/aws/lambda/f"})
        assert first.outputs["arn"] == "arn:aws:logs:ap-northeast-1:123456789012:log-group:/aws/lambda/f"
        with refused("ResourceAlreadyExistsException: The specified log group already exists"):
            aws.create(LOGS, "b", {"name": "/aws/lambda/f"})
        second = aws.create(LOGS, "b", {"name": "/aws/lambda/f", "region": "us-east-1"})
        assert second.id == first.id
        aws.delete(second)
        assert [row.properties["region"] for row in store.list(LOGS)] == ["ap-northeast-1"]


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


def basics(made: Deployed) -> dict[str, Any]:
    names = ("role", "runtime", "handler", "publish")
    return {**{name: made.inputs[name] for name in names}, "code": code()}


def _file(path: str) -> Any:
    data = zip_bytes({"bootstrap": "from s3"})
    Path(path).write_bytes(data)
    return type(text_asset(""))(hash=hashlib.sha256(data).hexdigest(), path=path)


class TestAccess:
    def test_a_url_has_the_real_shape(self, aws: Client) -> None:
        made = function(aws)
        url = aws.create(URL, "u", {"functionName": made.id, "authorizationType": "AWS_IAM"})
        assert url.id == made.id
        assert re.fullmatch(r"[a-z2-7]{32}", url.outputs["urlId"])
        assert url.outputs["functionUrl"] == f"https://{url.outputs['urlId']}.lambda-url.ap-northeast-1.on.aws/"
        assert url.outputs["invokeMode"] == "BUFFERED"
        with refused("FunctionUrlConfig exists for this Lambda function"):
            aws.create(URL, "v", {"functionName": made.outputs["arn"], "authorizationType": "AWS_IAM"})

    def test_a_url_needs_its_function_and_no_version_number(self, aws: Client) -> None:
        with refused("Function not found: arn:aws:lambda:ap-northeast-1:123456789012:function:none"):
            aws.create(URL, "u", {"functionName": "none", "authorizationType": "NONE"})
        with refused("Value '1' at 'qualifier' failed to satisfy constraint"):
            aws.create(URL, "u", {"functionName": function(aws).id, "authorizationType": "NONE", "qualifier": "1"})

    def test_a_public_url_opens_the_function(self, aws: Client, store: Store) -> None:
        aws.create(URL, "u", {"functionName": function(aws).id, "authorizationType": "NONE"})
        actions = {row.properties["action"] for row in store.list(PERMISSION) if row.properties["principal"] == "*"}
        assert actions == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}

    def test_permissions(self, aws: Client) -> None:
        first, second = function(aws, "one"), function(aws, "two")
        grant = {"action": "lambda:InvokeFunction", "principal": "cloudfront.amazonaws.com", "statementId": "cdn"}
        made = aws.create(PERMISSION, "p", {**grant, "function": first.id})
        aws.create(PERMISSION, "q", {**grant, "function": second.outputs["arn"]})
        assert made.id == "cdn"
        with refused(r"The statement id \(cdn\) provided already exists"):
            aws.create(PERMISSION, "r", {**grant, "function": first.outputs["arn"]})
        with refused("ResourceNotFoundException: Function not found"):
            aws.create(PERMISSION, "r", {**grant, "function": "none"})
        with refused("The provided principal was invalid"):
            aws.create(PERMISSION, "r", {**grant, "function": first.id, "principal": "somebody"})
        with refused("Cannot find alias arn"):
            aws.create(PERMISSION, "r", {**grant, "function": first.id, "qualifier": "live"})
        with refused("FunctionUrlAuthType is only supported"):
            aws.create(PERMISSION, "r", {**grant, "function": first.id, "functionUrlAuthType": "AWS_IAM"})
        aws.delete(made)

    def test_an_alias_needs_its_version(self, aws: Client) -> None:
        made = function(aws)
        alias = aws.create(ALIAS, "live", {"name": "live", "functionName": made.id, "functionVersion": "1"})
        assert alias.id == alias.outputs["arn"] == f"{made.outputs['arn']}:live"
        with refused("Function not found: .*:7"):
            aws.create(ALIAS, "next", {"functionName": made.id, "functionVersion": "7"})
        aws.create(URL, "u", {"functionName": made.id, "authorizationType": "AWS_IAM", "qualifier": "live"})

    def test_what_belongs_to_a_function_goes_with_it(self, aws: Client, store: Store) -> None:
        made = function(aws)
        aws.create(URL, "u", {"functionName": made.id, "authorizationType": "NONE"})
        aws.delete(made)
        assert store.list(URL) == store.list(PERMISSION) == []


def edge(aws: Client, name: str = "edge", /, **more: Any) -> Deployed:
    arn = (
        more.pop("role", None)
        or role(aws, f"{name}-role", "lambda.amazonaws.com", "edgelambda.amazonaws.com").outputs["arn"]
    )
    return function(aws, name, **{"role": arn, "region": "us-east-1", "runtime": "python3.13", **more})


def distribution(*associations: dict[str, Any], **more: Any) -> dict[str, Any]:
    behavior = {
        "targetOriginId": "a",
        "viewerProtocolPolicy": "https-only",
        "allowedMethods": ["GET", "HEAD"],
        "cachedMethods": ["GET", "HEAD"],
        "cachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "lambdaFunctionAssociations": list(associations),
    }
    return {
        "enabled": True,
        "origins": [{"originId": "a", "domainName": "b.s3.ap-northeast-1.amazonaws.com", **more.pop("origin", {})}],
        "defaultCacheBehavior": {**behavior, **more.pop("behavior", {})},
        "restrictions": {"geoRestriction": {"restrictionType": "none"}},
        "viewerCertificate": {"cloudfrontDefaultCertificate": True},
        **more,
    }


def on(made: Deployed, arn: str | None = None, event: str = "origin-request", **more: Any) -> dict[str, Any]:
    return {"eventType": event, "lambdaArn": arn or made.outputs["qualifiedArn"], **more}


class TestCloudFront:
    def test_a_distribution_has_the_real_shapes(self, aws: Client) -> None:
        made = aws.create(DISTRIBUTION, "d", distribution(on(edge(aws), includeBody=True)))
        assert re.fullmatch(r"E[A-Z0-9]{13}", made.id)
        assert made.outputs["arn"] == f"arn:aws:cloudfront::123456789012:distribution/{made.id}"
        assert re.fullmatch(r"d[a-z0-9]{13}\.cloudfront\.net", made.outputs["domainName"])
        assert made.outputs["hostedZoneId"] == "Z2FDTNDATAQYW2"
        assert made.outputs["status"] == "Deployed"
        updated = aws.update(made, distribution(comment="c"))
        assert updated.outputs["domainName"] == made.outputs["domainName"]
        assert updated.outputs["etag"] != made.outputs["etag"]

    @pytest.mark.parametrize(
        ("build", "words"),
        [
            (lambda aws: on(edge(aws, region="ap-northeast-1")), "The function must be in region 'us-east-1'"),
            (lambda aws: on(e := edge(aws), e.outputs["arn"]), "must reference a specific function version"),
            (
                lambda aws: on(e := edge(aws), e.outputs["arn"] + ":$LATEST"),
                "must reference a specific function version",
            ),
            (
                lambda aws: on(e := edge(aws), e.outputs["arn"] + ":9"),
                "lambda:GetFunction for resource: .*:9 and try again",
            ),
            (lambda aws: on(edge(aws, runtime="provided.al2023")), "invalid runtime: provided.al2023"),
            (lambda aws: on(edge(aws, environment={"variables": {"AB": "1"}})), "cannot have environment variables"),
            (lambda aws: on(edge(aws, layers=["arn:aws:lambda:x"])), "cannot have a layer"),
            (lambda aws: on(edge(aws, timeout=31)), "timeout is larger than the maximum .*: 31 Max allowed: 30"),
            (lambda aws: on(edge(aws, architectures=["arm64"])), "cannot have the arm64 architecture"),
            (
                lambda aws: on(edge(aws, role=role(aws).outputs["arn"])),
                "must be assumable with edgelambda.amazonaws.com as well as lambda.amazonaws.com",
            ),
            (lambda aws: on(edge(aws), event="viewer-response", includeBody=True), "IncludeBody is only allowed"),
        ],
    )
    def test_an_edge_function_must_fit(self, aws: Client, build: Any, words: str) -> None:
        with refused(f"CreateDistribution.*InvalidLambdaFunctionAssociation: .*{words}"):
            aws.create(DISTRIBUTION, "d", distribution(build(aws)))

    def test_an_event_has_one_function(self, aws: Client) -> None:
        made = edge(aws)
        with refused("at most one edge function association"):
            aws.create(DISTRIBUTION, "d", distribution(on(made), on(made)))
        mixed = {"functionAssociations": [{"eventType": "viewer-request", "functionArn": "arn:x"}]}
        with refused("cannot be combined in viewer events"):
            aws.create(DISTRIBUTION, "d", distribution(on(made, event="viewer-response"), behavior=mixed))

    @pytest.mark.parametrize(
        ("inputs", "words"),
        [
            (distribution(behavior={"targetOriginId": "z"}), "NoSuchOrigin"),
            (distribution(behavior={"cachePolicyId": "none"}), "NoSuchCachePolicy"),
            (distribution(behavior={"responseHeadersPolicyId": "none"}), "NoSuchResponseHeadersPolicy"),
            (distribution(behavior={"cachePolicyId": ""}), "The parameter ForwardedValues is required"),
            (distribution(behavior={"allowedMethods": ["GET", "POST"]}), "The parameter AllowedMethods"),
            (distribution(origin={"originAccessControlId": "none"}), "NoSuchOriginAccessControl"),
            (distribution(origin={"domainName": "example.com"}), "does not refer to a valid S3 bucket"),
            (distribution(origin={"domainName": "https://x"}), "cannot contain a colon"),
            (distribution(defaultRootObject="/index.html"), "InvalidDefaultRootObject"),
            (distribution(aliases=["www.example.com"]), "you must attach a trusted certificate"),
            (
                distribution(viewerCertificate={"acmCertificateArn": "arn:aws:acm:eu-west-1:1:c"}),
                "isn't in us-east-1 region",
            ),
        ],
    )
    def test_what_cloudfront_does_not_take_is_refused(self, aws: Client, inputs: dict[str, Any], words: str) -> None:
        with refused(words):
            aws.create(DISTRIBUTION, "d", inputs)

    def test_an_access_control_for_lambda_needs_a_function_url(self, aws: Client) -> None:
        wanted = {"originAccessControlOriginType": "lambda", "signingBehavior": "always", "signingProtocol": "sigv4"}
        control = aws.create(CONTROL, "c", wanted)
        assert control.inputs["description"] == "Managed by Pulumi"
        with refused("does not refer to a valid Lambda function URL"):
            aws.create(DISTRIBUTION, "d", distribution(origin={"originAccessControlId": control.id}))
        host = {"domainName": "abc.lambda-url.ap-northeast-1.on.aws", "originAccessControlId": control.id}
        confirm(aws, made := aws.create(DISTRIBUTION, "d", distribution(origin=host)))
        with refused("OriginAccessControlInUse: Cannot delete the origin access control because it's in use"):
            aws.delete(control)
        aws.delete(made)
        aws.delete(control)

    def test_a_policy_in_use_stays_and_names_are_unique(self, aws: Client) -> None:
        type_ = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
        headers = {"securityHeadersConfig": {"contentTypeOptions": {"override": True}}, "name": "secure"}
        policy = aws.create(type_, "h", headers)
        with refused("ResponseHeadersPolicyAlreadyExists: A response headers policy with this name already exists"):
            aws.create(type_, "i", headers)
        confirm(aws, aws.create(DISTRIBUTION, "d", distribution(behavior={"responseHeadersPolicyId": policy.id})))
        with refused("ResponseHeadersPolicyInUse: Cannot delete the response headers policy because it is attached"):
            aws.delete(policy)
        assert "one of `corsConfig," in aws.reasons(type_, {"name": "empty"})

    def test_an_associated_edge_function_stays_until_it_is_let_go(self, aws: Client) -> None:
        made = edge(aws)
        cdn = aws.create(DISTRIBUTION, "d", distribution(on(made)))
        with refused(f"Lambda was unable to delete {made.outputs['qualifiedArn']} because it is a replicated function"):
            aws.delete(made)
        aws.delete(cdn)
        aws.delete(made)


class TestS3:
    def test_a_bucket_has_the_real_shapes_and_one_name(self, aws: Client) -> None:
        made = aws.create(BUCKET, "b", {"bucket": "site-bucket"})
        assert made.outputs["arn"] == "arn:aws:s3:::site-bucket"
        assert made.outputs["bucketRegionalDomainName"] == "site-bucket.s3.ap-northeast-1.amazonaws.com"
        with refused("BucketAlreadyOwnedByYou"):
            aws.create(BUCKET, "c", {"bucket": "site-bucket", "region": "us-east-1"})

    @pytest.mark.parametrize("name", ["ab", "Upper", "a..b", "-ab", "1.2.3.4", "a" * 64])
    def test_a_wrong_bucket_name_is_refused(self, aws: Client, name: str) -> None:
        assert "bucket: " in aws.reasons(BUCKET, {"bucket": name})

    def test_objects_hold_their_bucket_unless_it_is_forced(self, aws: Client, store: Store) -> None:
        for name, forced in (("kept-bucket", False), ("forced-bucket", True)):
            made = aws.create(BUCKET, name, {"bucket": name, "forceDestroy": forced})
            page = aws.create(OBJECT, name, {"bucket": name, "key": "/a//index.html", "source": text_asset("<p>")})
            assert page.id == f"{name}/a/index.html"
            assert page.outputs["etag"] == hashlib.md5(b"<p>").hexdigest()
            stored = store.s3.get(name, "a/index.html")
            assert stored
            assert stored.headers["content-type"] == "text/html"
            if not forced:
                with refused("BucketNotEmpty: The bucket you tried to delete is not empty"):
                    aws.delete(made)
                aws.delete(page)
            aws.delete(made)
            assert store.s3.list(name) == []

    def test_an_object_needs_its_bucket_and_takes_its_name_as_key(self, aws: Client) -> None:
        with refused("NoSuchBucket: The specified bucket does not exist"):
            aws.create(OBJECT, "o", {"bucket": "none", "content": "x"})
        assert aws.check(OBJECT, "page.html", {"bucket": "b", "content": "x"})["key"] == "page.html"
        assert "Offending key" in aws.reasons(OBJECT, {"bucket": "b", "content": "x", "metadata": {"Upper": "x"}})

    def test_public_policies_are_blocked_until_a_setting_lets_them(self, aws: Client) -> None:
        aws.create(BUCKET, "b", {"bucket": "site-bucket"})
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::site-bucket/*",
        }
        policy = {"bucket": "site-bucket", "policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
        type_ = "aws:s3/bucketPolicy:BucketPolicy"
        with refused("blocked by the BlockPublicPolicy block public access setting"):
            aws.create(type_, "p", policy)
        aws.create("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "a", {"bucket": "site-bucket"})
        assert aws.create(type_, "p", policy).id == "site-bucket"
        with refused("MalformedPolicy: Policy has invalid resource"):
            aws.create(type_, "q", {**policy, "policy": policy["policy"].replace("site-bucket", "other")})

    def test_versioning_is_never_taken_back(self, aws: Client) -> None:
        aws.create(BUCKET, "b", {"bucket": "site-bucket"})
        type_ = "aws:s3/bucketVersioning:BucketVersioning"

        def status(value: str) -> dict[str, Any]:
            return {"bucket": "site-bucket", "versioningConfiguration": {"status": value}}

        made = aws.create(type_, "v", status("Enabled"))
        page = aws.create(OBJECT, "o", {"bucket": "site-bucket", "content": "x"})
        assert len(page.outputs["versionId"]) == 32
        assert aws.update(page, {"bucket": "site-bucket", "content": "y"}, preview=True).outputs["versionId"] == UNKNOWN
        with refused("cannot be updated from 'Enabled' to 'Disabled'"):
            aws.update(made, status("Disabled"))
