"""`python -m bench recalculate`: a change of settings over a million loops, every layer real.

Leads come in as by `bench import` and wait for their first call; with `--called` each was called once, as by
`bench path`, and waits for the next. Then the account's hours change, and the job behind that plans every
loop anew. The change is in force when it has committed; the seconds are those until no loop is left that was
planned before it. Nobody is called meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import uvloop

from api.imports.pipeline import run_import
from api.imports.workers import ImportWorkers
from api.job_kinds import KINDS
from api.parts import Stores, open_stores, open_witness
from bench.cpu import cpu_s
from bench.import_rows import MONDAY_NOON_MS, a_file
from bench.path import all_settled, enrol_backlog, put_on_wheel
from bench.site import private_site
from scheduler.clock import ScaledClock
from scheduler.flow.impact import measure
from scheduler.flow.recalculate import KIND
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.dialing_settings import change_account, raise_versions
from scheduler.ledger.jobs import create_job, job
from scheduler.services.jobs import Jobs

SHORTER = {"enabled": True, "ranges": [{"start": "10:00", "end": "16:00"}]}
CHANGES: dict[str, dict[str, Any]] = {
    "moving": {"windows": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), SHORTER)},
    "not_moving": {"strict": True},
}


def run(loops: int, *, called: bool) -> dict[str, Any]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(loops, called))


async def _run(loops: int, called: bool) -> dict[str, Any]:
    """Two changes: one that moves some calls, and one that moves none (only its version is new). Those of
    several accounts are made one after the other, and added up."""
    with private_site(import_workers=1) as site:
        clock = ScaledClock(MONDAY_NOON_MS, 1.0)
        async with open_stores(site.settings, clock, apply_migrations=True) as stores:
            agents = await (_call_all(stores, loops) if called else _fill(stores, loops))
            result: dict[str, Any] = {"bench": "recalculate", "called": called}
            for name, change in CHANGES.items():
                made = [
                    await _change(stores, account_id, agent_id, change, site.servers)
                    for account_id, agent_id in agents.items()
                ]
                result |= {"loops": sum(one["loops"] for one in made), name: _added(made)}
            return result


async def _call_all(stores: Stores, loops: int) -> dict[int, int]:
    """Every lead has been called once. Answers the agent of each account."""
    async with open_witness(stores) as witnessing:
        accounts = await enrol_backlog(stores, loops)
        async with all_settled(stores, witnessing, await put_on_wheel(stores)):
            pass
    async with stores.database.connection() as connection:
        await connection.execute("VACUUM ANALYZE", timeout=300)
        rows = await connection.fetch(
            "SELECT account_id, agent_id FROM agent WHERE account_id = ANY($1)", accounts
        )
    return {row["account_id"]: row["agent_id"] for row in rows}


async def _fill(stores: Stores, loops: int) -> dict[int, int]:
    """Leads of one account, which wait for their first call."""
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
    return {account_id: agent_id}


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
        "seconds": seconds,
        "cpu_s": {
            "process": time.process_time() - cpu["process"],
            "postgres": cpu_s(servers["postgres"]) - cpu["postgres"],
        },
        "impact_s": impact_s,
        "impact": impact,
    }


def _added(made: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The changes of all accounts: sums, but for the longest time until one was in force; the last impact."""
    loops, seconds = sum(one["loops"] for one in made), sum(one["seconds"] for one in made)
    return {
        "loops": loops,
        "in_force_ms": max(one["in_force_ms"] for one in made),
        "seconds": round(seconds, 2),
        "s_per_million": round(seconds / loops * 1e6, 1),
        "loops_per_s": round(loops / seconds),
        "cpu_s": {name: round(sum(one["cpu_s"][name] for one in made), 2) for name in made[0]["cpu_s"]},
        "impact_s": round(sum(one["impact_s"] for one in made), 2),
        "impact": made[-1]["impact"],
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
