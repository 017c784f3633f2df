"""RELIABILITY 5.2, "all": what is no HTTP, or none that anybody should send, is a problem and no fault."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from tests.api.builders import Site

HEAD = "Host: x\r\nConnection: close\r\n"


async def say(site: Site, text: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what comes back for these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.client.port)
    writer.write(text)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, body


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("BREW /v1/account HTTP/1.1\r\n" + HEAD + "\r\n", 405),
        ("TRACE /v1/account HTTP/1.1\r\n" + HEAD + "\r\n", 405),
        ("GET /v1/account HTTP/9.9\r\n" + HEAD + "\r\n", 400),
        ("BREW /v1/nothing HTTP/1.1\r\n" + HEAD + "\r\n", 404),
        ("GARBAGE\r\n\r\n", 400),
        ("GET /v1/account HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n", 400),
        ("GET /v1/account HTTP/1.1\r\n" + HEAD + "X: " + "y" * 20_000 + "\r\n\r\n", 400),
        ("GET /" + "a" * 20_000 + " HTTP/1.1\r\n" + HEAD + "\r\n", 400),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Content-Length: -1\r\n\r\n", 400),
        (
            "POST /v1/leads HTTP/1.1\r\n"
            + HEAD
            + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Content-Length: +5\r\n\r\n{}   ", 400),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Content-Length: 5,5\r\n\r\n{}   ", 400),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Content-Length: " + "9" * 30 + "\r\n\r\n{}", 400),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Content-Length : 5\r\n\r\n{}   ", 400),
        ("POST /v1/leads HTTP/1.1\r\n" + HEAD + "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}", 400),
        ("GET /v1/account HTTP/1.1\r\n" + HEAD + "X: a\r\n b\r\n\r\n", 400),
        ("GET /v1/account HTTP/1.1\r\n" + HEAD + "X: a\0b\r\n\r\n", 400),
        ("GET /v1/account HTTP/1.1\r\n" + HEAD + "".join(f"X-{n}: y\r\n" for n in range(200)) + "\r\n", 400),
        ("GET /v1/account HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET \\v1\\account HTTP/1.1\r\n" + HEAD + "\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        ("CONNECT example.com:443 HTTP/1.1\r\n" + HEAD + "\r\n", 404),
        ("OPTIONS * HTTP/1.1\r\n" + HEAD + "\r\n", 404),
    ],
    ids=range(29),
)
async def test_what_cannot_be_read_is_answered_as_a_problem(site: Site, request_: str, status: int):
    found, headers, body = await say(site, request_.encode())
    assert found == status
    assert headers["content-type"].startswith("application/problem+json")
    problem = json.loads(body)
    assert problem["status"] == status
    assert problem["request_id"] == headers["x-request-id"]
    assert "Bad Header" not in body.decode()
    assert headers["server"] == "dialwheel", "which version it is nobody needs to know"


@pytest.mark.parametrize("method", ["BREW", "OPTIONS", "TRACE", "PUT"])
@pytest.mark.parametrize(
    ("path", "allowed"), [("/v1/account?x=1", "GET,HEAD,PATCH"), ("/v1/leads/lead_1/timeline", "GET,HEAD")]
)
async def test_a_method_that_a_path_has_not_is_told_those_that_it_has(
    site: Site, method: str, path: str, allowed: str
):
    """API 2: `method-not-allowed`, also where nobody has ever heard of the method."""
    status, headers, body = await say(site, f"{method} {path} HTTP/1.1\r\n{HEAD}\r\n".encode())
    assert (status, headers["allow"]) == (405, allowed)
    assert json.loads(body)["instance"] == path.partition("?")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/%2e%2e/account",
        "//v1/account",
        "/v1//account",
        "/v1/account%00",
        "/v1/leads/%2e%2e",
        "/v1/leads/lead_%00",
        "/v1/leads/lead_..%2f..%2fetc",
        "/docs/..%2f..%2fpyproject.toml",
        "/docs/%2e%2e/%2e%2e/pyproject.toml",
        "/v1/%2561ccount",
        "/v1/account;x=1",
        "/v1/./account",
        "/v1/leads/../account",
        "/v1/account/",
        "/V1/account",
        "/v1/leads/%ff",
        "/v1/leads/%ed%a0%80",
        "/v1/leads/lead_%0d%0aSet-Cookie:x",
    ],
)
async def test_paths_that_try_to_be_clever_find_nothing(site: Site, path: str):
    key = f"Authorization: Bearer {site.home.key}\r\n"
    status, headers, _ = await say(site, f"GET {path} HTTP/1.1\r\n{HEAD}{key}\r\n".encode())
    assert status in (400, 404)
    assert headers["content-type"].startswith("application/problem+json")


async def test_what_follows_a_refused_pair_of_lengths_is_no_request(site: Site):
    """RELIABILITY 5.2: a request hidden behind CL and TE is never read, whoever reads the one before it."""
    hidden = f"DELETE /v1/agents/{site.agent} HTTP/1.1\r\n{HEAD}Authorization: Bearer {site.home.key}\r\n\r\n"
    for both in (f"Content-Length: {len(hidden) + 5}\r\nTransfer-Encoding: chunked\r\n",
                 "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"):  # fmt: skip
        request = f"POST /v1/leads HTTP/1.1\r\nHost: x\r\n{both}\r\n0\r\n\r\n{hidden}"
        status, _, body = await say(site, request.encode())
        assert (status, b"HTTP/1." in body) == (400, False)
    assert (await site.get(f"/v1/agents/{site.agent}")).status == 200


@pytest.mark.parametrize("target", ["http://evil.example/v1/account", "/v1/account#x", "/v1/account?"])
async def test_another_host_in_the_request_changes_nothing(site: Site, target: str):
    key = f"Authorization: Bearer {site.home.key}\r\nX-Forwarded-Host: evil.example\r\n"
    status, _, body = await say(site, f"GET {target} HTTP/1.1\r\n{HEAD}{key}\r\n".encode())
    assert (status, b"evil" in body) == (200, False)


@pytest.mark.parametrize(
    "header", ["Idempotency-Key", "If-Match", "X-Request-Id", "Last-Event-ID", "Authorization", "Cookie"]
)
async def test_bytes_of_no_alphabet_in_a_header_are_no_fault(site: Site, header: str):
    key = f"Authorization: Bearer {site.home.key}\r\n" if header != "Authorization" else ""
    head = f"PATCH /v1/account HTTP/1.1\r\n{HEAD}{key}Content-Type: application/json\r\n"
    status, _, _ = await say(
        site, f"{head}{header}: \xff\xfe\x80\r\nContent-Length: 2\r\n\r\n{{}}".encode("latin-1")
    )
    assert status in (200, 401, 412, 428)


async def test_a_hundred_requests_in_one_breath_are_answered_in_order(site: Site):
    asked = "".join(f"GET /problems/none{n} HTTP/1.1\r\nHost: x\r\n\r\n" for n in range(100))
    _, _, body = await say(site, f"{asked}GET /livez HTTP/1.1\r\n{HEAD}\r\n".encode())
    found = re.findall(rb'"instance":"/problems/none(\d+)"', body)
    assert [int(number) for number in found] == list(range(100))


@pytest.mark.parametrize("accept", ["", "*/*;q=zero", "text/html", "\x7f", ", ,,", "a/b" * 500])
async def test_whatever_a_caller_accepts_it_gets_json(site: Site, accept: str):
    reply = await site.get("/v1/account", headers={"Accept": accept} if accept != "\x7f" else {})
    assert (reply.status, reply.content_type) == (200, "application/json")


async def test_head_and_options_are_answered_like_the_methods_that_there_are(site: Site):
    head = await site.send("HEAD", "/v1/account")
    assert (head.status, await head.read()) == (200, b"")
    options = await site.send("OPTIONS", "/v1/account")
    assert (options.status, (await options.json())["code"]) == (405, "method-not-allowed")
    assert options.headers["Allow"] == "GET,HEAD,PATCH"
