"""Events as they happen: GET /v1/events/stream, and the tickets that open it (API 7)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar

import pytest
import structlog

from api.auth import REMEMBERED_S
from api.live import room
from api.live.event_ids import write_event_id
from api.live.listener import Listener
from api.routes import stream
from scheduler.domain.time import DAY, MINUTE
from scheduler.ledger.instants import to_ms
from scheduler.ledger.keys import revoke_key
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel
from tests.api.builders import PERMIT_S, Site, a_lead, a_site, a_tenant
from tests.api.streaming import Heard, Reader, as_sent, listening
from tests.api.test_events import a_known_lead, numbered, told

T = TypeVar("T")


async def happened(site: Site, type_: str, ids: list[int], **fields: Any) -> None:
    await told(site, type_, ids, **fields)
    await numbered(site)


def is_tick(heard: Heard) -> bool:
    return heard.name == "tick"


async def test_what_happens_is_heard_as_it_is_read(site: Site) -> None:
    """API 7: `id:` is the event's, its name is its type, the data what /v1/events shows; `retry: 2000`."""
    lead, number = await a_known_lead(site)
    async with listening(site, {"topics": f"lead:{lead}"}) as reader:
        await happened(site, "lead.updated", [number])
        [heard] = await reader.events(1)

        pulled = (await (await site.get("/v1/events", params={"type": "lead.updated"})).json())["data"]
        assert heard.data == as_sent(pulled[0])
        assert (heard.name, heard.id) == ("lead.updated", pulled[0]["id"])
        assert reader.retry_ms == 2000
        assert reader.response.content_type == "text/event-stream"
        assert reader.response.headers["Cache-Control"] == "no-store"


async def test_topics_choose_what_is_heard(site: Site) -> None:
    """API 7: `?topics=tick,attempts,batch:bat_x,lead:lead_x`."""
    batch = site.deps.ids.write("bat", 5)
    async with (
        listening(site, {"topics": "attempts"}) as attempts,
        listening(site, {"topics": f"batch:{batch}"}) as of_batch,
        listening(site) as everything,
    ):
        await happened(site, "agent.updated", [site.home.agent_id])
        await told(site, "attempt.ended", [31, 32], lead_ids=[1, 2], batch_ids=[5, 6])
        await happened(site, "batch.done", [5], batch_ids=[5])

        assert [one.name for one in await attempts.events(2)] == ["attempt.ended"] * 2
        of_batch_5 = await of_batch.events(2)
        assert [one.name for one in of_batch_5] == ["attempt.ended", "batch.done"]
        assert of_batch_5[0].data["data"]["object"]["id"] == site.deps.ids.write("att", 31)
        names = [one.name for one in await everything.events(4)]
        assert names == ["agent.updated", "attempt.ended", "attempt.ended", "batch.done"]


async def test_who_comes_back_hears_what_it_missed_and_nothing_twice(site: Site) -> None:
    """API 7: resumes from `Last-Event-ID`."""
    lead, number = await a_known_lead(site)
    topics = {"topics": f"lead:{lead}"}
    async with listening(site, topics) as reader:
        await happened(site, "lead.updated", [number])
        await reader.events(1)
        last = reader.last_id
    for _ in range(3):
        await happened(site, "lead.updated", [number])

    async with listening(site, topics, headers={"Last-Event-ID": last}) as reader:
        await happened(site, "lead.updated", [number])
        heard = await reader.events(4)
    async with listening(site, topics | {"last_event_id": heard[1].id or ""}) as reader:
        again = await reader.events(2)

    sequences = [one.data["sequence"] for one in heard]
    assert sequences == list(range(sequences[0], sequences[0] + 4))
    assert [one.id for one in again] == [one.id for one in heard[2:]]


