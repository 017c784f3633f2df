"""`wheel rebuild` and `wheel reshard`: the wheel built anew from the ledger, also while all parts run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from api.cli.exits import OK
from api.cli.import_words import grouped
from api.cli.runfile import read_run
from api.cli.session import Progress, Session
from scheduler.errors import Refused, ServerUnavailable, UsageError

T = TypeVar("T")

WAIT_S = 60.0
"""How long another rebuild is waited for."""


def rebuild_wheel(session: Session, shard: int | None) -> int:
    """Wipe the shards and build them anew; claims are refused until each is whole."""
    done = with_stores(session, lambda stores: _rebuild(session, stores, shard))
    total = sum(one["loops"] for one in done)
    session.answer(
        {"shards": done, "loops": total},
        [
            f"  shard {one['shard']}  {grouped(one['loops'])} loops placed in {one['seconds']:.1f} s"
            for one in done
        ],
        plain=[(one["shard"], one["loops"], one["seconds"]) for one in done],
    )
    return OK


def reshard_wheel(session: Session, shards: int) -> int:
    """Spread the accounts over another number of shards."""
    if not 1 <= shards <= 1024:
        raise UsageError(
            f"{shards} is no number of shards", "there may be 1 to 1024", "dialwheel wheel reshard --shards 4"
        )
    done = with_stores(session, lambda stores: _reshard(session, stores, shards))
    session.answer(
        done,
        [
            f"  {grouped(done['lanes'])} lanes over {shards} shards, {grouped(done['loops'])} loops placed.",
            f"  Set DIALWHEEL_SHARDS={shards} (or shards in dialwheel.toml) and start every part again.",
        ],
        plain=done.items(),
    )
    return OK


async def _rebuild(session: Session, stores: Any, shard: int | None) -> list[dict[str, Any]]:
    from scheduler.services.calendars import Calendars
    from scheduler.services.rebuild import rebuild

    shards = range(stores.settings.shards)
    if shard is not None and shard not in shards:
        raise UsageError(
            f"no shard {shard}", f"there are {len(shards)}, counted from 0", "dialwheel wheel rebuild"
        )
    wanted = list(shards) if shard is None else [shard]
    impact = await _impact(stores, wanted)
    which = f"shard {wanted[0]}" if len(wanted) == 1 else f"{len(wanted)} shards"
    confirm(
        session,
        f"Wipe {which} of the wheel and build it anew: {_words(impact)}. Nothing is claimed meanwhile.",
        "the wheel is as it was",
    )
    flow, now_ms = stores.flow, stores.clock.now_ms()
    await Calendars(flow).step(now_ms)  # lanes are shaped with the hours they have now
    progress, done = Progress(session), []
    for shard in wanted:
        began_s = time.monotonic()

        async def build(shard: int = shard) -> int | None:
            return await rebuild(
                flow, shard, now_ms, new_id=uuid4, call_ms=stores.settings.call_ms, whole_too=True
            )

        while (placed := await _watched(build(), stores, [shard], impact[shard][0], progress)) is None:
            if time.monotonic() - began_s > WAIT_S:
                raise Refused(
                    "state-conflict",
                    f"shard {shard} was not rebuilt",
                    f"another process has been rebuilding for {WAIT_S:.0f} s",
                    "see: dialwheel wheel",
                )
            await asyncio.sleep(0.2)
        done.append({"shard": shard, "loops": placed, "seconds": round(time.monotonic() - began_s, 2)})
    progress.clear()
    return done


async def _reshard(session: Session, stores: Any, shards: int) -> dict[str, Any]:
    from scheduler.services.calendars import Calendars
    from scheduler.services.reshard import reshard

    before = stores.settings.shards
    impact = await _impact(stores, range(before))
    confirm(
        session,
        f"Spread the accounts over {shards} shards instead of {before}; the wheel is built anew:"
        f" {_words(impact)}. Parts that run with another number claim nothing until they are started again.",
        "the shards are as they were",
    )
    flow, now_ms, progress = stores.flow, stores.clock.now_ms(), Progress(session)
    work = reshard(flow, shards, now_ms, new_id=uuid4, call_ms=stores.settings.call_ms)
    done = await _watched(work, stores, range(shards), sum(loops for loops, _ in impact.values()), progress)
    progress.clear()
    await Calendars(flow).step(now_ms)  # closed lanes are closed on their new shards, too
    return {"shards": done.shards, "lanes": done.lanes, "loops": done.loops}


async def _watched(
    work: Coroutine[Any, Any, T], stores: Any, shards: Iterable[int], expected: int, progress: Progress
) -> T:
    """The answer of `work`; what is on these shards by then is shown while it goes on."""
    task = asyncio.create_task(work)
    while not task.done():
        await asyncio.wait({task}, timeout=0.25)
        if not task.done():
            now_ms, there = stores.clock.now_ms(), [n for n in shards if n < stores.wheel.shards]
            placed = sum([(await stores.wheel.counts(shard, now_ms)).waiting for shard in there])
            progress.show(f"  {grouped(placed)}/{grouped(expected)} loops placed")
    return task.result()


async def _impact(stores: Any, shards: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Of each shard: loops that belong on it, and calls under way."""
    from scheduler.ledger.instants import to_datetime

    until = to_datetime(stores.clock.now_ms()) + timedelta(milliseconds=stores.flow.horizon_ms)
    rows = await stores.database.fetch("wheel_impact", until)
    found = {row["shard"]: (row["loops"], row["calls"]) for row in rows}
    return {shard: found.get(shard, (0, 0)) for shard in shards}


