"""F3, I16: whichever part of dialwheel stands still in the middle of a statement, another one goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from api.assembly import Ready, run_api, run_scheduler
from scheduler.settings import Settings
from tests.builders import empty

WAIT_S = 30.0


@pytest.mark.parametrize("run", [run_api, run_scheduler])
async def test_schedulers_and_apis_end_what_another_part_of_dialwheel_holds(
    run: Callable[..., Awaitable[None]], ledger_url: str, valkey_url: str, tmp_path: Path
) -> None:
    """Each alone: the part that stands still may be the only one of the other kind."""
    await empty(valkey_url)
    settings = Settings(
        postgres_url=ledger_url, redis_url=valkey_url, data_dir=str(tmp_path), http_port=0, metrics_port=0,
        postgres_idle_s=1.0, reap_s=0.2, import_workers=0,
    )  # fmt: skip
    runs, stop = asyncio.Event(), asyncio.Event()

    def on_ready(_: Ready) -> None:
        runs.set()

    part = asyncio.create_task(run(settings, on_ready=on_ready, stop=stop))
    frozen = await asyncpg.connect(ledger_url, server_settings={"application_name": "dialwheel"})
    try:
        async with asyncio.timeout(WAIT_S):
            await runs.wait()
        await frozen.execute("BEGIN; LOCK TABLE lead")
        await frozen.prepare("SELECT FROM lead WHERE lead_id = $1")

        last_s = asyncio.get_running_loop().time() + WAIT_S
        while not frozen.is_closed():
            assert asyncio.get_running_loop().time() < last_s, "nobody ends it"
            await asyncio.sleep(0.02)
    finally:
        frozen.terminate()
        stop.set()
        await part
