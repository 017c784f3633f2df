"""I21, F32: a process that works on a file in parts is killed, and another one brings it to its end."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import sys
from pathlib import Path

import msgspec

from api.imports.orders import Order
from api.imports.parts import KIND
from api.job_kinds import KINDS
from api.parts import Stores, open_stores
from scheduler.clock import SteppedClock
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.import_parts import begin_processing, complete_parts, put_part
from scheduler.ledger.imports import begin_import
from scheduler.ledger.jobs import create_job
from scheduler.services.jobs import Jobs
from scheduler.settings import Settings
from tests.builders import empty
from tests.imports.builders import NOON_ON_A_TUESDAY, csv_file, lead_rows
from tests.worlds import a_ledger

ROWS = 600
CHUNK = 5
WORKER = """
import asyncio, sys
from tests.imports.test_parts_killed import settings_of, work

asyncio.run(work(settings_of(*sys.argv[1:3])))
"""


def settings_of(postgres_url: str, redis_url: str) -> Settings:
    return Settings(postgres_url=postgres_url, redis_url=redis_url, import_workers=0, import_batch_rows=CHUNK)


async def work(settings: Settings) -> None:
    """What a scheduler does with the jobs that wait."""
    clock = SteppedClock(NOON_ON_A_TUESDAY)
    async with open_stores(settings, clock, apply_migrations=False) as stores:
        await stores.wheel.begin_rebuild(0)
        await stores.wheel.open_epoch(0, "e1")
        await Jobs(stores.flow, clock, settings, KINDS).step(clock.now_ms())


async def a_file_in_parts(stores: Stores) -> int:
    """Sent whole and completed: its job waits."""
    database, now_ms = stores.database, NOON_ON_A_TUESDAY
    account_id = await create_account(database, name="Acme", now_ms=now_ms)
    agent_id = await create_agent(
        database, account_id=account_id, name="Ada", auto_dialer={"strategy": "followup"}, now_ms=now_ms
    )
    begun = await begin_import(
        database, account_id=account_id, agent_id=agent_id, batch="first", priority="bulk", throttle="{}",
        columns=(), now_ms=now_ms, terms=msgspec.json.encode(Order(agent_id, "first")).decode(),
    )  # fmt: skip
    data = csv_file([*lead_rows(ROWS), "nonsense,,,"])
    for number, at in enumerate(range(0, len(data), 4000), start=1):
        part = data[at : at + 4000]
        digest = hashlib.sha256(part).digest()
        await put_part(database, account_id, begun.import_id, number, part, digest, now_ms)
    async with database.transaction() as on:
        size = await complete_parts(database, on, account_id, begun.import_id, None)
        assert size == len(data)
        job_id = await create_job(
            database, account_id=account_id, kind=KIND, args={"import_id": begun.import_id}, now_ms=now_ms,
            on=on,
        )  # fmt: skip
        await begin_processing(database, on, begun.import_id, size=size, job_id=job_id, now_ms=now_ms)
    return begun.import_id


async def test_a_file_goes_on_after_its_process_was_killed_and_no_row_counts_twice(
    postgres_server_url: str, valkey_url: str
):
    await empty(valkey_url)
    async with a_ledger(postgres_server_url) as ledger_url:
        settings = settings_of(ledger_url, valkey_url)
        async with open_stores(settings, SteppedClock(NOON_ON_A_TUESDAY), apply_migrations=True) as stores:
            import_id = await a_file_in_parts(stores)

            async def seen() -> tuple[int, str]:
                async with stores.database.connection() as on:
                    row = await on.fetchrow("SELECT rows, status FROM import WHERE import_id = $1", import_id)
                return row["rows"], row["status"]

            killed_at = []
            for least in (1, ROWS // 3):
                worker = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", WORKER, ledger_url, valkey_url, cwd=Path(__file__).parents[2]
                )
                while (await seen())[0] < least:
                    assert worker.returncode is None
                worker.send_signal(signal.SIGKILL)
                await worker.wait()
                killed_at.append(await seen())
                async with stores.database.connection() as on:
                    await on.execute("UPDATE job SET leased_until = NULL")  # its lease is over
            assert [status for _, status in killed_at] == ["processing"] * 2
            assert 0 < killed_at[0][0] < killed_at[1][0] < ROWS

            await work(settings)

            assert await seen() == (ROWS + 1, "done")
            async with stores.database.connection() as on:
                row = await on.fetchrow("SELECT created, rejected, unchanged, duplicate FROM import")
                assert tuple(row) == (ROWS, 1, 0, 0)
                assert await on.fetchval("SELECT count(*) FROM lead") == ROWS
                assert await on.fetchval("SELECT count(*) FROM loop") == ROWS
                assert await on.fetchval("SELECT count(*) FROM import_reject") == 1
