"""C4, C6 and F20 with look-ups; F26: what nobody heard of, and clocks that are wrong."""

from __future__ import annotations

import asyncio
import signal

from tests.faults.bed import Trial
from tests.faults.failpoints import Failure
from tests.faults.kinds import fault


@fault("F20", "looked up", needs=("provider: drop", "provider: found"), model={"lost": 0.5})
async def a_look_up_finds_the_calls_whose_answer_was_lost(t: Trial) -> None:
    await t.provider_faults(drop=0.4, lag_s=0.3)
    await t.scheduler()
    await t.dialer()
    await t.quiet()


@fault("F2", "c4 looked up", needs=("killed at c4", "provider: absent"))
async def a_look_up_proves_that_a_dead_dialer_sent_nothing(t: Trial) -> None:
    await t.scheduler()
    dialer = await t.dialer(Failure("c4", "kill", 2))
    await dialer.fails()
    await dialer.gone()
    t.hit("killed at c4")
    await t.dialer()
    await t.quiet()


@fault("F3", "z looked up", needs=("stopped behind the gate", "provider: absent"))
async def a_send_that_stood_still_behind_the_gate_rings_nobody(t: Trial) -> None:
    """The worst case of a look-up: everybody is told that there was no call, and calls again. What then
    leaves arrives too late and is refused: not one late dial is allowed for."""
    await t.scheduler()
    dialer = await t.dialer(Failure("z", "stop", 2))
    await t.dialer()
    await dialer.fails()
    await asyncio.sleep(3.5)  # looked up, and called again
    t.sometimes["armed by another while it stood still"] += await t.value(
        "SELECT count(*) FROM (SELECT FROM arm GROUP BY attempt_id HAVING count(*) > 1) AS twice"
    )
    dialer.signal(signal.SIGCONT)
    t.hit("stopped behind the gate")
    await t.quiet()


@fault("F3", "testimony", needs=("an unknown was testified not sent",))
async def a_zombie_testifies_that_it_never_sent(t: Trial) -> None:
    """Nobody else can say: look-ups are not answered. What was unknown is called after all."""
    await t.provider_faults(blind=1.0)
    await t.scheduler()
    dialer = await t.dialer(Failure("c4", "stop", 2))
    await t.dialer()
    await dialer.fails()
    unknown: set[int] = set()  # on a busy machine others are as well, and stay so

    async def testified() -> int:
        rows = await t.rows("SELECT attempt_id FROM attempt WHERE state = 'unknown'")
        unknown.update(row["attempt_id"] for row in rows)
        return int(
            await t.value(
                "SELECT count(*) FROM attempt AS a WHERE attempt_id = ANY($1) AND (state = 'not_sent'"
                " OR (SELECT count(*) FROM arm WHERE arm.attempt_id = a.attempt_id) > 1)",
                list(unknown),
            )
        )

    await t.until(lambda: t.rows("SELECT FROM attempt WHERE state = 'unknown'"))
    dialer.signal(signal.SIGCONT)
    t.sometimes["an unknown was testified not sent"] += await t.until(testified)


@fault("F26", "a dialer's clock", needs=("a wrong clock armed nothing",))
async def a_dialer_whose_clock_is_wrong_calls_nobody(t: Trial) -> None:
    """Wrong by two seconds to a day, either way: it is found before the first permit."""
    skew_ms = t.dice.choice([2, 60, 3_600, 86_400]) * t.dice.choice([1_000, -1_000])
    await t.scheduler()
    await t.scheduler(skew_ms=-skew_ms)  # it would end everybody's leases and calls
    await t.dialer(skew_ms=skew_ms)
    await asyncio.sleep(1.0)
    if t.dials() == 0:
        t.hit("a wrong clock armed nothing")
    else:
        t.complain("I26", f"a dialer that was {skew_ms} ms off called")
    await t.dialer()
    await t.quiet()


@fault("F26", "drift", needs=("clocks drifted",))
async def clocks_that_differ_by_less_than_a_second_forbid_nothing(t: Trial) -> None:
    """I7 holds for what is not stopped."""
    await t.scheduler(skew_ms=t.dice.randrange(-400, 400))
    for _ in range(2):
        await t.dialer(skew_ms=t.dice.randrange(-400, 400))
    await t.quiet()
    t.hit("clocks drifted")


@fault("F20", "storm", needs=("a breaker opened", "a breaker closed"), leads=40, breaker_failures=5)
async def a_trunk_that_refuses_everything_is_left_alone(t: Trial) -> None:
    """Nobody's errors are counted, everybody is called once it is mended."""
    await t.provider_faults(busy=1.0)
    await t.scheduler()
    await t.dialer()
    await t.until(lambda: t.value("SELECT EXISTS (SELECT FROM breaker)"))
    t.hit("a breaker opened")
    if await t.value("SELECT count(*) FROM loop WHERE consecutive_errors > 0"):
        t.complain("I15", "errors of ours are counted as the leads'")
    await asyncio.sleep(1.0)
    await t.provider_faults()
    await t.until(lambda: t.value("SELECT NOT EXISTS (SELECT FROM breaker)"))
    t.hit("a breaker closed")
    await t.quiet()
