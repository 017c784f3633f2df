"""The HTTP client sends once and says honestly what is known of a call (RELIABILITY 3.6, fault F20)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from dialer.http import HttpClient, NoReply, Reply, judge
from dialer.providers.base import HELD, NotDialled, Unknown
from dialer.providers.simulated_http import SimulatedHttpProvider
from scheduler.errors import ServerUnavailable
from tests.providers.builders import TUESDAY_2PM, an_action

OWN = b'{"code": "no"}'


@pytest.mark.parametrize(
    ("exchange", "verdict"),
    [
        (NoReply(False, "ClientConnectorError"), NotDialled("ClientConnectorError", "route")),
        (NoReply(True, "ServerDisconnectedError"), Unknown("ServerDisconnectedError")),
        (Reply(200, b"ok"), b"ok"),
        (Reply(201, b"ok"), b"ok"),
        (Reply(204, b""), b""),
        (Reply(301, b""), Unknown("http 301")),
        (Reply(307, b""), Unknown("http 307")),
        (Reply(400, OWN), NotDialled("http 400", "route")),
        (Reply(401, OWN), NotDialled("http 401", "account")),
        (Reply(403, OWN), NotDialled("http 403", "account")),
        (Reply(404, OWN), NotDialled("http 404", "route")),
        (Reply(422, OWN), NotDialled("http 422", "route")),
        (Reply(404, b"<html>proxy</html>"), Unknown("http 404")),
        (Reply(403, b""), Unknown("http 403")),
        (Reply(408, OWN), Unknown("http 408")),
        (Reply(409, OWN), Unknown("http 409")),
        (Reply(429, b"", 7.0), NotDialled("http 429", "account", 7.0)),
        (Reply(500, OWN), Unknown("http 500")),
        (Reply(502, b""), Unknown("http 502")),
        (Reply(503, OWN, 5.0), Unknown("http 503")),
        (Reply(504, b""), Unknown("http 504")),
    ],
    ids=str,
)
def test_an_exchange_proves(exchange: Reply | NoReply, verdict: NotDialled | Unknown | bytes):
    assert judge(exchange, lambda body: body == OWN) == verdict


class Peer:
    """A server that reads whole requests and lets `answer` do the rest; it counts what it received."""

    def __init__(self, answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
        self.requests: list[bytes] = []
        self.url = ""
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.lower().splitlines()
                        if b"content-length" in line
                    ),
                    0,
                )
                self.requests.append(head + await reader.readexactly(length))
                await self._answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def a_peer(answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[Peer]:
    peer = Peer(answer)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        server.close()


def says(
    status: str, body: bytes = b"", headers: str = ""
) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    return answer


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def stops_midway(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()


async def says_nothing(writer: asyncio.StreamWriter) -> None:
    """Leave the client waiting."""


async def placed(url: str, **settings: float) -> NotDialled | Unknown | object:
    http = HttpClient(url, **settings)  # type: ignore[arg-type]
    provider = SimulatedHttpProvider(url, http)
    try:
        results = await provider.place([an_action(0), an_action(1)], TUESDAY_2PM)
    finally:
        await provider.close()
    assert len(results) == 2
    assert results[0] == results[1]
    return results[0]


async def test_a_server_that_is_not_there_has_dialled_nobody():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert isinstance(await placed(f"http://127.0.0.1:{port}"), NotDialled)


async def test_a_name_that_does_not_resolve_has_dialled_nobody():
    assert isinstance(await placed("http://nowhere.invalid"), NotDialled)


@pytest.mark.parametrize("answer", [hangs_up, stops_midway])
async def test_a_connection_lost_after_the_request_is_unknown_and_the_request_is_not_repeated(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]],
):
    """I1: no retry in any library."""
    async with a_peer(answer) as peer:
        assert isinstance(await placed(peer.url), Unknown)
        assert len(peer.requests) == 1


async def test_a_kept_connection_that_dies_under_a_request_does_not_repeat_it():
    """The keep-alive race: the second request meets a peer that closes."""
    async with a_peer(says("204 No Content")) as peer:
        http = HttpClient(peer.url)
        assert isinstance(await http.post("/sim/hangups", {}), Reply)
        peer._answer = hangs_up
        lost = await http.post("/sim/calls", {})
        await http.close()
        assert lost == NoReply(True, "ServerDisconnectedError")
        assert len(peer.requests) == 2


async def test_no_answer_in_time_is_unknown():
    async with a_peer(says_nothing) as peer:
        assert isinstance(await placed(peer.url, total_s=0.05), Unknown)
        assert len(peer.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        says("500 Internal Server Error", b"oops"),
        says("503 Service Unavailable", b"{}", "Retry-After: 1\r\n"),
        says("307 Temporary Redirect", b"", "Location: /sim/calls\r\n"),
        says("200 OK", b"garbage"),
        says("200 OK", b"\xff\xfe"),
        says("200 OK", b'{"results": []}'),
        says("200 OK", b'{"results": [{"result": "maybe"}, {"result": "maybe"}]}'),
        says("404 Not Found", b"<html>"),
    ],
    ids=["500", "503", "redirect", "no JSON", "no UTF-8", "too few", "unheard-of", "a proxy's 404"],
)
async def test_an_answer_that_proves_nothing_is_unknown_and_asked_for_once(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]],
):
    async with a_peer(answer) as peer:
        assert isinstance(await placed(peer.url), Unknown)
        assert len(peer.requests) == 1


async def test_a_429_says_when_to_come_back():
    async with a_peer(says("429 Too Many Requests", b"", "Retry-After: 12\r\n")) as peer:
        assert await placed(peer.url) == NotDialled("http 429", "account", 12.0)


async def test_a_refusal_in_the_simulators_own_words_has_dialled_nobody():
    body = b'{"type":"/problems/x","title":"x","status":422,"detail":"no","code":"x"}'
    async with a_peer(says("422 Unprocessable Entity", body)) as peer:
        assert await placed(peer.url) == NotDialled("http 422", "route")


async def test_a_proxy_named_by_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch):
    async with a_peer(says("204 No Content")) as peer:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        http = HttpClient(peer.url)
        assert (await http.get("/livez")) == Reply(204, b"")
        await http.close()


@pytest.mark.parametrize("answer", [hangs_up, says("500 Oops"), says("200 OK", b"[]")])
async def test_events_that_cannot_be_had_are_a_named_error(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]],
):
    async with a_peer(answer) as peer:
        provider = SimulatedHttpProvider(peer.url)
        with pytest.raises(ServerUnavailable) as raised:
            await provider.events(TUESDAY_2PM, 10)
        await provider.close()
        assert raised.value.do


async def test_what_may_not_leave_any_more_sends_not_one_byte() -> None:
    """I3: the gate is asked when the connection is there; a no is certain, whatever the connection cost."""
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        provider = SimulatedHttpProvider(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        [result] = await provider.place([an_action()], TUESDAY_2PM, lambda: False)
        assert result is HELD
        await provider.close()
        assert await heard == b"", "it connected, and ended without a byte"