async def test_what_is_too_much_to_hear_again_is_a_gap(site: Site) -> None:
    """API 7: lost span → `event: gap {from,to,count}`; what follows it is heard."""
    await happened(site, "agent.updated", [site.home.agent_id])
    last = (await (await site.get("/v1/events")).json())["data"][0]["id"]
    await happened(site, "attempt.ended", list(range(1, 1501)), lead_ids=[1] * 1500)

    async with listening(site, {"topics": "attempts"}, headers={"Last-Event-ID": last}) as reader:
        gap, first, *_ = await reader.events(1001)

    assert gap.name == "gap"
    assert gap.data == {"from": last, "to": gap.id, "count": 500}
    after_gap = await (await site.get("/v1/events", params={"cursor": gap.id, "limit": "1"})).json()
    assert first.data == as_sent(after_gap["data"][0])


async def test_an_event_that_is_no_longer_kept_is_a_gap_as_well(site: Site) -> None:
    """API 7: the stream goes on where the events begin."""
    for _ in range(3):
        await happened(site, "agent.updated", [site.home.agent_id])
    page = await (await site.get("/v1/events")).json()
    site.clock.move_to(site.clock.now_ms() + 8 * 86_400_000)
    await happened(site, "agent.updated", [site.home.agent_id])

    async with listening(site, headers={"Last-Event-ID": page["data"][0]["id"]}) as reader:
        gap, event = await reader.events(2)

    assert (gap.name, gap.data["count"]) == ("gap", 2)
    assert event.data["sequence"] == 4


async def test_ticks_tell_how_things_stand_once_a_second(site: Site) -> None:
    """API 7: `tick` is an aggregate; PRODUCT 1.18: at most 2 KB."""
    assert (await site.post("/v1/leads", a_lead(agent_id=site.agent))).status == 201
    async with listening(site, {"topics": "tick"}) as reader:
        began_s = asyncio.get_running_loop().time()
        ticks = [one for _ in range(3) if (one := await reader.next()) is not None]
        took_s = asyncio.get_running_loop().time() - began_s

    assert [one.name for one in ticks] == ["tick"] * 3
    tick = ticks[-1].data
    assert tick["total"] == 1 == sum(tick["why"].values())
    assert (tick["stale"], tick["in_flight"], tick["classes"][0]) == (
        False, 0, {"name": "live", "total": 1, "ready": 1},
    )  # fmt: skip
    assert len(str(tick)) < 2048
    assert took_s >= 2  # never more often


async def test_too_many_to_read_are_sampled_and_ticks_go_on(site: Site) -> None:
    """API 7: raw topics sampled above 50/s with `sampled_rate`; `tick` once a second whatever the load."""
    async with listening(site, {"topics": "tick,attempts"}) as reader:
        for _ in range(3):
            await happened(site, "attempt.ended", list(range(1, 4001)), lead_ids=[1] * 4000)
        await happened(site, "attempt.ended", [77], lead_ids=[1])
        heard = await reader.until(is_tick) + await reader.until(is_tick)
        await asyncio.wait_for(_quiet(reader), 20)

    shown = [one for one in heard if one.name == "attempt.ended"]
    assert 0 < len(shown) <= 150
    rates = {one.data["sampled_rate"] for one in shown if "sampled_rate" in one.data}
    assert rates
    assert all(0 < rate < 0.05 for rate in rates)
    assert [one.data["sequence"] for one in shown] == sorted({one.data["sequence"] for one in shown})


async def _quiet(reader: Reader) -> None:
    """Until a tick stands at the last event: nothing is on its way any more."""
    before = None
    while (one := await reader.next()) is not None:
        if one.name == "tick" and one.id == before:
            return
        before = one.id if one.name == "tick" else None


async def test_events_of_one_lead_are_never_sampled(site: Site) -> None:
    """API 7: who watches one lead sees all of it."""
    lead, number = await a_known_lead(site)
    async with listening(site, {"topics": f"lead:{lead},attempts"}) as reader:
        mixed = [number if place % 10 == 0 else number + 1 for place in range(1000)]
        await happened(site, "attempt.ended", list(range(1, 1001)), lead_ids=mixed)
        await happened(site, "lead.updated", [number])
        heard = await reader.until(lambda one: one.name == "lead.updated")

    of_lead = {site.deps.ids.write("att", 1 + place) for place in range(0, 1000, 10)}
    shown = {one.data["data"]["object"]["id"] for one in heard[:-1]}
    assert of_lead <= shown
    assert len(shown) <= 150


