"""The way of a new user, on the real engine with stand-in providers and the local data plane.

Does not prove that AWS or Alibaba Cloud accept what is deployed, nor their latencies or limits: the
stand-ins know only what the clouds document. The tests of this module run in order on one deployment.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import urllib.response

import pytest

from rules.secrets import credentials

pytestmark = pytest.mark.engine

GREETING = b'{"message": "Hello, Rustacean!"}'
CODE_RESOURCES = {"aws:lambda:Function", "alicloud:oss:BucketObject", "alicloud:fc:V3Function"}
"""What a changed line of the handler changes, as the engine shows types."""


def fetch(url: str, event: object = None) -> urllib.response.addinfourl:
    """GET, or POST the event as JSON.

    The name goes into the Host header: unlike curl and browsers, not every C library resolves `*.localhost`.
    """
    parts = urllib.parse.urlsplit(url)
    request = urllib.request.Request(
        f"http://127.0.0.1:{parts.port}{parts.path or '/'}",
        data=None if event is None else json.dumps(event).encode(),
        headers={"Host": parts.netloc},
    )
    return urllib.request.urlopen(request, timeout=60)


def post(url: str, event: object) -> bytes:
    with fetch(url, event) as answer:
        return answer.read()


def changes(text: str) -> dict[str, int]:
    """The engine's closing counts, such as {"created": 12} or {"unchanged": 30}."""
    counts = re.findall(r"\b([1-9]\d*) (created|updated|replaced|deleted|unchanged)", text)
    return {what: int(count) for count, what in counts}


@pytest.fixture(scope="module")
def deployed(workspace):
    workspace.up = workspace.make("up")
    return workspace


def test_up_creates_everything_and_prints_the_urls(deployed):
    counts = changes(deployed.up.stdout)
    assert counts["created"] > 20
    assert set(counts) == {"created"}
    for name, url in deployed.urls().items():
        assert re.search(rf"^{name}\s+{re.escape(url)}$", deployed.up.stdout, re.MULTILINE)


def test_the_state_holds_no_credential(deployed):
    (file,) = (deployed.root / ".local/state/.pulumi/stacks").glob("*/local.json")
    text = file.read_text()
    assert "functionUrl" in text
    assert credentials({"state": text}) == []


def test_the_same_bytes_from_both_clouds(deployed):
    urls = deployed.urls()
    assert post(urls["cloudfront"], {"firstName": "Rustacean"}) == GREETING
    assert post(urls["fc"], {"firstName": "Rustacean"}) == GREETING


def test_curl_as_the_readme_shows_it(deployed):
    for name in ("cloudfront", "fc"):
        done = subprocess.run(
            ["curl", "-sS", "-d", '{"firstName":"Rustacean"}', deployed.urls()[name]], capture_output=True, check=True
        )
        assert done.stdout == GREETING


def test_the_function_url_refuses_an_unsigned_call(deployed):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(deployed.urls()["lambda"], {"firstName": "Rustacean"})
    with refused.value as answer:
        assert answer.code == 403
        assert "Forbidden" in answer.read().decode()


def test_the_cdn_shows_the_first_page_of_the_private_bucket(deployed):
    with fetch(deployed.urls()["cdn"]) as page:
        assert page.status == 200
        assert page.headers["content-type"].startswith("text/html")
        assert b"<html" in page.read().lower()


@pytest.mark.parametrize("name", ["cloudfront", "fc"])
def test_two_hundred_requests_at_once_are_answered_and_none_mixed_up(deployed, name):
    url = deployed.urls()[name]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda number: post(url, {"firstName": f"guest {number}"}), range(200)))
    assert [json.loads(answer)["message"] for answer in answers] == [f"Hello, guest {n}!" for n in range(200)]


@pytest.mark.parametrize("function", ["lambda", "fc"])
def test_invoke_shows_result_log_duration_and_memory(deployed, function):
    shown = deployed.make("invoke", f"FN={function}", 'EVENT={"firstName": "Rustacean"}').stdout
    parts = dict(part.split("\n", 1) for part in shown.strip().split("\n\n"))
    assert list(parts) == ["Result", "Log", "Duration", "Memory used", "Memory limit"]
    assert parts["Result"] == GREETING.decode()
    assert "RequestId" in parts["Log"]
    assert re.fullmatch(r"\d+(\.\d+)? ms", parts["Duration"])
    assert re.fullmatch(r"\d+ MB", parts["Memory used"])
    assert parts["Memory limit"] == "512 MB"


