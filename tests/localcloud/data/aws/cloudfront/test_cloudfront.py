"""CloudFront end to end: behaviours, edge functions, origin access control, cache, error pages.

Does not prove anything of the real network: TLS, HTTP/2, compression, edge locations, propagation of an update.
"""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from multidict import CIMultiDict

from localcloud.data.aws.cloudfront import edge_events
from localcloud.data.aws.cloudfront import policies as cloudfront_policies
from localcloud.data.aws.cloudfront.edge_rules import check_headers
from localcloud.data.aws.cloudfront.pages import EdgeFailure
from localcloud.data.messages import Request, Response
from localcloud.store import Resource
from tests.localcloud.data.conftest import (
    DISTRIBUTION_ARN,
    DISTRIBUTION_HOST,
    EDGE,
    EDGE_ARN,
    allow_distribution,
    put_distribution,
    put_edge,
    put_permission,
)


@pytest.fixture(autouse=True)
def as_deployed(running):
    """Every test starts from the same distribution, whatever the one before changed."""
    store = running[2]
    put_distribution(store)
    allow_distribution(store)


async def ask(plane, path: str = "/", method: str = "GET", body: bytes | None = None, **headers):
    async with plane.request(method, DISTRIBUTION_HOST, path, data=body, headers=headers) as response:
        return response.status, response.headers, await response.read()


async def test_a_post_reaches_the_function_through_oac_and_the_edge_function(plane):
    status, headers, body = await ask(plane, "/", "POST", b'{"firstName":"Rustacean"}')

    assert (status, json.loads(body)["echo"]) == (200, {"firstName": "Rustacean"})
    assert headers["X-Cache"] == "Miss from cloudfront"
    assert headers["x-isthmus-edge"] == "viewer-response"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["Via"].endswith(".cloudfront.net (CloudFront)")


async def test_without_the_edge_function_a_post_is_refused_by_the_function_url(plane):
    put_distribution(plane.store, lambdaFunctionAssociations=[])

    status, headers, body = await ask(plane, "/", "POST", b"{}")
    assert (status, headers["X-Cache"]) == (403, "Error from cloudfront")
    assert b"signature we calculated does not match" in body

    hashed = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert (await ask(plane, "/", "POST", b"{}", **{"x-amz-content-sha256": hashed}))[0] == 200
    assert (await ask(plane))[0] == 200


async def test_the_permission_must_name_this_distribution(plane):
    other = DISTRIBUTION_ARN.replace("E111", "E222")
    service = "cloudfront.amazonaws.com"
    put_permission(plane.store, "url", "lambda:InvokeFunctionUrl", principal=service, sourceArn=other)

    status, _, body = await ask(plane)

    assert status == 403
    assert b"urls-auth.html" in body


async def test_a_forwarded_host_is_refused_by_the_function_url(plane):
    put_distribution(plane.store, originRequestPolicyId="216adef6-5c7f-47e4-b989-5492eafa07d3")

    assert (await ask(plane))[0] == 403


async def test_the_origin_sees_what_the_policies_forward(plane):
    _, _, body = await ask(plane, "/event?q=1", **{"Cookie": "a=b", "X-Mine": "1", "Authorization": "mine"})

    event = json.loads(body)
    assert event["rawQueryString"] == "q=1"
    assert event["cookies"] == ["a=b"]
    assert event["headers"]["x-mine"] == "1"
    assert event["headers"]["authorization"].startswith("AWS4-HMAC-SHA256")
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["requestContext"]["authorizer"]["iam"]["callerId"] == "cloudfront.amazonaws.com"

    put_distribution(plane.store, originRequestPolicyId="", lambdaFunctionAssociations=[])
    _, _, body = await ask(plane, "/event?q=1", **{"Cookie": "a=b", "X-Mine": "1"})
    event = json.loads(body)
    assert event["rawQueryString"] == ""
    assert "cookies" not in event
    assert "x-mine" not in event["headers"]
    assert event["headers"]["user-agent"] == "Amazon CloudFront"


async def test_a_response_made_at_the_edge_never_reaches_the_origin(plane):
    status, headers, body = await ask(plane, "/generated")

    assert (status, body, headers["x-by"]) == (403, b"no", "edge")
    assert headers["X-Cache"] == "LambdaGeneratedResponse from cloudfront"


@pytest.mark.parametrize(
    ("path", "status", "result", "told"),
    [
        ("/forbidden-header", 502, "LambdaValidationError", "tried to add a blacklisted header"),
        ("/read-only", 502, "LambdaValidationError", "tried to add, delete, or change a read-only header"),
        ("/raise", 503, "LambdaExecutionError", "is invalid or doesn't have the required permissions"),
    ],
)
async def test_what_an_edge_function_does_wrong_is_an_error_page(plane, path, status, result, told):
    answered, headers, body = await ask(plane, path)

    assert answered == status
    assert headers["X-Cache"] == f"{result} from cloudfront"
    assert headers["Server"] == "CloudFront"
    assert told in body.decode()
    assert "Generated by cloudfront (CloudFront)" in body.decode()