async def test_who_does_not_read_is_cut_off_and_holds_up_nobody(site: Site) -> None:
    """API 7: slow readers; the others hear on."""
    lead, number = await a_known_lead(site)
    with _asleep(site) as slow:
        async with listening(site, {"topics": f"lead:{lead}"}) as quick:
            here = site.deps.feed._rooms[site.home.account_id].room
            for _ in range(60):
                for _ in range(10):
                    await told(site, "agent.updated", [site.home.agent_id] * 40)
                await happened(site, "lead.updated", [number])
                await quick.events(1)
                if len(here.listeners) == 1:
                    break
            assert len(here.listeners) == 1
        with suppress(ConnectionResetError):
            while slow.recv(1 << 20):  # what was under way, then the end
                pass


@contextmanager
def _asleep(site: Site, header: str = "") -> Iterator[socket.socket]:
    """A reader that asks for everything and takes nothing in."""
    url = site.client.make_url("/v1/events/stream")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect((url.host, url.port))
        key = f"Authorization: Bearer {site.home.key}\r\n"
        connection.sendall(f"GET {url.path} HTTP/1.1\r\nHost: x\r\n{key}{header}\r\n".encode())
        yield connection


async def test_a_ticket_opens_one_stream(site: Site) -> None:
    """API 7: 60 s ticket; one use."""
    answered = await site.post("/v1/stream-tickets")
    ticket = await answered.json()
    assert answered.status == 201
    assert ticket["object"] == "stream_ticket"
    url = "/v1/events/stream"

    first = await site.client.get(url, params={"ticket": ticket["ticket"], "topics": "tick"})
    again = await site.client.get(url, params={"ticket": ticket["ticket"], "topics": "tick"})
    elsewhere = await site.client.get("/v1/account", params={"ticket": ticket["ticket"]})
    first.close()

    assert (first.status, again.status, elsewhere.status) == (200, 401, 401)


async def test_a_ticket_is_good_for_a_minute_and_for_as_long_as_its_key(site: Site) -> None:
    """API 7; RELIABILITY 5: a revoked key opens nothing."""
    old, made = [(await (await site.post("/v1/stream-tickets")).json())["ticket"] for _ in range(2)]
    await site.rows(
        "UPDATE stream_ticket SET expires_at = expires_at - interval '61 seconds'"
        " WHERE ticket_hash = (SELECT ticket_hash FROM stream_ticket ORDER BY expires_at LIMIT 1)"
    )
    for bad in (old, made[:-1] + "x", "tkt_x_y", "x"):
        assert (await site.client.get("/v1/events/stream", params={"ticket": bad})).status == 401
    key_id = site.home.key.split("_")[2]
    await revoke_key(site.database, site.home.account_id, key_id, site.clock.now_ms())
    site.deps.keys._known.clear()

    assert (await site.client.get("/v1/events/stream", params={"ticket": made})).status == 401


async def test_a_ticket_is_good_for_a_real_minute_wherever_the_clock_is_moved(site: Site) -> None:
    """API 7: 60 s ticket. DESIGN 1: leases are on wall time: a day that is skipped ends none."""
    ticket = await (await site.post("/v1/stream-tickets")).json()
    good_ms = to_ms(datetime.fromisoformat(ticket["expires_at"])) - site.clock.wall_ms()
    site.clock.move_to(site.clock.now_ms() + DAY)
    opened = await site.client.get("/v1/events/stream", params={"ticket": ticket["ticket"], "topics": "tick"})
    opened.close()

    assert opened.status == 200
    assert -MINUTE < good_ms <= MINUTE


