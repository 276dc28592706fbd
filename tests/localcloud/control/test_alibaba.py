"""Alibaba Cloud: real shapes, refusals, what goes into the store. Does not prove that the cloud says the same."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from localcloud.store import Store
from tests.localcloud.control.client import Client, Deployed, ram_trust, refused, trust, zip_bytes

ROLE = "alicloud:ram/role:Role"
POLICY = "alicloud:ram/policy:Policy"
ATTACHMENT = "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment"
BUCKET = "alicloud:oss/bucket:Bucket"
OBJECT = "alicloud:oss/bucketObject:BucketObject"
PROJECT = "alicloud:log/project:Project"
LOGSTORE = "alicloud:log/store:Store"
INDEX = "alicloud:log/storeIndex:StoreIndex"
FUNCTION = "alicloud:fc/v3Function:V3Function"
TRIGGER = "alicloud:fc/v3Trigger:V3Trigger"
DOMAIN = "alicloud:cdn/domainNew:DomainNew"
CONFIG = "alicloud:cdn/domainConfig:DomainConfig"


def role(alibaba: Client, service: str = "fc.aliyuncs.com") -> Deployed:
    return alibaba.create(ROLE, "fc", {"roleName": "Isthmus-fc", "assumeRolePolicyDocument": ram_trust(service)})


@pytest.fixture
def packed(alibaba: Client) -> dict[str, str]:
    """The code of a function: a zip in a bucket."""
    alibaba.create(BUCKET, "code", {"bucket": "code-bucket"})
    Path("f.zip").write_bytes(zip_bytes({"bootstrap": "#!/bin/sh\n"}))
    alibaba.create(OBJECT, "code", {"bucket": "code-bucket", "key": "code/1.zip", "source": "f.zip"})
    return {"ossBucketName": "code-bucket", "ossObjectName": "code/1.zip"}


def function(code: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"functionName": "isthmus-fc", "runtime": "custom.debian10", "handler": "a.b", "code": code, **more}


def trigger(**more: Any) -> dict[str, Any]:
    config = json.dumps({"authType": "anonymous", "methods": ["GET", "POST"]})
    names = {"functionName": "isthmus-fc", "qualifier": "LATEST", "triggerName": "http", "triggerType": "http"}
    return {**names, "triggerConfig": config, **more}


class TestRam:
    def test_shapes(self, alibaba: Client) -> None:
        made = role(alibaba)
        assert made.id == "Isthmus-fc"
        assert made.outputs["arn"] == "acs:ram::1234567890123456:role/isthmus-fc"
        policy = alibaba.create(POLICY, "p", {"policyName": "p", "policyDocument": _policy()})
        assert (policy.id, policy.outputs["type"]) == ("p", "Custom")
        attached = {"roleName": made.id, "policyName": "p", "policyType": "Custom"}
        assert alibaba.create(ATTACHMENT, "a", attached).id == "role:p:Custom:Isthmus-fc"

    def test_names_are_needed_and_unique(self, alibaba: Client) -> None:
        assert "one of `roleName,name` must be specified" in alibaba.reasons(ROLE, {"assumeRolePolicyDocument": "{}"})
        assert "invalid value for roleName" in alibaba.reasons(ROLE, {"roleName": "a_b"})
        role(alibaba)
        with refused(r"creating alicloud_ram_role \(Isthmus-fc\): CreateRole failed: .*EntityAlreadyExist\.Role"):
            alibaba.create(ROLE, "other", {"roleName": "Isthmus-fc", "assumeRolePolicyDocument": ram_trust("a")})

    def test_documents_are_checked(self, alibaba: Client) -> None:
        assert "contains an invalid JSON" in alibaba.reasons(ROLE, {"roleName": "r", "assumeRolePolicyDocument": "{"})
        with refused('Version must be "1"'):
            alibaba.create(ROLE, "r", {"roleName": "r", "assumeRolePolicyDocument": trust("fc.aliyuncs.com")})
        with refused("invalid statement"):
            alibaba.create(POLICY, "p", {"policyName": "p", "policyDocument": '{"Version":"1","Statement":[{}]}'})

    def test_attachments_need_both_and_hold_both(self, alibaba: Client) -> None:
        attached = {"roleName": "Isthmus-fc", "policyName": "p", "policyType": "Custom"}
        with refused("EntityNotExist.Role"):
            alibaba.create(ATTACHMENT, "a", attached)
        made = role(alibaba)
        with refused("EntityNotExist.Policy"):
            alibaba.create(ATTACHMENT, "a", attached)
        alibaba.create(ATTACHMENT, "s", {**attached, "policyName": "AliyunOSSReadOnlyAccess", "policyType": "System"})
        policy = alibaba.create(POLICY, "p", {"policyName": "p", "policyDocument": _policy()})
        alibaba.read(alibaba.create(ATTACHMENT, "a", attached))
        with refused("DeleteConflict.Role.Policy"):
            alibaba.delete(made)
        with refused("DeleteConflict.Policy.Role"):
            alibaba.delete(policy)


def _policy() -> str:
    return json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:GetObject", "Resource": "*"}]})


class TestOss:
    def test_a_bucket_has_the_real_shapes_and_one_name(self, alibaba: Client) -> None:
        made = alibaba.create(BUCKET, "b", {"bucket": "site-bucket"})
        assert made.outputs["extranetEndpoint"] == "oss-cn-hongkong.aliyuncs.com"
        assert made.outputs["intranetEndpoint"] == "oss-cn-hongkong-internal.aliyuncs.com"
        assert made.outputs["location"] == "oss-cn-hongkong"
        with refused("BucketAlreadyExists.*The requested bucket name is not available"):
            alibaba.create(BUCKET, "c", {"bucket": "site-bucket"})
        assert "invalid bucket name" in alibaba.reasons(BUCKET, {"bucket": "a.b"})

    def test_objects_are_bytes_in_the_store(self, alibaba: Client, store: Store) -> None:
        alibaba.create(BUCKET, "b", {"bucket": "site-bucket"})
        page = {"bucket": "site-bucket", "key": "index.html", "content": "<p>", "cacheControl": "no-cache"}
        made = alibaba.create(OBJECT, "o", page)
        stored = store.oss.get("site-bucket", "index.html")
        assert stored
        assert store.blob_path(stored.blob).read_bytes() == b"<p>"
        assert stored.headers == {"content-type": "text/html", "cache-control": "no-cache"}
        assert (made.id, made.outputs["contentLength"]) == ("index.html", "3")
        alibaba.update(made, {**page, "content": "<b>"})
        stored = store.oss.get("site-bucket", "index.html")
        assert stored
        assert store.blob_path(stored.blob).read_bytes() == b"<b>"

    def test_two_buckets_may_have_an_object_of_the_same_key(self, alibaba: Client, store: Store) -> None:
        for name in ("bucket-one", "bucket-two"):
            alibaba.create(BUCKET, name, {"bucket": name})
            alibaba.create(OBJECT, name, {"bucket": name, "key": "k", "content": name})
        assert len(store.list(OBJECT)) == 2

    def test_refusals(self, alibaba: Client) -> None:
        with refused("NoSuchBucket"):
            alibaba.create(OBJECT, "o", {"bucket": "none", "key": "k", "content": "x"})
        made = alibaba.create(BUCKET, "b", {"bucket": "site-bucket"})
        with refused(r"open gone\.html: No such file or directory"):
            alibaba.create(OBJECT, "o", {"bucket": "site-bucket", "key": "k", "source": "gone.html"})
        assert "one of `source,content`" in alibaba.reasons(OBJECT, {"bucket": "b", "key": "k"})
        with refused("InvalidDigest"):
            alibaba.create(OBJECT, "o", {"bucket": "site-bucket", "key": "k", "content": "x", "contentMd5": "AAAA"})
        alibaba.create(OBJECT, "o", {"bucket": "site-bucket", "key": "k", "content": "x"})
        with refused("BucketNotEmpty"):
            alibaba.delete(made)
        with refused("AccessDenied.*Put public bucket acl is not allowed"):
            alibaba.create("alicloud:oss/bucketAcl:BucketAcl", "a", {"bucket": "site-bucket", "acl": "public-read"})

    def test_a_forced_bucket_goes_with_its_objects(self, alibaba: Client, store: Store) -> None:
        made = alibaba.create(BUCKET, "b", {"bucket": "site-bucket", "forceDestroy": True})
        alibaba.create(OBJECT, "o", {"bucket": "site-bucket", "key": "k", "content": "x"})
        alibaba.delete(made)
        assert store.oss.list("site-bucket") == []


class TestLogs:
    def test_a_store_needs_its_project_and_an_index_its_store(self, alibaba: Client, store: Store) -> None:
        wanted = {"projectName": "isthmus-logs", "logstoreName": "fc"}
        with refused("ProjectNotExist.*The Project does not exist : isthmus-logs"):
            alibaba.create(LOGSTORE, "s", wanted)
        project = alibaba.create(PROJECT, "p", {"projectName": "isthmus-logs"})
        with refused("ProjectAlreadyExist"):
            alibaba.create(PROJECT, "q", {"projectName": "isthmus-logs"})
        index = {"project": "isthmus-logs", "logstore": "fc", "fullText": {"caseSensitive": False}}
        with refused("LogStoreNotExist"):
            alibaba.create(INDEX, "i", index)
        assert alibaba.create(LOGSTORE, "s", wanted).id == "isthmus-logs:fc"
        assert alibaba.create(INDEX, "i", index).id == "isthmus-logs:fc"
        with refused("IndexAlreadyExist"):
            alibaba.create(INDEX, "j", index)
        assert "to be in the range" in alibaba.reasons(LOGSTORE, {**wanted, "retentionPeriod": 0})
        alibaba.delete(project)
        assert store.list(LOGSTORE) == store.list(INDEX) == []


class TestFunctionCompute:
    def test_a_function_copies_its_code(self, alibaba: Client, store: Store, packed: dict[str, str]) -> None:
        arn = role(alibaba).outputs["arn"].replace("isthmus", "Isthmus")
        made = alibaba.create(FUNCTION, "f", function(packed, role=arn))
        assert made.id == "isthmus-fc"
        assert made.outputs["functionArn"] == "acs:fc:cn-hongkong:1234567890123456:functions/isthmus-fc"
        assert (made.outputs["memorySize"], made.outputs["cpu"], made.outputs["diskSize"]) == (512, 0.35, 512)
        store.oss.delete("code-bucket", "code/1.zip")
        row = store.get(FUNCTION, made.id)
        assert row
        assert store.blob_path(row.private["code"]).read_bytes() == Path("f.zip").read_bytes()
        assert alibaba.update(made, function(packed, timeout=30)).outputs["timeout"] == 30
        with refused("the OSS object 'code/2.zip' does not exist in bucket 'code-bucket'"):
            alibaba.update(made, function({**packed, "ossObjectName": "code/2.zip"}))

    def test_new_code_is_copied_at_an_update(self, alibaba: Client, store: Store, packed: dict[str, str]) -> None:
        made = alibaba.create(FUNCTION, "f", function(packed))
        data = zip_bytes({"bootstrap": "new"})
        alibaba.update(made, function({"zipFile": base64.b64encode(data).decode()}))
        row = store.get(FUNCTION, made.id)
        assert row
        assert store.blob_path(row.private["code"]).read_bytes() == data

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"memorySize": 500}, "memorySize must be a multiple of 64"),
            ({"memorySize": 512, "cpu": 1}, "ratio of cpu .* from 1:1 to 1:4"),
            ({"memorySize": 4096, "cpu": 0.5}, "ratio of cpu"),
            ({"cpu": 0.33}, "cpu must be a multiple of 0.05"),
            ({"diskSize": 1024}, "diskSize must be 512 or 10240"),
            ({"runtime": "python3.10", "instanceConcurrency": 5}, "only supported in custom runtimes"),
            ({"environmentVariables": {"A": "x" * 5000}}, "environmentVariables exceed 4096 bytes"),
            ({"role": "acs:ram::1234567890123456:role/none"}, "cannot be assumed by fc.aliyuncs.com"),
            ({"role": "none"}, "role must be like acs:ram::"),
            ({"logConfig": {"project": "none", "logstore": "s"}}, "ProjectNotExist"),
            (
                {"code": {"ossBucketName": "none", "ossObjectName": "k"}},
                "the OSS bucket 'none' of the code does not exist",
            ),
            ({"code": {"zipFile": "%%"}}, "not base64"),
            ({"code": {"zipFile": "AAAA"}}, "not a zip file"),
        ],
    )
    def test_what_fc_does_not_take(
        self, alibaba: Client, packed: dict[str, str], change: dict[str, Any], words: str
    ) -> None:
        with refused(words):
            alibaba.create(FUNCTION, "f", {**function(packed), **change})

    @pytest.mark.parametrize("cpu", [0.15, 0.35, 0.5, 0.05 * 3])
    def test_fitting_sizes_are_taken(self, alibaba: Client, packed: dict[str, str], cpu: float) -> None:
        memory = 512 if cpu > 0.2 else 192
        alibaba.create(FUNCTION, "f", function(packed, memorySize=memory, cpu=cpu))

    def test_the_role_must_trust_fc(self, alibaba: Client, packed: dict[str, str]) -> None:
        with refused("cannot be assumed by fc.aliyuncs.com"):
            alibaba.create(FUNCTION, "f", function(packed, role=role(alibaba, "oss.aliyuncs.com").outputs["arn"]))

    def test_check_knows_names_and_runtimes(self, alibaba: Client, packed: dict[str, str]) -> None:
        assert "runtime" in alibaba.reasons(FUNCTION, function(packed, runtime="rust"))
        assert "invalid value for functionName" in alibaba.reasons(FUNCTION, function(packed, functionName="1a"))
        assert "code.zipfile: unknown property" in alibaba.reasons(FUNCTION, function({"zipfile": "x"}))
        assert "Missing required property 'functionName'" in alibaba.reasons(
            FUNCTION, {"runtime": "custom", "handler": "h"}
        )

    def test_a_bucket_elsewhere_is_refused(self, alibaba: Client, packed: dict[str, str]) -> None:
        alibaba.configure("cn-hangzhou")
        with refused("is in oss-cn-hongkong: the code must be in the function's region cn-hangzhou"):
            alibaba.create(FUNCTION, "f", function(packed))

    def test_a_trigger_has_the_real_shape(self, alibaba: Client, packed: dict[str, str]) -> None:
        alibaba.create(FUNCTION, "f", function(packed))
        made = alibaba.create(TRIGGER, "t", trigger())
        assert made.id == "isthmus-fc:http"
        url = made.outputs["httpTrigger"]["urlInternet"]
        assert re.fullmatch(r"https://isthmus-fc-[a-z]{10}\.cn-hongkong\.fcapp\.run", url)
        updated = alibaba.update(made, trigger(triggerConfig='{"authType":"function","methods":["GET"]}'))
        assert updated.outputs["httpTrigger"] == made.outputs["httpTrigger"]

    def test_a_trigger_must_fit(self, alibaba: Client, packed: dict[str, str]) -> None:
        with refused("FunctionNotFound.*function 'isthmus-fc' does not exist"):
            alibaba.create(TRIGGER, "t", trigger())
        alibaba.create(FUNCTION, "f", function(packed))
        alibaba.create(TRIGGER, "t", trigger())
        with refused("already has an HTTP trigger: only one is allowed per version or alias"):
            alibaba.create(TRIGGER, "u", trigger(triggerName="second"))
        with refused("TriggerAlreadyExists"):
            alibaba.create(TRIGGER, "u", trigger())
        with refused("authType must be one of"):
            alibaba.create(TRIGGER, "u", trigger(triggerConfig='{"authType":"nobody","methods":["GET"]}'))
        with refused("methods must be a list of"):
            alibaba.create(TRIGGER, "u", trigger(triggerConfig='{"methods":["FETCH"]}'))
        with refused("AliasNotFound"):
            alibaba.create(TRIGGER, "u", trigger(qualifier="live"))
        assert "invalid JSON" in alibaba.reasons(TRIGGER, trigger(triggerConfig="{"))

    def test_asynchronous_settings_need_their_function(self, alibaba: Client, packed: dict[str, str]) -> None:
        type_ = "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig"
        with refused("FunctionNotFound"):
            alibaba.create(type_, "a", {"functionName": "isthmus-fc"})
        alibaba.create(FUNCTION, "f", function(packed))
        made = alibaba.create(type_, "a", {"functionName": "isthmus-fc", "maxAsyncRetryAttempts": 1})
        assert made.outputs["functionArn"].endswith(":functions/isthmus-fc")
        with refused("between 0 and 8"):
            alibaba.update(made, {"functionName": "isthmus-fc", "maxAsyncRetryAttempts": 9})


class TestCdn:
    def domain(self, **more: Any) -> dict[str, Any]:
        source = {"content": "site-bucket.oss-cn-hongkong.aliyuncs.com", "type": "oss"}
        return {"domainName": "site.isthmus.test", "cdnType": "web", "scope": "overseas", "sources": [source], **more}

    def config(self, name: str = "l2_oss_key", **arguments: str) -> dict[str, Any]:
        pairs = arguments or {"private_oss_auth": "on"}
        listed = [{"argName": key, "argValue": value} for key, value in pairs.items()]
        return {"domainName": "site.isthmus.test", "functionName": name, "functionArgs": listed}

    def test_shapes(self, alibaba: Client) -> None:
        made = alibaba.create(DOMAIN, "d", self.domain())
        assert made.id == "site.isthmus.test"
        assert made.outputs["cname"] == "site.isthmus.test.w.kunlunsl.com"
        assert made.outputs["status"] == "online"
        config = alibaba.create(CONFIG, "c", self.config())
        assert re.fullmatch(r"site\.isthmus\.test:l2_oss_key:\d{15}", config.id)
        assert config.outputs["configId"] == config.id.rpartition(":")[2]

    def test_refusals(self, alibaba: Client) -> None:
        with refused("InvalidDomain.NotFound"):
            alibaba.create(CONFIG, "c", self.config())
        with refused("The origin can not be the accelerated domain name itself"):
            alibaba.create(DOMAIN, "d", self.domain(sources=[{"content": "site.isthmus.test", "type": "domain"}]))
        with refused("DomainNotRegistration.*has no ICP filing"):
            alibaba.create(DOMAIN, "d", self.domain(scope="global"))
        assert "cdnType" in alibaba.reasons(DOMAIN, self.domain(cdnType="page"))
        assert "no domain name" in alibaba.reasons(DOMAIN, self.domain(domainName="localhost"))
        alibaba.create(DOMAIN, "d", self.domain())
        with refused("DomainAlreadyExist"):
            alibaba.create(DOMAIN, "e", self.domain())
        with refused("The function oss_auth is not known"):
            alibaba.create(CONFIG, "c", self.config("oss_auth"))
        with refused("The function set_req_host_header needs the argument domain_name"):
            alibaba.create(CONFIG, "c", self.config("set_req_host_header", host="x"))

    def test_a_private_origin_must_be_a_bucket(self, alibaba: Client) -> None:
        alibaba.create(DOMAIN, "d", self.domain(sources=[{"content": "example.com", "type": "domain"}]))
        with refused("needs an origin of type oss"):
            alibaba.create(CONFIG, "c", self.config())

    def test_a_domain_takes_its_configuration_along(self, alibaba: Client, store: Store) -> None:
        made = alibaba.create(DOMAIN, "d", self.domain())
        alibaba.create(CONFIG, "c", self.config())
        alibaba.delete(made)
        assert store.list(CONFIG) == []
