"""Our signatures beside those of the official clients' own signers, over generated requests.

The local clouds verify ACS3 with code of their own. Does not prove that a cloud accepts them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from urllib.parse import quote

from alibabacloud_oss_v2.credentials import Credentials as OssCredentials
from alibabacloud_oss_v2.signer.v4 import SignerV4
from alibabacloud_oss_v2.types import HttpRequest, SigningContext
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from handlers.site_build import signers
from handlers.site_build.signers import Keys, Seal, Target
from localcloud.data.alibaba.acs3 import verify
from localcloud.data.keyring import AccessKey
from localcloud.data.messages import Request

NOW = 1_786_200_000.0
MOMENT = dt.datetime.fromtimestamp(NOW, dt.UTC)
KEY_TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=40)
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)
SUB_RESOURCES = st.sampled_from(
    ["uploads", "acl", "tagging", "uploadId", "partNumber", "list-type", "prefix", "x-oss-a"]
)
QUERY = st.dictionaries(SUB_RESOURCES | KEY_TEXT, TEXT, max_size=5).map(lambda pairs: tuple(pairs.items()))
VALUE = st.text("abcXYZ019 -_./;=+", min_size=1, max_size=20).map(str.strip).filter(bool)
NAME = st.sampled_from(
    ["Content-Type", "Content-MD5", "Cache-Control", "Range", "x-oss-meta-a", "X-Oss-Forbid-Overwrite"]
)
TOKEN = st.sampled_from(["", "CAISqgJ1q6Ft5B2yfSjIr5fXJ+Lk+w=="])
METHOD = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"])
REGION = st.sampled_from(["cn-hongkong", "eu-central-1", "us-east-1"])


@settings(deadline=None, max_examples=400)
@given(METHOD, KEY_TEXT | st.just(""), QUERY, st.dictionaries(NAME, VALUE, max_size=4), TOKEN, REGION)
@example(
    "PUT", "größe/日本 +%&=?#~'()*!.html", (("uploads", ""),), {"Content-Type": "text/html"}, "token", "cn-hongkong"
)
@example("GET", "", (("prefix", ""), ("list-type", "2"), ("continuation-token", "a/b+c=")), {}, "", "cn-hongkong")
@example("GET", "a//b/", (("a", "2"), ("a-", "1"), ("A", "")), {}, "", "cn-hongkong")
def test_oss_as_the_official_client_signs(method, key, query, headers, token, region):
    host = "my-bucket.oss-cn-hongkong-internal.aliyuncs.com"
    target = Target(method, host, f"/{quote(key)}", query)
    ours = signers.oss(target, "my-bucket", headers, Seal(Keys("AK", "SK", token), region, NOW))
    url = f"https://{host}/{quote(key)}"
    wire = signers.encoded(query, empty="")
    request = HttpRequest(method, f"{url}?{wire}" if wire else url, headers=dict(headers))
    theirs = SigningContext(
        product="oss", region=region, bucket="my-bucket", key=key or None, request=request,
        credentials=OssCredentials("AK", "SK", token or None), signing_time=MOMENT,
    )  # fmt: skip
    SignerV4().sign(theirs)
    assert ours["Authorization"] == request.headers["Authorization"]
    assert ours["x-oss-date"] == request.headers["x-oss-date"]


@settings(deadline=None, max_examples=300)
@given(METHOD, KEY_TEXT | st.just(""), QUERY, st.dictionaries(NAME, VALUE, max_size=4), TOKEN, st.binary(max_size=64))
@example("PUT", "größe/日本 +%&=?#~'()*!.html", (("uploads", ""),), {"Content-Type": "text/html"}, "token", b"")
@example("GET", "", (("prefix", ""), ("list-type", "2"), ("continuation-token", "a/b+c=")), {}, "", b"")
def test_s3_as_the_official_client_signs(method, key, query, headers, token, body):
    if ".." in key.split("/") or "." in key.split("/") or key.startswith("/"):
        return  # botocore would send another path
    host = "my-bucket.s3.ap-northeast-1.amazonaws.com"
    payload = hashlib.sha256(body).hexdigest()
    target = Target(method, host, f"/{quote(key)}", query)
    ours = signers.aws(target, "s3", headers, Seal(Keys("AK", "SK", token), "ap-northeast-1", NOW), payload)
    assert ours["Authorization"] == _botocore(S3SigV4Auth, "s3", "ap-northeast-1", target, headers, token, body)


@settings(deadline=None, max_examples=50)
@given(TOKEN, st.binary(max_size=64))
def test_cloudfront_as_the_official_client_signs(token, body):
    target = Target("POST", "cloudfront.amazonaws.com", "/2020-05-31/distribution/E123/invalidation")
    headers = {"Content-Type": "application/xml"}
    seal = Seal(Keys("AK", "SK", token), "us-east-1", NOW)
    ours = signers.aws(target, "cloudfront", headers, seal, hashlib.sha256(body).hexdigest())
    assert ours["Authorization"] == _botocore(SigV4Auth, "cloudfront", "us-east-1", target, headers, token, body)


def _botocore(kind, service, region, target, headers, token, body) -> str:
    url = f"https://{target.host}{target.path}"
    line = signers.encoded(target.query, empty="=")
    request = AWSRequest(target.method, f"{url}?{line}" if line else url, headers=dict(headers), data=body)
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(NOW))
    request.context["payload_signing_enabled"] = True
    signer = kind(Credentials("AK", "SK", token or None), service, region)
    # As `add_auth`, but for the clock.
    signer._modify_request_before_signing(request)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    signer._inject_signature_to_request(request, signature)
    return request.headers["Authorization"]


class _Keyring:
    def __init__(self, token: str) -> None:
        self._token = token

    def find(self, key: str):
        return (AccessKey("AK", "SK", self._token), "somebody") if key == "AK" else None


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=64), TOKEN)
def test_acs3_as_the_local_clouds_verify(body, token):
    target = Target("POST", "cdn.aliyuncs.com", "/")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    seal = Seal(Keys("AK", "SK", token), "", NOW)
    signed = signers.acs3(target, ("RefreshObjectCaches", "2018-05-10"), headers, seal, body)
    request = Request("POST", target.host, "/", headers=CIMultiDict({**signed, "Host": target.host}), body=body)
    assert verify(request, _Keyring(token)) == "somebody"
    assert signed["x-acs-date"] == MOMENT.strftime("%Y-%m-%dT%H:%M:%SZ")
    covered = signed["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {"host", "x-acs-action", "x-acs-version", "x-acs-content-sha256", "x-acs-signature-nonce"} <= set(covered)
    assert ("x-acs-security-token" in covered) == bool(token)
