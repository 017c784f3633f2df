"""F23 to F25: opt-outs, pauses and closing time against dials under way."""

from __future__ import annotations

import asyncio
import signal
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

CLOSING = TUESDAY_2PM + 239 * MINUTE
"""17:59 in New York: the hours end at six, permits a minute before."""


@fault("F23", needs=("opted out", "opt-out met an armed attempt"), leads=60, weight=2)
async def opt_outs_race_dials(t: Trial) -> None:
    await t.scheduler()
    await t.dialer()
    await t.dialer()
    provider = SimulatedHttpProvider(t.oracle_url)

    async def hang_up(refs: list[str]) -> None:
        await provider.hang_up(refs, t.clock.now_ms())

    async def one(phone: str) -> None:
        await asyncio.sleep(t.dice.random() * 1.5)
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

    await asyncio.gather(*(one(phone) for phone in t.numbers))
    await provider.close()


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
    await stopped.says("HIT")
    await asyncio.sleep(max(0.0, (CLOSING - t.clock.now_ms()) / SECOND) + 0.5 * t.dice.random())
    stopped.signal(signal.SIGCONT)
    await asyncio.sleep(0.5)
    t.sometimes["the hours ended while leads waited"] += await t.value(
        "SELECT count(*) FROM loop WHERE status = 'scheduled'"
    )
