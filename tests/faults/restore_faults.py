"""F18: Postgres is put back to an earlier state while dialers run on. They have to notice by themselves; what
an operator does then is done here with the code of `dialwheel ledger reconcile`."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from typing import Any

import aiohttp
import msgspec
from structlog.testing import capture_logs

from api.cli.ledger import build_anew, repair, stand
from api.parts import Stores
from scheduler.ledger.database import Database
from scheduler.ledger.quarantine import Gap, open_gap
from tests.faults.bed import Trial
from tests.faults.kinds import fault

SLOWLY: dict[str, Any] = {"leads": 60, "account": {"max_dials_per_s": 8.0}}
"""There is somebody left to be called when Postgres is put back."""


@fault(
    "F18",
    "data directory",
    needs=("a quarantine began", "forgotten calls were put back"),
    weight=2,
    **SLOWLY,
)
async def an_earlier_copy_of_the_data_directory_is_put_back(t: Trial) -> None:
    """The same server by all its names: only what was seen of it tells."""
    await _begin(t)
    data = t.bed.folder / "pg" / "data"
    copy = t.bed.folder / "pg" / "copy"
    await asyncio.to_thread(t.bed.postgres.stop)
    await asyncio.to_thread(shutil.copytree, data, copy, dirs_exist_ok=True)
    await asyncio.to_thread(t.bed.postgres.start)
    await _forgotten_time(t)
    await t.kill_server(t.bed.postgres)
    await asyncio.to_thread(shutil.rmtree, data)
    await asyncio.to_thread(copy.rename, data)
    await asyncio.to_thread(t.bed.postgres.start)
    await _reconciled(t)


@fault(
    "F18",
    "database",
    needs=("a quarantine began", "forgotten calls were put back"),
    weight=2,
    **SLOWLY,
)
async def an_earlier_copy_of_the_database_takes_its_place(t: Trial) -> None:
    """As a dump that is loaded does; a dialer is killed on the way, and its journal is read along."""
    await _begin(t)
    await _in_its_place(t, f"CREATE DATABASE {t.database_name}_before TEMPLATE {t.database_name}")
    await _forgotten_time(t)
    t.children[-1].kill()
    await _in_its_place(
        t,
        f"DROP DATABASE {t.database_name} WITH (FORCE)",
        f"ALTER DATABASE {t.database_name}_before RENAME TO {t.database_name}",
    )
    await _reconciled(t)


async def _begin(t: Trial) -> None:
    await t.scheduler()
    await t.api()
    for _ in range(2):
        await t.dialer()
    await t.until_dials(t.dice.randrange(1, 10))
    await asyncio.sleep(1.2 * t.dice.random())  # of a beat


async def _forgotten_time(t: Trial) -> None:
    """Calls, and one person who asks not to be called."""
    number = t.dice.choice(t.numbers)
    url = next(
        line.split()[1] for child in t.children for line in child.said if line.startswith("READY http")
    )
    key = await t.api_key()
    body = msgspec.json.encode({"phone": number, "reason": "asked"})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    dials = t.dials()
    async with aiohttp.ClientSession() as session:
        for _ in range(20):
            async with session.post(f"{url}/v1/dnc/entries", data=body, headers=headers) as answer:
                if answer.status < 300:
                    t.acks.opted_out[number] = t.clock.now_ms()
                    break
            await asyncio.sleep(0.2)
    await t.until_dials(dials + t.dice.randrange(1, 8))
    await asyncio.sleep(1.0 + t.dice.random())


async def _in_its_place(t: Trial, *statements: str) -> None:
    """With nobody connected to the trial's database, as each of these wants it."""
    base = await Database.connect(t.bed.postgres.url, max_connections=1)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    try:
        async with base.connection() as on:
            await on.execute(f"ALTER DATABASE {t.database_name} ALLOW_CONNECTIONS false")
            await on.execute(others, t.database_name)
            for statement in statements:
                for _ in range(600):
                    try:
                        await on.execute(statement)
                        break
                    except Exception:  # a session is still on its way out
                        await on.execute(others, t.database_name)
                        await asyncio.sleep(0.1)
            await on.execute(f"ALTER DATABASE {t.database_name} ALLOW_CONNECTIONS true")
    finally:
        await base.close()


async def _reconciled(t: Trial) -> None:
    stores = _with_their_folder(t)
    await t.until(lambda: _gap(stores))  # the processes notice, over connections made anew
    t.hit("a quarantine began")
    await t.permits_over()
    dials = t.dials()
    await asyncio.sleep(1.0)
    if t.dials() > dials:
        t.complain("I1", f"{t.dials() - dials} dials in quarantine")
    with capture_logs():  # ours is no process of the trial
        await _end_it(t, stores)


async def _end_it(t: Trial, stores: Stores) -> None:
    found, gap = await stand(stores), await _gap(stores)
    assert found is not None
    assert gap is not None
    if not found.complete:
        t.complain(
            "I1", f"journals that have not told: {len(found.missing)} of {len(found.missing + found.told)}"
        )
    done = await repair(stores, gap, hold_until_ms=None, accept_loss=False)
    t.sometimes["forgotten calls were put back"] += done.attempts
    t.sometimes["forgotten opt-outs were put back"] += done.opt_outs
    await build_anew(stores)


async def _gap(stores: Stores) -> Gap | None:
    try:
        return await open_gap(stores.database)
    except Exception:  # Postgres is still coming back
        return None


def _with_their_folder(t: Trial) -> Stores:
    """An operator's process on the dialers' machine: the journals of dead ones are read by it."""
    settings = msgspec.structs.replace(t.stores.settings, data_dir=str(t.settings["data_dir"]))
    return dataclasses.replace(t.stores, settings=settings)
