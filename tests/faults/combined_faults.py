"""F37: three faults by lot at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from tests.faults.bed import Trial
from tests.faults.kinds import fault
from tests.faults.proxy import Line


async def _kill_a_dialer(t: Trial) -> None:
    (await t.dialer()).kill()


async def _stop_a_dialer(t: Trial) -> None:
    dialer = await t.dialer()
    await asyncio.sleep(0.2)
    dialer.signal(signal.SIGSTOP)
    await asyncio.sleep(1.8)
    t.frozen_sends += 5
    dialer.signal(signal.SIGCONT)


async def _replace_the_scheduler(t: Trial) -> None:
    (await t.scheduler()).kill()
    await t.scheduler()


async def _wipe_valkey(t: Trial) -> None:
    redis = t.redis()
    await redis.flushall()
    await redis.aclose()


async def _stall_valkey(t: Trial) -> None:
    pid = t.bed.valkey.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(0.8)
    finally:
        os.kill(pid, signal.SIGCONT)


async def _cut_postgres(t: Trial) -> None:
    t.to_postgres.cut(reset=True)


async def _lose_replies(t: Trial) -> None:
    for proxy in (t.to_valkey, t.to_postgres, t.to_provider):
        proxy.line = Line(swallow_reply=t.dice.randrange(1, 20))


async def _answer_badly(t: Trial) -> None:
    await t.provider_faults(drop=0.2, error=0.2, linger=0.2, again=0.3, late=0.1)


DISTURBANCES: tuple[Callable[[Trial], Awaitable[None]], ...] = (
    _kill_a_dialer, _stop_a_dialer, _replace_the_scheduler, _wipe_valkey, _stall_valkey, _cut_postgres,
    _lose_replies, _answer_badly,
)  # fmt: skip


@fault("F37", needs=("three at once",), leads=30, weight=8)
async def three_faults_at_once(t: Trial) -> None:
    await t.scheduler()
    await t.dialer()
    await t.until_dials(1)

    async def later(disturb: Callable[[Trial], Awaitable[None]]) -> None:
        await asyncio.sleep(t.dice.random() * 0.8)
        await disturb(t)

    await asyncio.gather(*(later(each) for each in t.dice.sample(DISTURBANCES, 3)))
    t.hit("three at once")
