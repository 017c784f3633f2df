"""Webhooks of a real process that is killed while it sends (API 7: at least once)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from bench.ports import free_port
from scheduler.ledger.database import Database
from tests.api.receiving import Received, Receiver, a_receiver

READY_WITHIN_S = 90.0


@asynccontextmanager
async def a_process(settings: dict[str, str]) -> AsyncIterator[Process]:
    environment = {**os.environ, **{f"DIALWHEEL_{name.upper()}": value for name, value in settings.items()}}
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "api.cli", "up"],
        env=environment,
        stdout=DEVNULL,
        stderr=DEVNULL,
        start_new_session=True,
    )
    try:
        await _ready(f"http://127.0.0.1:{settings['http_port']}/readyz", process)
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(READY_WITHIN_S):
            await process.wait()


async def test_what_a_killed_process_was_sending_is_sent_again_by_the_next_one(
    database: Database, postgres_server_url: str, valkey_url: str, tmp_path: Path
) -> None:
    port, folder = free_port(), tmp_path / "data"
    async with database.connection() as on:
        name = await on.fetchval("SELECT current_database()")
    settings = {
        "data_dir": str(folder),
        "postgres_url": postgres_server_url.replace("/dialwheel?", f"/{name}?"),
        "redis_url": valkey_url,
        "http_port": str(port),
        "metrics_port": "0",
        "webhook_allow_private": "true",
        "import_workers": "0",
    }
    async with a_receiver() as receiver, aiohttp.ClientSession() as client:
        async with a_process(settings) as process:
            key = (folder / "key").read_text().strip()
            client.headers["Authorization"] = f"Bearer {key}"
            api = f"http://127.0.0.1:{port}/v1"
            hook = {"url": receiver.url, "types": ["lead.created"]}
            async with client.post(f"{api}/webhooks", json=hook) as made:
                assert made.status == 201, await made.text()
                path = f"{api}/webhooks/{(await made.json())['id']}"

            def kill(_: Received) -> int:
                os.killpg(process.pid, signal.SIGKILL)
                return 204

            receiver.answer = kill
            await client.patch(path, json={"status": "paused"})
            for last in range(3):
                async with client.post(f"{api}/leads", json={"phone": f"+1212555010{last}"}) as made:
                    assert made.status == 201, await made.text()
            with suppress(aiohttp.ClientError):  # it may be dead before it answers
                await client.patch(path, json={"status": "active"})
            async with asyncio.timeout(READY_WITHIN_S):
                await process.wait()
        assert receiver.got
        interrupted = {one.id for one in receiver.got}
        receiver.got.clear()
        receiver.answer = lambda one: 204
        async with database.connection() as on:  # nobody waits for its lease here
            await on.execute("UPDATE webhook SET leased_until = now()")
        async with a_process(settings):
            await _arrived(receiver, 3)
    assert interrupted <= {one.id for one in receiver.got}
    assert len({one.id for one in receiver.got}) == 3


async def _arrived(receiver: Receiver, events: int) -> None:
    async with asyncio.timeout(READY_WITHIN_S):
        while len({one.id for one in receiver.got}) < events:
            receiver.came.clear()
            await receiver.came.wait()


async def _ready(url: str, process: Process) -> None:
    async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as client:
        while process.returncode is None:
            try:
                async with client.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    pytest.fail("it ended before it was ready")
