"""Where a process may be made to fail, C1 to C11: put around the real functions, in the test process only.

C1   the wheel has executed a claim, its answer is not read
Y    claims in hand, their permits not asked for
C2   claimed, not armed: the permits are asked for
C3   the arm's COMMIT has gone out, its answer is not read
C4   armed, not sent
Z    the gate was asked for the last time, the bytes are about to leave
C5   a part of the request sent
C6   the request sent, its answer not read
C7   the provider's answer is read, not recorded
C9   events fetched, not committed
P    in a transaction with leads locked, the first half of a new statement sent
C10  outcomes committed, the wheel not told
C11  the wheel told, the provider not

C8, a call that nobody ever reports on, is the oracle's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakSet

import asyncpg
import msgspec

from dialer.providers.base import Action, MayLeave, PlaceResult, always
from dialer.providers.simulated_http import SimulatedHttpProvider
from dialer.sender import Sender
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import ServerUnavailable
from scheduler.flow import arm as arming
from scheduler.flow import settle as settling
from scheduler.ledger.statements import statement
from scheduler.wheel import TimingWheel
from tests.faults.clocks import OffsetClock

POINTS = ("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c9", "c10", "c11")


class Failure(msgspec.Struct):
    """At the `after`-th passing of `point`: kill, stop (until somebody continues it), block (the event loop,
    for `seconds`), lose (the answer: ServerUnavailable), step (the clock, by `seconds`)."""

    point: str
    action: str
    after: int = 1
    seconds: float = 1.5


class Failpoint:
    """Counts passings; at the right one it says `HIT <point>` through `say`, and fails."""

    def __init__(self, failure: Failure, say: Callable[[str], None], clock: OffsetClock) -> None:
        self._failure = failure
        self._left = failure.after
        self._say = say
        self._clock = clock

    def passed(self, point: str) -> None:
        if point != self._failure.point or self._left <= 0:
            return
        self._left -= 1
        if self._left:
            return
        self._say(f"HIT {point}")
        action = self._failure.action
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif action == "block":
            time.sleep(self._failure.seconds)
        elif action == "lose":
            raise ServerUnavailable("the answer was lost", "the test took it", "ask again")
        elif action == "step":
            self._clock.step(int(self._failure.seconds * SECOND))

    def is_next(self, point: str) -> bool:
        return point == self._failure.point and self._left == 1


def install(failpoint: Failpoint) -> None:
    """Put the failpoint around the functions of this process."""
    _around_claims(failpoint)
    _around_arms(failpoint)
    _around_settles(failpoint)
    _around_prepares(failpoint)


def _around_claims(failpoint: Failpoint) -> None:
    claim = TimingWheel.claim

    async def claimed(self: TimingWheel, *args: Any, **how: Any) -> Any:
        answer = await claim(self, *args, **how)
        if answer.claims:
            failpoint.passed("c1")
        return answer

    TimingWheel.claim = claimed  # type: ignore[method-assign]


def _around_arms(failpoint: Failpoint) -> None:
    arm = arming.arm
    arm_and_send = Sender.arm_and_send

    async def in_hand(self: Sender, *args: Any, **how: Any) -> int:
        failpoint.passed("y")
        return await arm_and_send(self, *args, **how)

    Sender.arm_and_send = in_hand  # type: ignore[method-assign]

    async def armed(*args: Any, **how: Any) -> Any:
        failpoint.passed("c2")
        result = await arm(*args, **how)
        if result.armed:
            failpoint.passed("c3")  # committed; what the caller hears is up to the failure
        return result

    _replace_everywhere(arm, armed)


def _around_settles(failpoint: Failpoint) -> None:
    settle = settling.settle
    on_wheel = TimingWheel.settle

    async def settled(*args: Any, **how: Any) -> Any:
        if args[3]:
            failpoint.passed("c9")
        answer = await settle(*args, **how)
        if answer.outcomes:
            failpoint.passed("c10")
        return answer

    async def told(self: TimingWheel, **how: Any) -> Any:
        answer = await on_wheel(self, **how)
        if how.get("ends"):
            failpoint.passed("c11")
        return answer

    _replace_everywhere(settle, settled)
    TimingWheel.settle = told  # type: ignore[method-assign]


def _around_prepares(failpoint: Failpoint) -> None:
    """asyncpg asks for the parts of a statement when it is new to the connection, and says what to fill
    them with when it knows."""
    get_statement = asyncpg.Connection._get_statement
    known: WeakSet[Any] = WeakSet()

    async def halfway(self: asyncpg.Connection, query: str, *args: Any, **how: Any) -> Any:
        answer = await get_statement(self, query, *args, **how)
        if query == statement("attempt_progress") and self not in known:
            known.add(self)
            failpoint.passed("p")
        return answer

    asyncpg.Connection._get_statement = halfway


class FailingProvider(SimulatedHttpProvider):
    """The provider's client with the failpoints of the send."""

    def __init__(self, url: str, http: Any, failpoint: Failpoint) -> None:
        super().__init__(url, http)
        self._url = url
        self._failpoint = failpoint

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        self._failpoint.passed("c4")
        may_leave = self._then_passes("z", may_leave)
        if self._failpoint.is_next("c5"):
            await self._send_a_part()
        self._failpoint.passed("c5")
        if self._failpoint.is_next("c6"):
            sending = asyncio.ensure_future(super().place(actions, now_ms, may_leave))
            await asyncio.wait({sending}, timeout=0.05)
            self._failpoint.passed("c6")
            return await sending
        self._failpoint.passed("c6")
        results = await super().place(actions, now_ms, may_leave)
        self._failpoint.passed("c7")
        return results

    def _then_passes(self, point: str, may_leave: MayLeave) -> MayLeave:
        def leaves() -> bool:
            said = may_leave()
            if said:
                self._failpoint.passed(point)
            return said

        return leaves

    async def _send_a_part(self) -> None:
        host, _, port = self._url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b'POST /sim/calls HTTP/1.1\r\nHost: sim\r\nContent-Length: 4000\r\n\r\n{"actions": [')
        await writer.drain()


def _replace_everywhere(function: Callable[..., Awaitable[Any]], by: Callable[..., Awaitable[Any]]) -> None:
    """Rebind every module's name for `function`: what was imported by name is reached as well."""
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()) if module is not None else ():
            if value is function:
                setattr(module, name, by)
