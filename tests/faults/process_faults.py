"""F1 to F4, F22, F28, F33, F35, F36: processes that die, stand still, hang, come in numbers, are replaced."""

from __future__ import annotations

import asyncio
import signal

from tests.faults.bed import Trial
from tests.faults.failpoints import Failure
from tests.faults.kinds import fault

POINTS = {"c1": 2, "c2": 2, "c3": 2, "c4": 2, "c5": 2, "c6": 2, "c7": 2, "c9": 2, "c10": 2, "c11": 2}
"""Passings after which a point fails: there is something under way by then."""

BEHIND_THE_GATE = ("c4", "c5")
"""What stands still here sends late, which nothing can close: such dials are counted, not hidden."""


@fault("F1", "dialer", needs=("killed",), weight=3)
async def a_dialer_is_killed_at_a_random_moment(t: Trial) -> None:
    await t.scheduler()
    for _ in range(2):
        dialer = await t.dialer()
        await t.until_dials(t.dials() + t.dice.randrange(1, 6))
        await asyncio.sleep(t.dice.random() * 0.05)
        dialer.kill()
        t.hit("killed")


@fault("F1", "scheduler", needs=("scheduler killed",))
async def a_scheduler_is_killed_at_a_random_moment(t: Trial) -> None:
    scheduler = await t.scheduler()
    await t.dialer()
    await t.until_dials(t.dice.randrange(1, 8))
    scheduler.kill()
    t.hit("scheduler killed")


def _at_points(action: str) -> None:
    for point, after in POINTS.items():

        async def script(t: Trial, point: str = point, after: int = after) -> None:
            await t.scheduler()
            dialer = await t.dialer(Failure(point, action, after))
            other = await t.dialer()
            await dialer.fails()
            if action == "kill":
                await dialer.gone()
                t.hit(f"killed at {point}")
                return
            await asyncio.sleep(2.0 + t.dice.random())  # beyond two leases
            if action == "stop":
                t.frozen_sends += 5 * (point in BEHIND_THE_GATE)
                dialer.signal(signal.SIGCONT)
                t.hit(f"stopped at {point}")
            else:
                t.frozen_sends += 5 * (point in BEHIND_THE_GATE)
                t.hit(f"blocked at {point}")
            assert other.alive

        done = {"kill": "killed", "stop": "stopped", "block": "blocked"}[action]
        number = {"kill": "F2", "stop": "F3", "block": "F4"}[action]
        fault(number, point, needs=(f"{done} at {point}",))(script)


_at_points("kill")
_at_points("stop")
_at_points("block")


@fault("F3", "y", needs=("stopped at y",), model={"time_scale": 0.03})
async def a_zombie_asks_for_permits_that_another_has(t: Trial) -> None:
    await t.scheduler()
    dialer = await t.dialer(Failure("y", "stop", 2))
    await t.dialer()
    await dialer.fails()
    await asyncio.sleep(1.5 + 0.5 * t.dice.random())  # its claims are another's by now
    dialer.signal(signal.SIGCONT)
    t.hit("stopped at y")


def _reports_cut_off(point: str, when: str) -> None:
    """Who takes the provider's reports in dies: what was not committed is told again, what was is known."""

    @fault("F22", f"{when} the commit", needs=(f"taker killed {when} the commit",))
    async def script(t: Trial) -> None:
        await t.scheduler()
        for _ in range(2):
            dialer = await t.dialer(Failure(point, "kill", t.dice.randrange(1, 4)))
            await dialer.fails()
            await dialer.gone()
            t.hit(f"taker killed {when} the commit")


_reports_cut_off("c9", "before")
_reports_cut_off("c11", "after")


@fault("F3", "half a statement", needs=("stopped in a statement", "frozen sessions cut"))
async def a_zombie_holds_rows_in_the_middle_of_a_statement(t: Trial) -> None:
    """All comes to rest without it; when it comes back it finds that its session is over."""
    await t.scheduler()
    dialer = await t.dialer(Failure("p", "stop"))
    await t.dialer()
    await dialer.fails()
    t.frozen_sends += 5  # it may have stopped between gate and send
    t.hit("stopped in a statement")
    await t.quiet()
    dialer.signal(signal.SIGCONT)


@fault("F3", "random", needs=("stopped",), weight=2)
async def a_dialer_stands_still_for_two_leases(t: Trial) -> None:
    await t.scheduler()
    dialer, _ = await t.dialer(), await t.dialer()
    await t.until_dials(t.dice.randrange(1, 10))
    await asyncio.sleep(t.dice.random() * 0.03)
    dialer.signal(signal.SIGSTOP)
    await asyncio.sleep(1.7 + t.dice.random())
    t.frozen_sends += 5  # it may have stopped between gate and send
    dialer.signal(signal.SIGCONT)
    t.hit("stopped")


@fault("F28", needs=("many at once",))
async def schedulers_and_dialers_start_together(t: Trial) -> None:
    how_many = t.dice.randrange(2, 6)
    await asyncio.gather(*(t.scheduler() for _ in range(how_many)), *(t.dialer() for _ in range(2)))
    redis = t.redis()
    await redis.flushall()
    await redis.aclose()
    t.hit("many at once")


@fault("F33", "cap 1", needs=("cap was full",), leads=8, account={"max_concurrent": 1})
async def many_dialers_share_one_line(t: Trial) -> None:
    await _full_cap(t)


@fault("F33", "cap 2", needs=("cap was full",), leads=12, account={"max_concurrent": 2})
async def many_dialers_share_two_lines(t: Trial) -> None:
    await _full_cap(t)


async def _full_cap(t: Trial) -> None:
    await t.scheduler()
    dialers = [await t.dialer() for _ in range(4)]
    await t.until_dials(3)
    dialers[0].kill()
    t.hit("cap was full")


@fault("F35", needs=("replaced",))
async def dialers_are_replaced_one_after_the_other(t: Trial) -> None:
    await t.scheduler()
    dialers = [await t.dialer(), await t.dialer()]
    for old in dialers:
        await t.until_dials(t.dials() + 2)
        await t.dialer()
        old.signal(signal.SIGTERM)
        await old.gone()
        t.hit("replaced")
        if old.said[-1] != "BYE":
            t.complain("I16", "a dialer did not end in good order when it was told to")


@fault("F36", "files", needs=("no more files",))
async def a_dialer_may_open_nothing_more(t: Trial) -> None:
    await t.scheduler()
    poor, _ = await t.dialer(no_more_files=True), await t.dialer()
    await t.until_dials(3)
    t.to_postgres.cut()
    t.to_valkey.cut()
    await asyncio.sleep(1.0 + t.dice.random())
    t.hit("no more files")
    poor.kill()
