"""The simulator as a service: what it refuses, and the rings it shows to anyone who wants to judge."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.sim_server import make_sim_app
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_model import quiet
from scheduler.clock import SteppedClock
from scheduler.domain.time import HOUR
from tests.providers.builders import EVERYBODY_ANSWERS, TUESDAY_2PM, a_simulator, an_action, phones


@pytest.fixture
def simulator() -> SimulatedProvider:
    return a_simulator(quiet(**EVERYBODY_ANSWERS))


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(TUESDAY_2PM)


@pytest.fixture
async def client(simulator: SimulatedProvider, clock: SteppedClock) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(make_sim_app(simulator, clock))) as client:
        yield client


def calls(count: int) -> bytes:
    actions = [an_action(n, to=phone) for n, phone in enumerate(phones(count))]
    return msgspec.json.encode({"actions": actions})


async def test_it_is_alive(client: TestClient[Any, Any]):
    assert (await client.get("/livez")).status == 200


async def test_calls_ring_on_the_servers_clock(client: TestClient[Any, Any], simulator: SimulatedProvider):
    reply = await client.post("/sim/calls", data=calls(3))
    results = (await reply.json())["results"]
    assert [result["result"] for result in results] == ["accepted"] * 3
    assert all(TUESDAY_2PM <= ring.at_ms < TUESDAY_2PM + HOUR for ring in simulator.rings)


async def test_every_ring_can_be_read_by_anyone(client: TestClient[Any, Any], simulator: SimulatedProvider):
    await client.post("/sim/calls", data=calls(700))
    reply = await client.get("/sim/rings")
    rows = [json.loads(line) for line in (await reply.read()).splitlines()]
    assert reply.content_type == "application/x-ndjson"
    assert len(rows) == 700
    assert [row["key"] for row in rows] == [str(ring.key) for ring in simulator.rings]
    assert set(rows[0]) == {"at", "phone", "key", "attempt", "zones", "regions"}


async def test_events_are_read_page_by_page_without_acknowledging(
    client: TestClient[Any, Any], clock: SteppedClock
):
    await client.post("/sim/calls", data=calls(4))
    clock.move_to(TUESDAY_2PM + HOUR)
    seen: list[str] = []
    after = ""
    for _ in range(4):
        reply = await client.get("/sim/events", params={"limit": "3", "after": after})
        page = [event["event_id"] for event in (await reply.json())["events"]]
        seen += page
        after = page[-1]
    assert len(seen) == len(set(seen)) == 12


BAD_BODIES = [
    ("/sim/calls", b"", 400, "malformed-body"),
    ("/sim/calls", b"no json", 400, "malformed-body"),
    ("/sim/calls", b"\xff\xfe", 400, "malformed-body"),
    ("/sim/calls", b"[]", 422, "validation-failed"),
    ("/sim/calls", b"{}", 422, "validation-failed"),
    ("/sim/calls", b'{"actions": [], "more": 1}', 422, "validation-failed"),
    ("/sim/calls", calls(1).replace(b"+1200555", b"call me"), 422, "validation-failed"),
    ("/sim/calls", calls(1).replace(b'"key":"0', b'"key":"x'), 422, "validation-failed"),
    ("/sim/calls", calls(1001), 422, "validation-failed"),
    ("/sim/calls", b" " * (1024 * 1024 + 1), 413, "body-too-large"),
    ("/sim/hangups", b'{"refs": "all"}', 422, "validation-failed"),
    ("/sim/hangups", msgspec.json.encode({"refs": ["r"] * 1001}), 422, "validation-failed"),
    ("/sim/events/ack", b"{", 400, "malformed-body"),
    ("/sim/nothing", b"{}", 404, "not-found"),
    ("/sim/rings", b"{}", 405, "method-not-allowed"),
]


@pytest.mark.parametrize(("path", "body", "status", "code"), BAD_BODIES, ids=range(len(BAD_BODIES)))
async def test_bad_input_is_a_problem_and_rings_nobody(
    client: TestClient[Any, Any],
    simulator: SimulatedProvider,
    path: str,
    body: bytes,
    status: int,
    code: str,
):
    reply = await client.post(path, data=BytesIO(body))
    problem = json.loads(await reply.read())
    assert reply.content_type == "application/problem+json"
    assert (reply.status, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"/problems/{code}"
    assert simulator.rings.total == 0


async def test_a_problem_repeats_no_number(client: TestClient[Any, Any]):
    """I25."""
    body = calls(2).replace(b"+12005550101", b"+1200555010199999999")
    text = await (await client.post("/sim/calls", data=body)).text()
    assert "$.actions[1].to" in text
    assert "555" not in text


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many", "٣", ""])
async def test_a_limit_out_of_range_is_a_problem(client: TestClient[Any, Any], limit: str):
    reply = await client.get("/sim/events", params={"limit": limit})
    assert (reply.status, (await reply.json(content_type=None))["code"]) == (422, "validation-failed")
