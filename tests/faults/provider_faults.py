"""F20, F21 and C8: a provider that answers badly, and reports twice, late, in disorder, or never."""

from __future__ import annotations

from tests.faults.bed import Trial
from tests.faults.kinds import fault


def _answering(name: str) -> None:
    @fault("F20", name, needs=(f"provider: {name}",))
    async def script(t: Trial) -> None:
        await t.provider_faults(**{name: 0.3})
        await t.scheduler()
        await t.dialer()
        await t.quiet()
        for each, hits in (await t.provider_hits()).items():
            t.sometimes[f"provider: {each}"] += hits
        await t.provider_faults()


for _name in ("drop", "error", "slow", "garbage", "edge", "busy"):
    _answering(_name)


@fault("F21", "again and out of order", needs=("provider: again",), model={"swapped": 0.5, "duplicate": 0.5})
async def events_come_again_and_out_of_order(t: Trial) -> None:
    await t.provider_faults(again=0.6, forged=0.3)
    await t.scheduler()
    await t.dialer()
    await t.quiet()
    for each, hits in (await t.provider_hits()).items():
        t.sometimes[f"provider: {each}"] += hits
    await t.provider_faults()


@fault("F21", "never", needs=("unknown written off",), model={"lost": 0.3})
async def some_calls_are_never_reported_on(t: Trial) -> None:
    await t.scheduler()
    await t.dialer()
    await t.quiet()
    t.sometimes["unknown written off"] += await t.value(
        "SELECT count(*) FROM attempt WHERE outcome = 'unknown'"
    )
