"""The command line's client against a peer that answers badly: the real API is met in the stories.

The peer is an HTTP server of Python's own on loopback; it plays what a healthy dialwheel seldom does.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from api.cli.client import ApiClient, find_dialwheel
from api.cli.exits import exit_code
from api.cli.runfile import RunFile, process_mark, write_run
from api.cli.session import Options, Session
from scheduler.errors import DialwheelError, ServerUnavailable
from tests.cli.conftest import Dialwheel

Answer = Callable[[BaseHTTPRequestHandler], None]


class Peer:
    """Answers every request by the function it was given; remembers the headers of the last one."""

    def __init__(self, answer: Answer) -> None:
        self.headers: dict[str, str] = {}
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                peer.headers = dict(self.headers)
                answer(self)

            do_POST = do_GET

            def log_message(self, *arguments: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def peer() -> Iterator[Callable[[Answer], Peer]]:
    started: list[Peer] = []

    def start(answer: Answer) -> Peer:
        started.append(Peer(answer))
        return started[-1]

    yield start
    for one in started:
        one.server.shutdown()
        one.server.server_close()


def reply(status: int, body: bytes, kind: str = "application/problem+json") -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def problem(status: int, code: str, **more: Any) -> Answer:
    return reply(
        status, json.dumps({"code": code, "title": f"title of {code}", "status": status, **more}).encode()
    )


def chunk(request: BaseHTTPRequestHandler, line: dict[str, Any]) -> None:
    data = json.dumps(line).encode() + b"\n"
    request.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


def read_chunk(request: BaseHTTPRequestHandler) -> bytes:
    size = int(request.rfile.readline() or b"0", 16)
    data = request.rfile.read(size)
    request.rfile.readline()
    return data


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (problem(401, "unauthenticated", detail="send a key"), 5, "title of unauthenticated"),
        (problem(403, "scope-missing"), 5, "title of scope-missing"),
        (problem(404, "not-found"), 3, "title of not-found"),
        (problem(409, "state-conflict", hint="look again"), 4, "title of state-conflict"),
        (problem(422, "validation-failed", errors=[{"pointer": "/a", "detail": "odd"}]), 1, "/a odd"),
        (problem(429, "rate-limited"), 75, "title of rate-limited"),
        (problem(503, "dependency-down"), 75, "title of dependency-down"),
        (problem(500, "internal", request_id="req_1"), 1, "req_1"),
        (reply(502, b"<html>bad gateway</html>", "text/html"), 6, "502"),
        (reply(200, b"<html>hello</html>", "text/html"), 6, "not JSON"),
        (reply(500, b"[]"), 6, "500"),
    ],
)  # fmt: skip
def test_a_bad_answer_becomes_three_lines_and_its_exit_code(
    peer: Callable[[Answer], Peer], answer: Answer, code: int, says: str
) -> None:
    client = ApiClient(peer(answer).url, "dw_test_key")

    with pytest.raises(DialwheelError) as caught:
        client.get("/v1/wheel")

    error = caught.value
    assert exit_code(error) == code
    assert says in f"{error.what} {error.why} {error.do}"
    assert error.what
    assert error.do


def test_a_connection_that_closes_without_an_answer_is_unreachable(peer: Callable[[Answer], Peer]) -> None:
    def hang_up(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True

    with pytest.raises(ServerUnavailable):
        ApiClient(peer(hang_up).url, None).get("/v1/wheel")


def test_live_lines_are_read_while_the_file_is_still_being_sent(peer: Callable[[Answer], Peer]) -> None:
    """A server that reports a bad row for each good one must not be left waiting for a reader."""
    first_line_was_read = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        first = read_chunk(request)
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        chunk(request, {"t": "start", "first": first.decode()})
        rest = b""
        while block := read_chunk(request):
            rest += block
        chunk(request, {"t": "done", "rest": rest.decode()})
        request.wfile.write(b"0\r\n\r\n")

    def blocks() -> Iterator[bytes]:
        yield b"one"
        assert first_line_was_read.wait(30)
        yield b"two"
        yield b""
        yield b"three"

    lines = ApiClient(peer(answer).url, None).upload("/v1/imports", {"name": "a b"}, blocks(), "text/csv")

    assert next(lines) == {"t": "start", "first": "one"}
    first_line_was_read.set()
    assert list(lines) == [{"t": "done", "rest": "twothree"}]


def test_a_refusal_before_the_file_is_over_is_told(peer: Callable[[Answer], Peer]) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        read_chunk(request)
        problem(422, "validation-failed", detail="no phone column")(request)
        while read_chunk(request):
            pass

    upload = ApiClient(peer(answer).url, None).upload(
        "/v1/imports", {}, iter([b"x" * 65536] * 50), "text/csv"
    )

    with pytest.raises(DialwheelError) as caught:
        list(upload)
    assert "no phone column" in caught.value.why


def test_a_stream_that_breaks_says_that_the_command_may_be_repeated(peer: Callable[[Answer], Peer]) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        while read_chunk(request):
            pass
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        chunk(request, {"t": "start"})
        request.close_connection = True

    upload = ApiClient(peer(answer).url, None).upload("/v1/imports", {}, iter([b"x"]), "text/csv")

    with pytest.raises(ServerUnavailable) as caught:
        list(upload)
    assert "nothing is added twice" in caught.value.do


def test_the_saved_key_goes_only_to_the_dialwheel_that_saved_it(
    peer: Callable[[Answer], Peer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIALWHEEL_API_KEY", raising=False)
    ours, other = peer(reply(200, b"{}")), peer(reply(200, b"{}"))
    mark = process_mark(os.getpid()) or ""
    run = RunFile(pid=os.getpid(), started_mark=mark, url=ours.url, metrics_url="", started_at="", ready_s=0)
    write_run(tmp_path, run)
    (tmp_path / "key").write_text("dw_test_saved\n")

    for named in (None, ours.url, other.url):
        find_dialwheel(Session(Options(data_dir=str(tmp_path), url=named))).get("/v1/wheel")

    assert ours.headers["Authorization"] == "Bearer dw_test_saved"
    assert "Authorization" not in other.headers


def test_an_import_reports_saves_rejected_rows_and_ends_with_seven(
    dialwheel: Dialwheel, peer: Callable[[Answer], Peer], tmp_path: Path
) -> None:
    counts = {
        "rows": 3,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "duplicate": 0,
        "suppressed": 0,
        "rejected": 1,
    }

    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path.startswith("/v1/agents"):
            return reply(200, json.dumps({"data": [{"id": "agt_1", "name": "West"}]}).encode())(request)
        if request.path.endswith("/errors"):
            return reply(200, b"phone,_row,_code,_detail\r\nx,3,phone-invalid,no number\r\n", "text/csv")(
                request
            )
        while read_chunk(request):
            pass
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        chunk(request, {"t": "done", "import_id": "imp_1", "status": "done", **counts})
        return request.wfile.write(b"0\r\n\r\n")

    (tmp_path / "work" / "leads.csv").write_text("phone\n+15555550101\n+15555550102\nx\n")
    at = ("--url", peer(answer).url)

    words = dialwheel("import", "leads.csv", "--agent", "west", *at)
    as_json = dialwheel("import", "leads.csv", "--json", *at)

    assert (words.code, as_json.code) == (7, 7)
    assert "3 rows: 2 created · 1 rejected" in words.out
    assert "1 bad row saved to leads.errors.csv" in words.out
    assert (tmp_path / "work" / "leads.errors.csv").read_text().startswith("phone,_row,_code,_detail")
    assert json.loads(as_json.out).items() >= counts.items()
