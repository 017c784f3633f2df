"""F20, F21 and C8: a provider that answers badly, and reports twice, late, in disorder, or never."""

from __future__ import annotations

import asyncio

from tests.faults.bed import Trial
from tests.faults.kinds import fault


def _answering(name: str) -> None:
    @fault("F20", name, needs=(f"provider: {name}",))
    async def script(t: Trial) -> None:
        await t.provider_faults(**{name: 0.3})
        await t.scheduler()
        await t.dialer()
        await t.quiet()


for _name in ("drop", "error", "slow", "garbage", "edge", "busy"):
    _answering(_name)


@fault("F21", "again and out of order", needs=("provider: again",), model={"swapped": 0.5, "duplicate": 0.5})
async def events_come_again_and_out_of_order(t: Trial) -> None:
    await t.provider_faults(again=0.6, forged=0.3)
    await t.scheduler()
    await t.dialer()
    await t.quiet()


@fault("F21", "late", needs=("provider: late", "late report amended an unknown"))
async def events_come_after_the_write_off(t: Trial) -> None:
    await t.provider_faults(late=0.3, late_s=5.0, blind=1.0)
    await t.scheduler()
    await t.dialer()
    await t.quiet()
    await t.provider_faults()
    await asyncio.sleep(5.5)


@fault("F21", "never", needs=("unknown written off",), model={"lost": 0.3})
async def some_calls_are_never_reported_on(t: Trial) -> None:
    await t.provider_faults(blind=1.0)
    await t.scheduler()
    await t.dialer()
    await t.quiet()


@fault("F21", "before the answer", needs=("provider: early",))
async def events_come_before_the_answer(t: Trial) -> None:
    await t.provider_faults(linger=1.0, linger_s=0.5)
    await t.scheduler()
    await t.dialer()
    await t.quiet()