def test_invoke_of_the_edge_function_shows_the_request_it_would_send_on(deployed):
    body = b'{"firstName":"Rustacean"}'
    event = {
        "Records": [
            {
                "cf": {
                    "config": {"eventType": "origin-request", "distributionId": "E1", "requestId": "r"},
                    "request": {
                        "clientIp": "203.0.113.1",
                        "method": "POST",
                        "uri": "/",
                        "querystring": "",
                        "headers": {},
                        "body": {
                            "inputTruncated": False,
                            "action": "read-only",
                            "encoding": "text",
                            "data": body.decode(),
                        },
                    },
                }
            }
        ]
    }
    shown = deployed.make("invoke", "FN=edge", f"EVENT={json.dumps(event)}").stdout
    assert hashlib.sha256(body).hexdigest() in shown


def test_a_failing_invocation_is_reported_and_the_next_one_works(deployed):
    failed = deployed.make("invoke", "FN=lambda", 'EVENT={"firstName": 42}', check=False)
    assert failed.returncode != 0
    assert "errorMessage" in failed.stdout
    assert "Hello, next!" in deployed.make("invoke", "FN=lambda", 'EVENT={"firstName": "next"}').stdout


def test_logs_hold_the_invocations(deployed):
    assert re.search(r"REPORT RequestId: .*Memory Size: \d+ MB", deployed.make("logs", "FN=lambda").stdout)


def test_names_keep_their_real_shapes_and_only_gain_a_local_ending(deployed):
    urls = deployed.urls()
    local = rf"\.localhost:{deployed.port}/"
    assert re.fullmatch(rf"http://d[a-z0-9]{{13}}\.cloudfront\.net{local}", urls["cloudfront"])
    assert re.fullmatch(rf"http://[a-z0-9]{{32}}\.lambda-url\.ap-northeast-1\.on\.aws{local}", urls["lambda"])
    assert re.fullmatch(rf"http://[\w-]+\.cn-hongkong\.fcapp\.run\.localhost:{deployed.port}", urls["fc"])

    functions = deployed.resources("aws:lambda/function:Function")
    arns = {function.properties["qualifiedArn"] for function in functions}
    assert any(re.fullmatch(r"arn:aws:lambda:us-east-1:\d{12}:function:[\w-]+:1", arn) for arn in arns)


def test_up_again_changes_nothing_even_after_a_touch(deployed):
    for path in ("handlers/hello.py", "handlers/edge.py", "runtime/main.py"):
        (deployed.root / path).touch()
    assert set(changes(deployed.make("up").stdout)) == {"unchanged"}


def test_a_changed_line_of_the_handler_names_exactly_what_changes(deployed):
    deployed.edit("handlers/hello.py", "Hello, ", "Good day, ")

    preview = deployed.make("preview").stdout
    up = deployed.make("up").stdout

    for shown in (preview, up):
        assert set(re.findall(r"\b(?:aws|alicloud):\w+:\w+", shown)) == CODE_RESOURCES, shown
    assert changes(up) == {"updated": 2, "replaced": 1, "unchanged": changes(up)["unchanged"]}
    for name in ("cloudfront", "fc"):
        assert post(deployed.urls()[name], {"firstName": "Rustacean"}) == b'{"message": "Good day, Rustacean!"}'


def test_a_changed_edge_handler_moves_the_distribution_to_the_new_version(deployed):
    deployed.edit("handlers/edge.py", "from __future__ import annotations", "from __future__ import annotations\n")

    up = deployed.make("up").stdout

    assert changes(up)["updated"] == 2, up
    assert "aws:cloudfront:Distribution" in up
    assert post(deployed.urls()["cloudfront"], {"firstName": "Rustacean"}) == b'{"message": "Good day, Rustacean!"}'


def test_a_killed_data_plane_is_named_and_the_next_up_brings_it_back(deployed):
    state = json.loads((deployed.root / ".local/cloud/data-plane.json").read_text())
    subprocess.run(["kill", "-9", str(state["pid"])], check=True)

    refused = deployed.make("invoke", "FN=lambda", "EVENT={}", check=False)
    assert refused.returncode != 0
    assert "make up" in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr

    assert set(changes(deployed.make("up").stdout)) == {"unchanged"}
    assert post(deployed.urls()["fc"], {"firstName": "back"}) == b'{"message": "Good day, back!"}'


def test_down_destroys_everything_and_stops_what_it_started(deployed):
    url = deployed.urls()["cloudfront"]
    shown = deployed.make("down").stdout

    assert changes(shown)["deleted"] > 20
    with pytest.raises(urllib.error.URLError):
        fetch(url)
    left = subprocess.run(["pgrep", "-f", str(deployed.root)], capture_output=True, text=True, check=False)
    assert left.stdout == ""
    assert deployed.make("down").returncode == 0