async def test_a_refused_method_is_403(plane):
    put_distribution(plane.store, allowedMethods=["GET", "HEAD"])

    status, _, body = await ask(plane, "/", "POST", b"{}")

    assert status == 403
    assert b"not configured to allow the HTTP request method" in body


async def test_an_unknown_origin_is_502(plane):
    resource = plane.store.get("aws:cloudfront/distribution:Distribution", "E111111ABCDEF")
    resource.properties["origins"][0]["domainName"] = "gone.lambda-url.ap-northeast-1.on.aws"
    plane.store.put(resource)

    status, _, body = await ask(plane)

    assert status == 502
    assert b"wasn't able to resolve the origin domain name" in body


async def test_all_four_events_have_their_form(plane):
    source = """
def handler(event, context):
    import json
    print(json.dumps(event))
    cf = event["Records"][0]["cf"]
    return cf.get("response") or cf["request"]
"""
    put_edge(plane.store, source)
    kinds = ["viewer-request", "origin-request", "origin-response", "viewer-response"]
    put_distribution(
        plane.store,
        lambdaFunctionAssociations=[{"eventType": kind, "lambdaArn": EDGE_ARN, "includeBody": True} for kind in kinds],
    )
    last = max((line.number for line in plane.store.read_logs("/aws/lambda/us-east-1.edge")), default=0)

    assert (await ask(plane, "/p%20q?r=s", **{"X-Mine": "1"}))[0] == 200

    lines = [line.message for line in plane.store.read_logs("/aws/lambda/us-east-1.edge", last)]
    events = [json.loads(line)["Records"][0]["cf"] for line in lines if line.startswith("{")]
    put_edge(plane.store, EDGE)
    assert [event["config"]["eventType"] for event in events] == kinds
    assert {event["config"]["requestId"] for event in events} == {events[0]["config"]["requestId"]}
    assert all(event["config"]["distributionDomainName"] == DISTRIBUTION_HOST for event in events)
    assert all((event["request"]["uri"], event["request"]["querystring"]) == ("/p%20q", "r=s") for event in events)
    assert [set(event) for event in events] == [{"config", "request"}] * 2 + [{"config", "request", "response"}] * 2
    assert ["origin" in event["request"] for event in events] == [False, True, True, False]
    assert ["body" in event["request"] for event in events] == [True, True, False, False]
    assert events[0]["request"]["headers"]["x-mine"] == [{"key": "X-Mine", "value": "1"}]
    assert events[1]["request"]["origin"]["custom"]["protocol"] == "https"
    assert events[2]["response"]["status"] == "200"


async def test_caching_keeps_responses_until_the_distribution_goes(plane):
    optimised = {"cachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6", "lambdaFunctionAssociations": []}
    put_distribution(plane.store, **optimised)

    first = await ask(plane, "/?a=1")
    second = await ask(plane, "/?a=1")
    assert [answer[1]["X-Cache"] for answer in (first, second)] == ["Miss from cloudfront", "Hit from cloudfront"]
    assert second[1]["Age"] == "0"
    assert first[2] == second[2]
    assert (await ask(plane, "/?a=2"))[1]["X-Cache"] == "Hit from cloudfront", "the query is not in the key"
    assert (await ask(plane, "/", "POST", b""))[1]["X-Cache"] == "Miss from cloudfront"

    put_distribution(plane.store, **optimised, compress=True)
    assert (await ask(plane, "/?a=1"))[1]["X-Cache"] == "Hit from cloudfront"
    plane.store.delete("aws:cloudfront/distribution:Distribution", "E111111ABCDEF")
    assert (await ask(plane, "/?a=1"))[0] == 404
    put_distribution(plane.store, **optimised)
    assert (await ask(plane, "/?a=1"))[1]["X-Cache"] == "Miss from cloudfront"