def _words(impact: dict[int, tuple[int, int]]) -> str:
    loops, calls = (sum(column) for column in zip(*impact.values(), strict=True))
    return f"{grouped(loops)} loops due within the horizon, {grouped(calls)} calls under way"


def confirm(session: Session, impact: str, otherwise: str) -> None:
    if not session.ask(f"{impact} Go on? [y/N]"):
        raise Refused("state-conflict", "nothing was done", f"the answer was no; {otherwise}")


def with_stores(session: Session, work: Callable[[Any], Awaitable[T]]) -> T:
    """Run `work` on the servers that settings name, or those of the `up` that runs in the data directory, or
    its private ones, started for the moment. Raises ServerUnavailable where there are none."""
    from scheduler.logs import set_up_logs

    set_up_logs("warning", session.settings.log_format)
    settings = session.settings
    run = read_run(settings.data_path)
    servers = run.servers if run is not None else {}
    settings = msgspec.structs.replace(
        settings,
        postgres_url=settings.postgres_url or servers.get("postgres", ""),
        redis_url=settings.redis_url or servers.get("redis", ""),
    )
    if settings.postgres_url and settings.redis_url:
        return asyncio.run(_work(settings, work))
    if not settings.postgres_url and not (settings.data_path / "postgres").exists():
        raise ServerUnavailable(
            "there is no wheel here", f"nothing is in {settings.data_path}", "start one with: dialwheel up"
        )
    from api.embedded import EmbeddedStack

    private = EmbeddedStack(
        settings.data_path, postgres=not settings.postgres_url, valkey=not settings.redis_url
    )
    with private:
        settings = msgspec.structs.replace(
            settings,
            postgres_url=private.postgres.url if private.postgres else settings.postgres_url,
            redis_url=private.valkey.url if private.valkey else settings.redis_url,
        )
        return asyncio.run(_work(settings, work))


async def _work(settings: Any, work: Callable[[Any], Awaitable[T]]) -> T:
    """With as many shards as the ledger has, whatever the setting says."""
    from api.parts import open_stores
    from scheduler.clock import RealClock

    async with open_stores(settings, RealClock(), apply_migrations=False, any_shards=True) as stores:
        if stores.installation.simulated_at_ms is not None:
            raise Refused(
                "state-conflict",
                "this ledger is played on a simulated clock",
                "only the demo that plays it knows what time it is there",
                "the demo rebuilds its wheel by itself when it is started",
            )
        return await work(stores)