async def test_streams_are_bounded_for_an_account_and_for_the_process(
    database: Any, wheel: TimingWheel, aiohttp_client: Any
) -> None:
    """RELIABILITY 5: connections per account; 429 and 503 with `Retry-After`."""
    settings = Settings(permit_s=PERMIT_S, import_workers=0, streams_per_account=2, streams_at_once=3)
    site = await a_site(aiohttp_client, database, wheel, settings=settings)
    other, third = await a_tenant(database, "Other"), await a_tenant(database, "Third")
    async with listening(site), listening(site):
        async with listening(site, status=429) as refused:
            assert refused.response.headers["Retry-After"] == "5"
            assert (await refused.response.json())["code"] == "rate-limited"
        async with listening(site, key=other.key), listening(site, key=third.key, status=503) as refused:
            assert (await refused.response.json())["code"] == "backpressure"


async def test_a_listener_hears_its_own_account_only(site: Site) -> None:
    """RELIABILITY 5: tenants are apart on live streams as well."""
    other = await a_tenant(site.database, "Other")
    async with listening(site, key=other.key) as theirs, listening(site) as ours:
        await happened(site, "agent.updated", [site.home.agent_id])
        await happened(site, "agent.updated", [other.agent_id], account_id=other.account_id)
        [heard], [own] = await theirs.events(1), await ours.events(1)

    assert heard.data["data"]["object"]["id"] == site.deps.ids.write("agt", other.agent_id)
    assert own.data["data"]["object"]["id"] == site.agent


async def test_streams_end_when_the_server_stops(site: Site) -> None:
    """A stop is not held up by who listens."""
    async with listening(site, {"topics": "attempts"}) as reader:
        await site.deps.feed.close()

        assert await reader.next() is None


async def test_a_silent_stream_shows_that_it_is_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """API 7: heartbeat."""
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.05)
    async with listening(site, {"topics": "attempts"}) as reader:
        lines = [await asyncio.wait_for(reader.response.content.readline(), 20) for _ in range(3)]

    assert lines == [b"retry: 2000\n", b"\n", b": here\n"]


@pytest.mark.parametrize("taken", ["the key", "its scope", "the account"])
async def test_a_stream_ends_with_its_key(site: Site, monkeypatch: pytest.MonkeyPatch, taken: str) -> None:
    """RELIABILITY 5: who was let in is not let in for ever, and hears nothing more within five seconds."""
    assert stream.KEY_S + REMEMBERED_S <= 5
    monkeypatch.setattr(stream, "KEY_S", 0.05)
    async with listening(site, {"topics": "attempts"}) as reader:
        key_id, account_id = site.home.key.split("_")[2], site.home.account_id
        if taken == "the key":
            await revoke_key(site.database, account_id, key_id, site.clock.now_ms())
        elif taken == "its scope":
            await site.rows("UPDATE api_key SET scopes = '{leads:write}' WHERE key_id = $1", key_id)
        else:
            await site.rows("UPDATE account SET suspended_at = now() WHERE account_id = $1", account_id)
        site.deps.keys._known.clear()

        assert await reader.next() is None