async def test_an_s3_origin_is_read_with_oac_and_the_bucket_policy(plane):
    host = "pages.s3.ap-northeast-1.amazonaws.com"
    bucket = {"bucket": "pages", "region": "ap-northeast-1", "bucketRegionalDomainName": host}
    plane.store.put(Resource("aws:s3/bucket:Bucket", "pages", "urn:p", bucket))
    plane.store.s3.put("pages", "index.html", b"<p>", {"content-type": "text/html"})
    resource = plane.store.get("aws:cloudfront/distribution:Distribution", "E111111ABCDEF")
    resource.properties["origins"] = [{"originId": "function", "domainName": host, "originAccessControlId": "OAC2"}]
    resource.properties["defaultRootObject"] = "index.html"
    resource.properties["defaultCacheBehavior"]["lambdaFunctionAssociations"] = []
    resource.properties["defaultCacheBehavior"]["originRequestPolicyId"] = ""
    plane.store.put(resource)
    control = {"originAccessControlOriginType": "s3", "signingBehavior": "always", "signingProtocol": "sigv4"}
    plane.store.put(Resource("aws:cloudfront/originAccessControl:OriginAccessControl", "OAC2", "urn:o", control))
    assert (await ask(plane))[0] == 403

    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::pages/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": DISTRIBUTION_ARN}},
    }
    policy = {"bucket": "pages", "policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    plane.store.put(Resource("aws:s3/bucketPolicy:BucketPolicy", "pages", "urn:pp", policy))

    status, headers, body = await ask(plane)
    assert (status, body, headers["Content-Type"]) == (200, b"<p>", "text/html")
    async with plane.request("GET", host, "/index.html") as response:
        assert response.status == 403


async def test_two_hundred_posts_at_once_are_all_answered_and_none_mixed_up(plane):
    async def one(number: int):
        status, _, body = await ask(plane, "/", "POST", json.dumps({"n": number}).encode())
        return status, json.loads(body)["echo"]["n"]

    assert await asyncio.gather(*(one(number) for number in range(200))) == [(200, number) for number in range(200)]


@pytest.mark.parametrize(("kind", "limit"), [("viewer-request", 40 * 1024), ("origin-request", 1024 * 1024)])
def test_a_long_body_is_shown_truncated(kind, limit):
    request = Request("POST", "h", "/", body=b"x" * (limit + 1))

    body = edge_events.request_json(request, kind, include_body=True, origin=None)["body"]

    assert (body["inputTruncated"], len(base64.b64decode(body["data"]))) == (True, limit)
    request.body = b"x" * limit
    assert not edge_events.request_json(request, kind, include_body=True, origin=None)["body"]["inputTruncated"]


def test_hidden_headers_are_not_shown_and_survive():
    request = Request("GET", "h", "/", headers=CIMultiDict({"X-Amz-Cf-Id": "1", "X-Real-IP": "2", "A": "b"}))

    shown = edge_events.request_json(request, "origin-request", include_body=False, origin=None)
    assert set(shown["headers"]) == {"a"}
    edge_events.apply_request(request, shown, "origin-request")
    assert dict(request.headers) == {"A": "b", "X-Amz-Cf-Id": "1", "X-Real-IP": "2"}


def test_a_replaced_body_and_uri_are_taken_over():
    request = Request("POST", "h", "/", headers=CIMultiDict({"Content-Length": "3"}), body=b"old")
    result = edge_events.request_json(request, "origin-request", include_body=True, origin=None)
    result |= {"uri": "/new", "querystring": "a=b"}
    result["body"] |= {"action": "replace", "encoding": "text", "data": "newer"}

    edge_events.apply_request(request, result, "origin-request")

    assert (request.path, request.query, request.body) == ("/new", "a=b", b"newer")


@pytest.mark.parametrize(
    "result",
    [None, "text", {"uri": "no-slash"}, {"uri": "/", "headers": {"a": "not a list"}}, {"uri": "/", "method": "PUT"}],
)
def test_a_malformed_request_is_a_validation_error(result):
    with pytest.raises(EdgeFailure) as failure:
        edge_events.apply_request(Request("GET", "h", "/"), result, "viewer-request")
    assert (failure.value.status, failure.value.result) == (502, "LambdaValidationError")


@pytest.mark.parametrize(
    "result",
    [{"status": "199"}, {"status": "x"}, {"status": "200", "body": "%", "bodyEncoding": "base64"}],
)
def test_a_malformed_generated_response_is_a_validation_error(result):
    with pytest.raises(EdgeFailure):
        edge_events.generated_response(result, "viewer-request")


@pytest.mark.parametrize(("kind", "limit"), [("viewer-request", 40 * 1024), ("origin-request", 1024 * 1024)])
def test_a_generated_response_has_a_size_limit(kind, limit):
    assert edge_events.generated_response({"status": "200", "body": "x" * limit}, kind).status == 200
    with pytest.raises(EdgeFailure, match="larger than the size limit"):
        edge_events.generated_response({"status": "200", "body": "x" * (limit + 1)}, kind)


def test_the_status_is_read_only_in_viewer_response():
    response = Response(200)
    changed = {"status": "201", "headers": {}}
    with pytest.raises(EdgeFailure, match="status"):
        edge_events.apply_response(response, changed, "viewer-response")
    edge_events.apply_response(response, changed, "origin-response")
    assert response.status == 201


@pytest.mark.parametrize(
    ("kind", "name", "refused"),
    [
        ("viewer-request", "Host", True),
        ("origin-request", "Host", False),
        ("origin-request", "Accept-Encoding", True),
        ("viewer-request", "Accept-Encoding", False),
        ("origin-response", "Via", True),
        ("viewer-response", "Content-Length", True),
        ("origin-response", "Content-Length", False),
    ],
)
def test_read_only_headers_depend_on_the_event(kind, name, refused):
    before, after = CIMultiDict({name: "1"}), CIMultiDict({name: "2"})
    if not refused:
        check_headers(before, after, kind)
        return
    with pytest.raises(EdgeFailure):
        check_headers(before, after, kind)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/api/*", "/api/x/y", True),
        ("api/*", "/api/x", True),
        ("*.jpg", "/a/b.jpg", True),
        ("*.jpg", "/a/b.JPG", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("/[ab]", "/a", False),
    ],
)
def test_path_patterns(pattern, path, expected):
    assert cloudfront_policies.matches(pattern, path) is expected
