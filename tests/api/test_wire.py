"""RELIABILITY 5.2, "all": what is no HTTP, or none that anybody should send, is a problem and no fault."""

from __future__ import annotations

import asyncio
import json

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
        ("GARBAGE\r\n\r\n", 405),
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
    ],
)
async def test_what_cannot_be_read_is_answered_as_a_problem(site: Site, request_: str, status: int):
    found, headers, body = await say(site, request_.encode())
    assert found == status
    assert headers["content-type"].startswith("application/problem+json")
    problem = json.loads(body)
    assert problem["status"] == status
    assert "Bad Header" not in body.decode()


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
    ],
)
async def test_paths_that_try_to_be_clever_find_nothing(site: Site, path: str):
    key = f"Authorization: Bearer {site.home.key}\r\n"
    status, headers, _ = await say(site, f"GET {path} HTTP/1.1\r\n{HEAD}{key}\r\n".encode())
    assert status in (400, 404)
    assert headers["content-type"].startswith("application/problem+json")


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
