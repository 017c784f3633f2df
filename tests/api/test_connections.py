"""RELIABILITY 5.2, "all": connections that ask for nothing, and requests that never end, hold up nobody."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import msgspec
import pytest
import structlog
from aiohttp import web

from api import arriving
from api.middleware import make_edge
from api.wire import LIMITS, Limits
from scheduler.ledger.database import Database
from scheduler.metrics import Metrics
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel
from tests.api.builders import PERMIT_S, ApiServer, Site, a_site, a_tenant

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
BEGUN = b"GET /v1/account HTTP/1.1\r\nHost: x\r\nX-Slow: "
WITHIN_S = 60


@pytest.fixture
async def few(database: Database, wheel: TimingWheel, aiohttp_client: Any) -> Site:
    """A server with room for eight connections that ask for nothing, each for half a second."""
    settings = Settings(permit_s=PERMIT_S, import_workers=0, http_idle_s=0.5, http_connections=8)
    return await a_site(aiohttp_client, database, wheel, settings=settings)


async def connect(site: Site, said: bytes = b"") -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.client.port)
    writer.write(said)
    return reader, writer


async def under_way(site: Site, head: str) -> Connection:
    """A request whose handler is at work and waits for the body."""
    common = f"Host: x\r\nConnection: close\r\nAuthorization: Bearer {site.home.key}\r\n"
    connection = await connect(site, f"{head}\r\n{common}Expect: 100-continue\r\n\r\n".encode())
    line = await asyncio.wait_for(connection[0].readuntil(b"\r\n\r\n"), WITHIN_S)
    assert line.startswith(b"HTTP/1.1 100")
    return connection


async def ended(connection: Connection) -> bytes:
    """What came until the server closed it."""
    reader, writer = connection
    try:
        return await asyncio.wait_for(reader.read(), WITHIN_S)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "said", [b"", b"G", BEGUN, b"\r\n\r\n"], ids=["nothing", "a letter", "half", "empty"]
)
async def test_a_connection_without_a_whole_request_is_closed(few: Site, said: bytes):
    connection = await connect(few, said)

    async def drip() -> None:
        while not connection[1].is_closing():
            connection[1].write(b"y" if said == BEGUN else b"")
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    assert b"200 OK" not in await ended(connection)
    dripping.cancel()


async def test_of_more_connections_than_there_may_be_the_oldest_idle_ones_go(few: Site):
    """Who holds all connections open keeps nobody out: a hundred of them, and a request goes through."""
    idle = [await connect(few, BEGUN) for _ in range(100)]

    assert (await few.get("/v1/account")).status == 200
    for connection in idle:
        assert await ended(connection) == b""


async def test_a_request_under_way_is_never_closed_for_another(few: Site):
    body = b'{"phone":"+12125550123"}'
    head = f"POST /v1/leads HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    busy = [await under_way(few, head) for _ in range(8)]
    others = [await connect(few, BEGUN) for _ in range(20)]
    for connection in others:
        assert await ended(connection) == b""

    for _, writer in busy:
        writer.write(body)
    assert {(await ended(each)).split()[1] for each in busy} <= {b"201", b"200"}


async def test_who_does_not_read_its_answer_is_cut_off(few: Site):
    """RELIABILITY 5.2: what is open to all is large as well, and would hold connections for ever."""
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    whole = len(await (await few.client.get("/openapi.json")).read())
    connection = await connect(few, asked * 100)
    server: Any = few.client.server
    for _ in range(WITHIN_S * 10):
        if not server.runner.server.connections:
            break
        await asyncio.sleep(0.1)

    assert len(await ended(connection)) < 100 * whole
    assert (await few.get("/v1/account")).status == 200


async def test_who_leaves_in_the_middle_of_its_answer_is_no_fault_of_ours(aiohttp_client: Any):
    """RELIABILITY 5.2: no 5xx is counted and no error is logged for an answer that nobody waits for."""
    metrics, writing = Metrics(), asyncio.Event()

    async def download(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        writing.set()
        await response.write(b"x" * (16 << 20))
        return response

    app = web.Application(middlewares=[make_edge(metrics)])
    app[LIMITS] = Limits(idle_s=WITHIN_S, connections=8)
    app.router.add_get("/much", download)
    client = await aiohttp_client(ApiServer(app))
    with structlog.testing.capture_logs() as logged:
        with socket.create_connection(("127.0.0.1", client.port)) as caller:
            caller.sendall(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.wait_for(writing.wait(), WITHIN_S)
        for _ in range(WITHIN_S * 10):
            if b'route="/much"' in (counted := await metrics.render()):
                break
            await asyncio.sleep(0.1)

    assert b'route="/much",status="499"' in counted
    assert [line["event"] for line in logged if line["log_level"] in ("warning", "error")] == []


async def test_a_sender_that_drips_is_given_up_and_what_came_whole_is_in(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    """RELIABILITY 5.1: least upload rate; a byte now and then holds no place for ever."""
    monkeypatch.setattr(arriving, "IDLE_S", 0.5)

    async def drip() -> Any:
        yield b"phone\n+12125550123\n"
        while True:
            await asyncio.sleep(0.1)
            yield b"5"

    path = f"/v1/imports?agent_id={site.agent}&name=drip"
    async with asyncio.timeout(WITHIN_S):
        reply = await site.send("POST", path, data=drip(), headers={"Content-Type": "text/csv"})
    said = await reply.json()
    assert (reply.status, said["status"], said["created"]) == (202, "failed", 1)


async def test_a_sender_that_never_gets_to_its_first_row_is_told_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(arriving, "IDLE_S", 0.2)

    async def silent() -> Any:
        yield b"phone\n"
        await asyncio.sleep(WITHIN_S)

    path = f"/v1/imports?agent_id={site.agent}&name=silent"
    reply = await site.send("POST", path, data=silent(), headers={"Content-Type": "text/csv"})
    assert (reply.status, (await reply.json())["code"]) == (400, "malformed-body")
    assert await site.rows("SELECT 1 FROM import") == []


async def test_an_account_that_sends_many_files_at_once_leaves_room_for_others(
    database: Database, wheel: TimingWheel, aiohttp_client: Any
):
    """RELIABILITY 5.1: limits by tenant; a noisy neighbour is an availability bug."""
    settings = Settings(permit_s=PERMIT_S, import_workers=0, imports_at_once=3, imports_per_account=2)
    site = await a_site(aiohttp_client, database, wheel, settings=settings)
    other = await a_tenant(database, "Other")
    over = asyncio.Event()

    async def slow() -> Any:
        yield b"phone\n+12125550123\n+12125550124"
        await over.wait()
        yield b"\n"

    path = f"/v1/imports?agent_id={site.agent}&name=x"
    lines = {"Content-Type": "text/csv", "Accept": "application/x-ndjson"}
    mine = [await site.send("POST", path, data=slow(), headers=lines) for _ in range(2)]
    bulk: Any = {"data": b"{}", "headers": {"Content-Type": "application/x-ndjson"}}
    refused = await site.send("POST", "/v1/leads/bulk", **bulk)
    assert (refused.status, (await refused.json())["code"]) == (503, "backpressure")
    assert (await site.send("POST", "/v1/leads/bulk", key=other.key, **bulk)).status == 200

    over.set()
    for reply in mine:
        assert b'"status":"done"' in await reply.read()
    assert (await site.send("POST", "/v1/leads/bulk", **bulk)).status == 200, "all places are given back"


STREAMS = [
    ("POST", "/v1/imports?name=x&agent_id={agent}", "text/csv", b"phone\n+12125550123\n"),
    ("POST", "/v1/leads/bulk", "application/x-ndjson", b'{"phone":"+12125550123"}\n'),
    ("POST", "/v1/dnc/import", "text/plain", b"+12125550123\n"),
    ("POST", "/v1/leads", "application/json", b'{"phone":'),
]


@pytest.mark.parametrize(
    "rest", [b"zz\r\n", b"-1\r\n", b"5\r\nphoneXX", None], ids=["letters", "minus", "no end", "cut"]
)
@pytest.mark.parametrize(("method", "path", "type_", "begun"), STREAMS, ids=[one[1][4:11] for one in STREAMS])
async def test_a_body_that_breaks_while_it_is_read_is_no_fault_of_ours(
    site: Site, method: str, path: str, type_: str, begun: bytes, rest: bytes | None
):
    """RELIABILITY 5.2: chunks that make no sense, or no more of them, once the handler is at work."""
    where = f"{method} {path.format(agent=site.agent)} HTTP/1.1\r\n"
    reader, writer = await under_way(site, f"{where}Content-Type: {type_}\r\nTransfer-Encoding: chunked")
    writer.write(b"%x\r\n%s\r\n" % (len(begun), begun))
    if rest is None:
        writer.write_eof()
    else:
        writer.write(rest)
    answer = await ended((reader, writer))

    status, _, body = answer.partition(b"\r\n\r\n")
    assert not answer or status.split()[1] in (b"200", b"202", b"400"), answer
    if answer and status.split()[1] == b"400":
        assert msgspec.json.decode(body)["code"] == "malformed-body"
    assert (await site.get("/v1/account")).status == 200
