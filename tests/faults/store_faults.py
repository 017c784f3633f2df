"""F5, F6, F9 to F11, F14 to F16, F29: stores that die, forget, stall, lose answers, and are cut off."""

from __future__ import annotations

import asyncio
import os
import signal

from tests.faults.bed import Trial
from tests.faults.failpoints import Failure
from tests.faults.kinds import fault
from tests.faults.proxy import Line, Proxy

EPOCH = "{dw:0}:epoch"


async def _under_load(t: Trial, dialers: int = 2) -> None:
    await t.scheduler()
    for _ in range(dialers):
        await t.dialer()
    await t.until_dials(t.dice.randrange(1, 6))
    await asyncio.sleep(t.dice.random() * 0.1)


@fault("F5", needs=("valkey killed",))
async def valkey_is_killed_and_comes_back_with_its_file(t: Trial) -> None:
    await _under_load(t)
    await t.kill_server(t.bed.valkey)
    t.hit("valkey killed")
    await asyncio.sleep(t.dice.random() * 0.5)
    await asyncio.to_thread(t.bed.valkey.start)


@fault("F7", "last writes lost", needs=("acknowledged writes lost",), weight=2)
async def valkey_comes_back_without_its_last_writes(t: Trial) -> None:
    """As after a failover to a replica that was behind: writes that were acknowledged never happened. What is
    older than this trial does not come back: it is another ledger's."""
    [log] = (t.bed.folder / "vk" / "appendonlydir").glob("*.incr.aof")
    began = log.stat().st_size
    await _under_load(t)
    await t.kill_server(t.bed.valkey)
    size = log.stat().st_size
    lost = min(size - began, t.dice.randrange(200, 30_000))
    os.truncate(log, size - lost)  # a command cut in half at the end is left out on loading
    t.sometimes["acknowledged writes lost"] += lost > 0
    await asyncio.to_thread(t.bed.valkey.start)


@fault("F7", "epoch", needs=("the epoch went back",), leads=40)
async def valkey_comes_back_with_an_epoch_of_before(t: Trial) -> None:
    """The wheel was lost and rebuilt; then its server comes back as it was before that."""
    await _under_load(t)
    redis = t.redis()
    [log] = (t.bed.folder / "vk" / "appendonlydir").glob("*.incr.aof")
    before, size = await redis.get(EPOCH), log.stat().st_size
    await redis.flushall()

    async def rebuilt() -> bool:
        return await redis.get(EPOCH) not in (None, before)

    await t.until(rebuilt)
    await asyncio.sleep(0.5 * t.dice.random())
    await redis.aclose()
    await t.kill_server(t.bed.valkey)
    os.truncate(log, size)
    await asyncio.to_thread(t.bed.valkey.start)
    redis = t.redis()
    t.sometimes["the epoch went back"] += await redis.get(EPOCH) == before
    await redis.aclose()


@fault("F6", "wiped", needs=("valkey wiped",), weight=2)
async def valkey_is_wiped(t: Trial) -> None:
    await _under_load(t)
    redis = t.redis()
    await redis.flushall()
    t.hit("valkey wiped")
    if t.dice.random() < 0.5:  # in the middle of the rebuild
        await asyncio.sleep(t.dice.random() * 0.3)
        await redis.flushall()
        t.hit("valkey wiped twice")
    await redis.aclose()


@fault("F9", "stopped", needs=("valkey stalled",))
async def valkey_stands_still(t: Trial) -> None:
    await _under_load(t)
    pid = t.bed.valkey.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(0.1 + 1.9 * t.dice.random())
    finally:
        os.kill(pid, signal.SIGCONT)
    t.hit("valkey stalled")


@fault("F11", needs=("scripts flushed",))
async def valkey_forgets_its_scripts(t: Trial) -> None:
    await _under_load(t)
    redis = t.redis()
    for _ in range(10):
        await redis.script_flush()
        await asyncio.sleep(0.05)
    await redis.aclose()
    t.hit("scripts flushed")


def _swallowing(name: str) -> None:
    async def script(t: Trial) -> None:
        proxy: Proxy = getattr(t, f"to_{name}")
        await t.scheduler()
        await t.dialer()
        for _ in range(3):
            before = proxy.hits
            proxy.line = Line(swallow_reply=t.dice.randrange(1, 30))
            for _ in range(100):
                if proxy.hits > before:
                    t.hit(f"reply of {name} lost")
                    break
                await asyncio.sleep(0.02)

    fault("F15" if name == "postgres" else "F10", name, needs=(f"reply of {name} lost",), weight=2)(script)


for _name in ("valkey", "postgres", "provider"):
    _swallowing(_name)


@fault("F15", "commit of an arm", needs=("commit in doubt",))
async def the_answer_to_the_arms_commit_is_lost(t: Trial) -> None:
    await t.scheduler()
    dialer = await t.dialer(Failure("c3", "lose", t.dice.randrange(1, 4)))
    await dialer.fails()
    t.hit("commit in doubt")


@fault("F14", "postmaster", needs=("postgres killed",))
async def postgres_is_killed_and_started(t: Trial) -> None:
    await _under_load(t)
    await t.kill_server(t.bed.postgres)
    t.hit("postgres killed")
    await asyncio.sleep(t.dice.random() * 0.5)
    await asyncio.to_thread(t.bed.postgres.start)


@fault("F14", "backends", needs=("backends ended",))
async def postgres_loses_its_sessions(t: Trial) -> None:
    await _under_load(t)
    for _ in range(3):
        ended = await t.value(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        if ended:
            t.hit("backends ended")
        await asyncio.sleep(0.1)


@fault("F16", needs=("postgres away",), leads=40)
async def postgres_is_away_while_calls_are_reported(t: Trial) -> None:
    await _under_load(t)
    t.to_postgres.line = Line(refuse=True)
    t.to_postgres.cut(reset=True)
    await t.permits_over()
    dials = t.dials()
    await asyncio.sleep(2.0)
    if t.dials() > dials:
        t.complain("I2", f"{t.dials() - dials} dials while the ledger was away")
    t.hit("postgres away")
    t.to_postgres.heal()


def _cut(name: str) -> None:
    @fault("F29", name, needs=(f"line to {name} cut",))
    async def script(t: Trial) -> None:
        proxy: Proxy = getattr(t, f"to_{name}")
        await _under_load(t)
        how = t.dice.choice(("flap", "up", "down", "both"))
        if how == "flap":
            for _ in range(5):
                proxy.cut(reset=t.dice.random() < 0.5)
                await asyncio.sleep(0.1 * t.dice.random())
        else:
            proxy.line = Line(hole_up=how != "down", hole_down=how != "up")
            await asyncio.sleep(1.0 + t.dice.random())
            proxy.heal()
            proxy.cut(reset=True)  # what was swallowed is not missed for ever
        t.hit(f"line to {name} cut")


for _name in ("valkey", "postgres", "provider"):
    _cut(_name)