@pytest.mark.parametrize("stage", ["live", "what was missed"])
async def test_a_stream_whose_reader_takes_nothing_in_is_cut_off_with_its_key(
    site: Site, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """RELIABILITY 5: a write that hangs does not keep the stream of a revoked key; what is in the buffers of
    the network is all that still arrives."""
    monkeypatch.setattr(stream, "KEY_S", 0.05)
    much = b": " + b"x" * (16 << 20) + b"\n\n"
    hanging = asyncio.Event()

    async def missed(*_: Any) -> AsyncIterator[bytes]:
        hanging.set()
        yield much

    monkeypatch.setattr(stream, "replay", missed)
    event = write_event_id(site.deps.ids, site.home.account_id, 1)
    with _asleep(site, f"Last-Event-ID: {event}\r\n" if stage == "what was missed" else "") as slow:
        listener = await _until(lambda: next(iter(_listeners(site)), None))
        assert listener is not None
        if stage == "live":
            listener.put([much])
            await _until(lambda: not listener._waiting)
        else:
            await hanging.wait()
        key_id, account_id = site.home.key.split("_")[2], site.home.account_id
        await revoke_key(site.database, account_id, key_id, site.clock.now_ms())
        site.deps.keys._known.clear()

        await _until(lambda: not site.deps.feed._inside)
        assert not _listeners(site)
        arrived = 0
        with suppress(ConnectionResetError):
            while got := len(slow.recv(1 << 20)):
                arrived += got
        assert 0 < arrived < len(much)


async def test_a_reader_that_leaves_while_a_write_to_it_hangs_is_no_fault_of_ours(site: Site) -> None:
    """RELIABILITY 5.2: an error in the log is one of ours."""
    with structlog.testing.capture_logs() as logged:
        with _asleep(site) as slow:
            listener = await _until(lambda: next(iter(_listeners(site)), None))
            assert listener is not None
            listener.put([b": " + b"x" * (16 << 20) + b"\n\n"])
            await _until(lambda: not listener._waiting)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await _until(lambda: not site.deps.feed._inside)

    assert [line for line in logged if line["log_level"] == "error"] == []


def _listeners(site: Site) -> set[Listener]:
    kept = site.deps.feed._rooms.get(site.home.account_id)
    return set() if kept is None else kept.room.listeners


async def _until(found: Callable[[], T]) -> T:
    """What it finds, once that is something."""
    for _ in range(2_000):
        if value := found():
            return value
        await asyncio.sleep(0.01)
    raise AssertionError("it has never come")


async def test_a_ledger_that_does_not_answer_about_a_key_holds_up_no_stream(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API 7: whatever the load."""
    asked, never = asyncio.Event(), asyncio.Event()

    async def hang(key_id: str) -> None:
        asked.set()
        await never.wait()

    monkeypatch.setattr(site.deps.keys, "caller_of_key", hang)
    async with listening(site, {"topics": "attempts"}) as reader:
        await asked.wait()
        await happened(site, "attempt.ended", [1])
        heard = await reader.next()

    assert heard is not None
    assert heard.name == "attempt.ended"


async def test_after_an_unforeseen_fault_streams_end_and_can_be_opened_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that is open is one that tells."""
    async with listening(site, {"topics": "attempts"}) as reader:
        with monkeypatch.context() as broken:
            broken.setattr(room, "read_groups", None)
            await happened(site, "attempt.ended", [1], lead_ids=[1])
            assert await reader.next() is None
    async with listening(site, {"topics": "attempts"}) as reader:
        await happened(site, "attempt.ended", [2], lead_ids=[1])
        [event] = await reader.events(1)

    assert event.data["sequence"] == 2


async def test_when_too_much_is_unread_live_is_live_again_after_a_gap(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API 7: lost span → `event: gap`."""
    monkeypatch.setattr(room, "MOST_BEHIND", 10)
    async with listening(site, {"topics": "attempts"}) as reader:
        await happened(site, "attempt.ended", list(range(1, 101)), lead_ids=[1] * 100)
        [gap] = await reader.events(1)
        await happened(site, "attempt.ended", [101], lead_ids=[1])
        [event] = await reader.events(1)

    assert (gap.name, gap.data["from"], gap.data["count"]) == ("gap", None, 100)
    assert event.data["sequence"] == 101


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ({"topics": "ticks"}, {}, 422),
        ({"topics": "lead:bat_0000000000000"}, {}, 422),
        ({"topics": ",".join(["tick"] + [f"lead:x{n}" for n in range(21)])}, {}, 422),
        ({"topics": ""}, {}, 422),
        ({}, {"Last-Event-ID": "evt_nonsense"}, 400),
        ({"topic": "tick"}, {}, 422),
    ],
)
async def test_bad_questions_are_refused_before_the_stream_begins(
    site: Site, query: dict[str, str], headers: dict[str, str], status: int
) -> None:
    """RELIABILITY 5.2."""
    answered = await site.get("/v1/events/stream", params=query, headers=headers)

    assert answered.status == status
    assert answered.content_type == "application/problem+json"
