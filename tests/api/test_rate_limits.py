"""Rate limits (API 1, RELIABILITY 5.1): by key and address, before any work, and without Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from api.embedded.valkey import EmbeddedValkey
from scheduler.ledger.database import Database
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel
from tests.api.builders import a_site

ME = "/v1/account"


async def test_an_answer_tells_what_is_left_and_who_asks_too_much_waits(
    database: Database, wheel: TimingWheel, aiohttp_client: Any
):
    site = await a_site(aiohttp_client, database, wheel, settings=Settings(rate_limit_per_min=4))
    left = []
    for _ in range(4):
        reply = await site.get(ME)
        assert (reply.status, reply.headers["RateLimit-Policy"]) == (200, '"key";q=4;w=60')
        left.append(reply.headers["RateLimit"].split(";")[1])
    assert left == ["r=3", "r=2", "r=1", "r=0"]

    refused = await site.get(ME)
    body = await refused.json()
    assert (refused.status, body["code"], body["retryable"]) == (429, "rate-limited", True)
    assert 1 <= int(refused.headers["Retry-After"]) <= 15
    assert refused.headers["RateLimit"] == '"key";r=0;t=60', "all of it is back later than the next one is"


async def test_a_key_that_is_wrong_is_counted_by_its_address_before_it_is_looked_up(
    database: Database, wheel: TimingWheel, aiohttp_client: Any
):
    settings = Settings(rate_limit_address_per_min=3)
    site = await a_site(aiohttp_client, database, wheel, settings=settings)
    replies = [await site.client.get(ME) for _ in range(4)]
    assert [reply.status for reply in replies] == [401, 401, 401, 429]
    for reply in replies:
        assert reply.headers["RateLimit-Policy"] == '"address";q=3;w=60', "the key was never looked at"
        assert reply.headers["RateLimit"].startswith('"address";r=')


async def test_what_is_open_to_all_is_not_counted(
    database: Database, wheel: TimingWheel, aiohttp_client: Any
):
    settings = Settings(rate_limit_address_per_min=1, rate_limit_per_min=1)
    site = await a_site(aiohttp_client, database, wheel, settings=settings)
    assert [(await site.client.get("/livez")).status for _ in range(3)] == [200, 200, 200]


async def test_without_redis_a_small_share_is_let_through_and_not_more(
    database: Database, server_dir: Path, aiohttp_client: Any
):
    """RELIABILITY 5.1: when Redis is away a small local limit, not unlimited."""
    server = EmbeddedValkey(server_dir / f"rate-{uuid4().hex[:6]}").start()
    wheel = await TimingWheel.connect(server.url)
    site = await a_site(aiohttp_client, database, wheel, settings=Settings(rate_limit_per_min=30))
    server.stop()
    statuses = [(await site.get(ME)).status for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    await wheel.close()


async def test_a_limit_of_nought_is_none(database: Database, wheel: TimingWheel, aiohttp_client: Any):
    settings = Settings(rate_limit_per_min=0, rate_limit_address_per_min=0)
    site = await a_site(aiohttp_client, database, wheel, settings=settings)
    reply = await site.get(ME)
    assert reply.status == 200
    assert "RateLimit" not in reply.headers
