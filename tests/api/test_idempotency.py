"""Idempotency-Key: done once, answered as often as asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from scheduler.ledger import idempotency
from tests.api.builders import OTHER_PHONE, Site, a_lead, a_tenant

KEY = {"Idempotency-Key": "k-1"}


async def test_a_replay_gets_the_stored_reply_and_says_so(site: Site):
    first = await site.post("/v1/leads", a_lead(agent_id=site.agent), headers=KEY)
    again = await site.post("/v1/leads", a_lead(agent_id=site.agent), headers=KEY)

    assert (first.status, again.status) == (201, 201)
    assert await first.read() == await again.read()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]


async def test_an_if_match_that_can_be_no_tag_is_refused_though_a_reply_is_kept(site: Site):
    """RELIABILITY 5.2: the description says how long it may be."""
    first = await site.post("/v1/account/resume", {}, headers=KEY)
    again = await site.post("/v1/account/resume", {}, headers={**KEY, "If-Match": "0" * 201})

    assert (first.status, again.status) == (200, 412)
    assert (await again.json())["code"] == "version-stale"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/leads", {"phone": OTHER_PHONE}),
        ("/v1/dnc/entries", {"phone": OTHER_PHONE}),
        ("/v1/leads?x=1", None),
    ],
)
async def test_another_request_under_the_same_key_is_refused_and_does_nothing(
    site: Site, path: str, body: dict
):
    await site.post("/v1/leads", a_lead(), headers=KEY)

    reply = await site.post(path, body or a_lead(), headers=KEY)

    assert reply.status == 422
    problem = await reply.json()
    assert problem["code"] == "idempotency-key-reused"
    assert problem["errors"][0]["header"] == "Idempotency-Key"
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM lead")] == [1]


async def test_of_many_at_once_one_is_done_and_the_others_wait_or_replay(site: Site):
    replies = await asyncio.gather(
        *(site.post("/v1/leads", a_lead(agent_id=site.agent), headers=KEY) for _ in range(12))
    )

    statuses = Counter(reply.status for reply in replies)
    done = [reply for reply in replies if reply.status == 201]
    assert set(statuses) <= {201, 409}
    assert sum("Idempotency-Replayed" not in reply.headers for reply in done) == 1
    for reply in replies:
        if reply.status == 409:
            assert (await reply.json())["code"] == "idempotency-in-progress"
            assert (await reply.json())["retryable"] is True
            assert "Retry-After" in reply.headers


async def test_a_refusal_is_replayed_too(site: Site):
    first = await site.post("/v1/leads", {"phone": "nonsense"}, headers=KEY)
    again = await site.post("/v1/leads", {"phone": "nonsense"}, headers=KEY)

    assert (first.status, again.status) == (422, 422)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await first.read() == await again.read()


async def test_a_failure_of_ours_is_not_stored(site: Site):
    """API 1: 5xx not stored."""

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    lanes: Any = site.flow.lanes
    shape, lanes.shape_account = lanes.shape_account, broken
    assert (await site.post("/v1/account/resume", {}, headers=KEY)).status == 500
    lanes.shape_account = shape

    again = await site.post("/v1/account/resume", {}, headers=KEY)

    assert again.status == 200
    assert "Idempotency-Replayed" not in again.headers


async def test_the_same_key_of_another_tenant_is_another_key(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    await site.post("/v1/leads", a_lead(), headers=KEY)

    reply = await site.post("/v1/leads", a_lead(), headers=KEY, key=other.key)

    assert reply.status == 201
    assert "Idempotency-Replayed" not in reply.headers


async def test_a_request_whose_process_died_may_be_sent_again_a_minute_later(site: Site):
    """RELIABILITY 5.2: same key after a crash."""
    wall_ms, account = site.clock.wall_ms(), site.home.account_id
    begin = idempotency.begin
    assert await begin(site.database, account, "k", b"h", wall_ms) is idempotency.Begin.BEGUN
    assert await begin(site.database, account, "k", b"h", wall_ms + 1) is idempotency.Begin.IN_PROGRESS

    later_ms = wall_ms + idempotency.ABANDONED_MS + 1
    assert await begin(site.database, account, "k", b"other", later_ms) is idempotency.Begin.REUSED
    assert await begin(site.database, account, "k", b"h", later_ms) is idempotency.Begin.BEGUN


async def test_a_reply_is_kept_for_72_hours_and_then_forgotten(site: Site):
    wall_ms, account = site.clock.wall_ms(), site.home.account_id
    reply = idempotency.StoredReply(201, {"Location": "/x"}, b"{}")
    await idempotency.begin(site.database, account, "k", b"h", wall_ms)
    await idempotency.finish(site.database, account, "k", reply, wall_ms)
    end_ms = wall_ms + idempotency.KEPT_MS

    await idempotency.purge(site.database, end_ms)
    assert await idempotency.begin(site.database, account, "k", b"h", end_ms) == reply
    assert await idempotency.begin(site.database, account, "k", b"new", end_ms + 1) is idempotency.Begin.BEGUN


@pytest.mark.parametrize("key", ["x" * 256, "tab\tin it", "schlüssel"])
async def test_a_key_that_is_too_long_or_not_printable_is_refused(site: Site, key: str):
    reply = await site.post("/v1/leads", a_lead(), headers={"Idempotency-Key": key})

    assert reply.status in (400, 422)
    assert await site.rows("SELECT 1 FROM lead") == []


@pytest.mark.parametrize("path", ["/v1/leads/bulk", "/v1/dnc/import"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_another_file_under_the_same_key_is_refused(site: Site, path: str, chunked: bool):
    """Two files of the same length; a chunked one tells no length."""
    ndjson = KEY | {"Content-Type": "application/x-ndjson"}

    async def sent(phone: str) -> Any:
        line = f'{{"phone": "{phone}"}}\n'.encode()

        async def pieces() -> Any:
            yield line[:9]
            yield line[9:]

        reply = await site.send("POST", path, data=pieces() if chunked else line, headers=ndjson)
        await reply.read()
        return reply

    first, again = await sent("+12125550141"), await sent("+12125550141")
    other = await sent("+12125550142")

    assert (first.status, again.status, other.status) == (200, 200, 422)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await other.json())["code"] == "idempotency-key-reused"
