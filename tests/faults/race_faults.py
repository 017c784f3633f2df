"""F19, F23 to F25: locks that many want; opt-outs, pauses and closing time against dials under way."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import Literal

from dialer.providers.simulated_http import SimulatedHttpProvider
from scheduler.domain.time import MINUTE, SECOND
from scheduler.errors import DialwheelError
from scheduler.flow.opt_out import opt_out
from scheduler.flow.pause import Scope, pause, resume
from tests.builders import ACTOR, TUESDAY_2PM
from tests.faults.bed import Trial
from tests.faults.failpoints import Failure
from tests.faults.kinds import fault
from tests.faults.proxy import Line

CLOSING = TUESDAY_2PM + 239 * MINUTE
"""17:59 in New York: the hours end at six, permits a minute before."""


@fault("F23", needs=("opted out", "opt-out met an armed attempt"), leads=60, weight=2)
async def opt_outs_race_dials(t: Trial) -> None:
    """On a line to the provider as slow as real ones: permits are out for a tenth of a second."""
    t.to_provider.line = Line(delay_s=0.03, jitter_s=0.04)
    await t.scheduler()
    await t.dialer()
    await t.dialer()
    provider = SimulatedHttpProvider(t.oracle_url)

    async def hang_up(refs: list[str]) -> None:
        await provider.hang_up(refs, t.clock.now_ms())

    async def one(phone: str) -> None:
        await asyncio.sleep(t.dice.random())
        armed = await t.value(
            "SELECT count(*) FROM attempt AS a JOIN lead AS le USING (lead_id)"
            " WHERE le.phone = $1 AND a.state = 'armed'",
            phone,
        )
        try:
            await opt_out(
                t.stores.flow, t.clock, hang_up, account_id=t.account_id, phone=phone, reason="asked",
                source="test", actor=ACTOR, permit_s=t.settings["permit_s"],
            )  # fmt: skip
        except DialwheelError:
            return  # nothing was promised
        t.acks.opted_out[phone] = t.clock.now_ms()
        t.hit("opted out")
        if armed:
            t.hit("opt-out met an armed attempt")

    await t.until_dials(1)  # on a busy machine the dialers need longer to start than the opt-outs last
    await asyncio.gather(*(one(phone) for phone in t.numbers))
    await provider.close()


@fault("F19", needs=("a deadlock was broken", "locks were held for long"), leads=40)
async def locks_are_wanted_by_many(t: Trial) -> None:
    """Somebody locks leads in the wrong order and for long while they are armed, settled, imported again and
    opted out: Postgres ends one of two that wait for each other, whichever it likes."""
    await t.scheduler()
    for _ in range(2):
        await t.dialer()
    stop = asyncio.Event()
    leads = [row["lead_id"] for row in await t.rows("SELECT lead_id FROM lead")]

    async def in_the_way() -> None:
        while not stop.is_set():
            try:
                async with t.stores.database.transaction() as on:
                    await on.execute("SET LOCAL deadlock_timeout = '20 ms'")
                    for lead_id in sorted(t.dice.sample(leads, 12), reverse=True):
                        await on.execute("SELECT FROM lead WHERE lead_id = $1 FOR UPDATE", lead_id)
                    t.hit("locks were held for long")
                    await asyncio.sleep(0.1 * t.dice.random())
            except Exception:
                await asyncio.sleep(0.02)  # it was the one that was ended

    async def again() -> None:
        while not stop.is_set():
            with suppress(DialwheelError):
                await t.enrol_phones(t.dice.sample(t.numbers, 20))
            await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(each()) for each in (in_the_way, in_the_way, in_the_way, again, again)]
    try:
        await t.until_dials(8)
        await asyncio.sleep(1.0)
    finally:
        stop.set()
        await asyncio.gather(*tasks)
    t.sometimes["a deadlock was broken"] += await t.value(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )


def _pausing(kind: Literal["account", "agent"]) -> None:
    @fault("F24", f"pause of the {kind}", needs=("paused",), leads=40)
    async def script(t: Trial) -> None:
        await t.scheduler()
        await t.dialer()
        await t.dialer()
        scope = Scope(kind, t.account_id, t.account_id if kind == "account" else t.agent_id)
        for _ in range(2):
            await t.until_dials(t.dials() + t.dice.randrange(1, 8))
            await pause(
                t.stores.flow, t.clock, scope, reason="test", actor=ACTOR, permit_s=t.settings["permit_s"]
            )
            since_ms = t.clock.now_ms()
            await asyncio.sleep(0.2 + 0.4 * t.dice.random())
            t.acks.paused.append((since_ms, t.clock.now_ms()))
            await resume(t.stores.flow, t.clock, scope, spread_over_s=1, actor=ACTOR)
            t.hit("paused")


_pausing("account")
_pausing("agent")


@fault(
    "F25", needs=("the hours ended while leads waited",), leads=60, start_ms=CLOSING - 5 * SECOND,
    early_ms=10 * MINUTE, weight=2,
    account={"max_concurrent": 8, "max_dials_per_s": 12},
)  # fmt: skip
async def the_hours_end_while_leads_wait(t: Trial) -> None:
    """One dialer stands still over the end with claims in hand, the other goes on."""
    await t.scheduler()
    stopped = await t.dialer(Failure(t.dice.choice(("c1", "c2", "c3")), "stop", t.dice.randrange(1, 4)))
    await t.dialer()
    await stopped.fails()
    await asyncio.sleep(max(0.0, (CLOSING - t.clock.now_ms()) / SECOND) + 0.5 * t.dice.random())
    stopped.signal(signal.SIGCONT)
    await asyncio.sleep(0.5)
    t.sometimes["the hours ended while leads waited"] += await t.value(
        "SELECT count(*) FROM loop WHERE status = 'scheduled'"
    )


@fault(
    "F25",
    "claims in hand",
    needs=("arm refused: closed",),
    start_ms=CLOSING - 20 * SECOND,
    early_ms=10 * MINUTE,
)
async def the_hours_end_under_a_dialers_claims(t: Trial) -> None:
    """It stands still over the end, and there is nobody else."""
    await t.scheduler()
    dialer = await t.dialer(Failure("y", "stop", 1))
    await dialer.fails()
    await asyncio.sleep(max(0.0, (CLOSING - t.clock.now_ms()) / SECOND) + 0.05)
    dialer.signal(signal.SIGCONT)
    await t.quiet()
