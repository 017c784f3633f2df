"""Postgres gone, then the API that took reports meanwhile: what was acknowledged comes in, once (F1 F16)."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from api.callback_tokens import CallbackTokens
from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from api.parts import make_services
from dialer.signing import secrets_of, sign
from scheduler.domain.time import MINUTE, SECOND
from scheduler.wheel.spools import marked_spools
from tests.api.reporting import SECRET_TEXT, LiveProvider, a_report
from tests.builders import PHONE, TUESDAY_2PM, World, a_world, empty, phones
from tests.faults import worker
from tests.faults.processes import Child
from tests.worlds import a_ledger


class Api:
    """An API process on the world's stores, and the integrator's pen."""

    def __init__(self, world: World, child: Child, url: str) -> None:
        self.child = child
        self._url = url
        self._tokens = CallbackTokens(world.stores.installation.id_key)

    async def report(self, attempt_id: int, **said: Any) -> tuple[int, str | None]:
        """How it is answered: the status, and when to come again."""
        body = a_report(provider_call_id=f"ref-{attempt_id}", **said)
        headers = sign(secrets_of(SECRET_TEXT), "m", int(time.time()), body)
        headers["Content-Type"] = "application/json"
        path = f"{self._url}/v1/providers/webhook/callbacks/{self._tokens.write(attempt_id)}"
        async with aiohttp.ClientSession() as http, http.post(path, data=body, headers=headers) as reply:
            return reply.status, reply.headers.get("Retry-After")


@asynccontextmanager
async def an_api(world: World, folder: Path) -> AsyncIterator[Api]:
    settings = {
        "postgres_url": world.stores.settings.postgres_url,
        "redis_url": world.stores.settings.redis_url,
        "data_dir": str(folder),
        "provider_secret": SECRET_TEXT,
        "sim_url": "http://127.0.0.1:9",
    }
    offset_ms = TUESDAY_2PM - time.time_ns() // 1_000_000
    config = worker.WorkerConfig("api", settings, offset_ms, str(folder / "log"))
    child = Child(worker.run, msgspec.json.encode(config))
    try:
        yield Api(world, child, (await child.says("READY")).split()[1])
    finally:
        await child.end()


async def test_reports_survive_the_ledger_and_the_api_that_took_them(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path
):
    """I8 I14 I15 I23: acknowledged, killed, in once; no "stop" but by the ledger; nothing written off."""
    await empty(valkey.url)
    async with (
        a_ledger(postgres.url) as ledger_url,
        a_world(ledger_url, valkey.url, provider=LiveProvider(), account={"simulated": False}) as world,
    ):
        numbers = phones(4)
        assert numbers[0] == PHONE
        stops, *others = [await world.an_armed_attempt(number) for number in numbers]
        async with an_api(world, tmp_path) as api:
            assert await api.report(others[0].attempt_id, event_id="0", status="ringing") == (204, None)
            assert postgres.pid is not None
            os.kill(postgres.pid, signal.SIGKILL)
            await asyncio.to_thread(postgres.stop)
            try:
                for each in others * 2:
                    ended = await api.report(each.attempt_id, event_id="1", status="busy")
                    assert ended == (204, None)
                    assert await api.report(each.attempt_id, event_id="0", status="ringing") == (204, None)
                stop = {"event_id": "1", "status": "completed", "disposition": "dnc"}
                status, retry_after = await api.report(stops.attempt_id, **stop)
                assert (status, int(retry_after or 0) > 0) == (503, True)
                api.child.kill()
                await api.child.gone()
            finally:
                await asyncio.to_thread(postgres.start)
        reconciler = make_services(world.stores, "webhook", spools=True).reconciler
        await reconciler.step(world.now_ms)
        world.pass_time(16 * MINUTE)
        await reconciler.step(world.now_ms)
        assert await world.value("SELECT count(*) FROM attempt WHERE outcome IS NULL") == 4

        async with an_api(world, tmp_path) as api:
            while await marked_spools(world.flow.wheel, 0):  # noqa: ASYNC110 - another process drains it
                await asyncio.sleep(0.05)
            assert (await api.report(stops.attempt_id, **stop))[0] == 204

        ids = [each.attempt_id for each in others]
        rows = await world.rows("SELECT state, outcome FROM attempt WHERE attempt_id = ANY($1)", ids)
        assert {tuple(row) for row in rows} == {("done", "busy")}
        assert await world.value("SELECT count(*) FROM provider_event") == 2 * len(others) + 1
        assert await world.value("SELECT phone FROM suppression") == PHONE
        world.pass_time(SECOND)
        await reconciler.step(world.now_ms)
        assert await world.value("SELECT count(*) FROM attempt WHERE outcome = 'unknown'") == 0
