"""The whole path once on the servers that Debian brings: redis-server 7.0 and PostgreSQL 15."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.embedded.postgres import EmbeddedPostgres
from scheduler.domain.model import Priority
from tests.builders import a_world, empty, phones
from tests.stories.test_many_leads import EVERYWHERE, FAULTS, FOUR_ATTEMPTS, assert_all_is_well

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


@pytest.fixture(scope="module")
def debian_postgres_url(server_dir: Path) -> Iterator[str]:
    if not POSTGRES:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql): Debian's was NOT tested")
    binaries = POSTGRES[-1].parent.parent
    server = EmbeddedPostgres(server_dir / "debian-pg" / "data", binaries=binaries).start()
    yield server.url
    server.stop()


async def test_leads_go_from_enrolment_to_their_end_on_debians_servers(
    debian_postgres_url: str, redis7_url: str
) -> None:
    """MISSION: any Redis from 7.0 and any Postgres from 15: every script, every statement, one loss."""
    await empty(redis7_url)
    async with a_world(debian_postgres_url, redis7_url, model=FAULTS, auto_dialer=FOUR_ATTEMPTS) as world:
        numbers = phones(30, EVERYWHERE)
        await world.enrol(numbers[:20])
        await world.enrol(numbers[20:], priority=Priority.LIVE)
        version = await world.value("SELECT current_setting('server_version_num')::int / 10000")
        steps = 0

        async def lose_once() -> None:
            nonlocal steps
            steps += 1
            if steps == 30:
                await empty(redis7_url)

        assert await world.stepper().play(asyncio.Event(), lose_once)

        assert version == int(POSTGRES[-1].parent.parent.name)
        assert steps > 30
        await assert_all_is_well(world, 30)
