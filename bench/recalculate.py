"""`python -m bench recalculate`: a change of settings over a million loops, every layer real.

Leads come in as by `bench import` and wait for their first call; with `--called` each was called once, as by
`bench path`, and waits for the next. Then the account's hours change, and the job behind that plans every
loop anew. The change is in force when it has committed; the seconds are those until no loop is left that was
planned before it. Nobody is called meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import uvloop

from api.imports.pipeline import run_import
from api.imports.workers import ImportWorkers
from api.job_kinds import KINDS
from api.parts import Stores, open_stores, open_witness
from bench.cpu import cpu_s
from bench.import_rows import MONDAY_NOON_MS, a_file
from bench.path import all_settled, put_on_wheel
from bench.site import private_site
from scheduler.clock import ScaledClock
from scheduler.flow.impact import measure
from scheduler.flow.recalculate import KIND
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.dialing_settings import change_account, raise_versions
from scheduler.ledger.jobs import create_job, job
from scheduler.services.jobs import Jobs

DAYS = ("mon", "tue", "wed", "thu", "fri")


def run(loops: int, *, called: bool) -> dict[str, Any]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(loops, called))


async def _run(loops: int, called: bool) -> dict[str, Any]:
    """Two changes: one that moves some calls, and one that moves none (only its version is new)."""
    with private_site(import_workers=1, **({"batch_spread_s": 0} if called else {})) as site:
        clock = ScaledClock(MONDAY_NOON_MS, 1.0)
        async with open_stores(site.settings, clock, apply_migrations=True) as stores:
            account_id, agent_id = await _fill(stores, loops)
            if called:
                await _call_all(stores)
            narrower = {"windows": _week("10:00", "16:00")}
            servers = site.servers
            moved = await _change(stores, account_id, agent_id, narrower, servers)
            same = await _change(stores, account_id, agent_id, {"strict": True}, servers)
            return {
                "bench": "recalculate",
                "called": called,
                "loops": moved["loops"],
                "moving": moved,
                "not_moving": same,
            }


async def _call_all(stores: Stores) -> None:
    """Every lead that may be called by now has been, once."""
    async with (
        open_witness(stores) as witnessing,
        all_settled(stores, witnessing, await put_on_wheel(stores)),
        stores.database.connection() as connection,
    ):
        await connection.execute("VACUUM ANALYZE", timeout=300)


async def _fill(stores: Stores, loops: int) -> tuple[int, int]:
    now_ms = stores.clock.now_ms()
    account_id = await create_account(stores.database, name="bench", now_ms=now_ms)
    agent_id = await create_agent(
        stores.database,
        account_id=account_id,
        name="bench",
        auto_dialer={"strategy": "followup"},
        now_ms=now_ms,
    )

    async def report(_line: dict[str, Any]) -> None: ...

    crew = ImportWorkers(1)
    try:
        await run_import(
            stores.flow,
            account_id=account_id,
            agent_id=agent_id,
            batch="bench",
            chunks=a_file(loops, 0),
            clock=stores.clock,
            settings=stores.settings,
            report=report,
            consent="bench",
            workers=crew,
        )
    finally:
        crew.close()
    async with stores.database.connection() as connection:
        await connection.execute("VACUUM ANALYZE", timeout=300)
    return account_id, agent_id


async def _change(
    stores: Stores, account_id: int, agent_id: int, changes: dict[str, Any], servers: dict[str, int | None]
) -> dict[str, Any]:
    database, clock, now_ms = stores.database, stores.clock, stores.clock.now_ms()
    began_s = time.perf_counter()
    async with database.transaction() as on:
        await change_account(database, on, account_id, changes, now_ms)
        await raise_versions(database, on, account_id)
        job_id = await create_job(
            database, account_id=account_id, kind=KIND, args={"agent_ids": [agent_id]}, now_ms=now_ms, on=on
        )
    in_force_s = time.perf_counter() - began_s
    impact_s, impact = await _impact(stores, account_id, agent_id)
    cpu = {"process": time.process_time(), "postgres": cpu_s(servers["postgres"])}
    began_s = time.perf_counter()
    await Jobs(stores.flow, clock, stores.settings, KINDS).step(now_ms)
    seconds = time.perf_counter() - began_s
    done = await job(database, account_id, job_id)
    if done["status"] != "done" or await _outdated(stores):
        raise RuntimeError(f"the job is {done['status']}, {await _outdated(stores)} loops are outdated")
    return {
        "loops": done["done"],
        "in_force_ms": round(in_force_s * 1000, 1),
        "seconds": round(seconds, 2),
        "s_per_million": round(seconds / done["done"] * 1e6, 1),
        "loops_per_s": round(done["done"] / seconds),
        "cpu_s": {
            "process": round(time.process_time() - cpu["process"], 2),
            "postgres": round(cpu_s(servers["postgres"]) - cpu["postgres"], 2),
        },
        "impact_s": round(impact_s, 2),
        "impact": impact,
    }


async def _impact(stores: Stores, account_id: int, agent_id: int) -> tuple[float, dict[str, Any]]:
    agents = await stores.flow.policies.read([agent_id])
    began_s = time.perf_counter()
    found = await measure(
        stores.flow,
        account_id,
        agents,
        stores.clock.now_ms(),
        most=stores.settings.impact_loops,
    )
    return time.perf_counter() - began_s, {name: getattr(found, name) for name in found.__struct_fields__}


async def _outdated(stores: Stores) -> int:
    async with stores.database.connection() as connection:
        return await connection.fetchval(
            "SELECT count(*) FROM loop AS lo JOIN agent AS ag USING (agent_id)"
            " WHERE lo.next_at IS NOT NULL AND lo.policy_version <> ag.policy_version"
        )


def _week(start: str, end: str) -> dict[str, Any]:
    return {day: {"enabled": True, "ranges": [{"start": start, "end": end}]} for day in DAYS}
