"""What became of attempts, on its way into the ledger: grouped for a few milliseconds, folded, committed.

Answers to sends and reports of the provider meet here. Nothing is acknowledged to the provider, and no lease
or call slot is given back on the wheel, before the commit. With the ledger away the group is tried again, and
what can wait on disk waits there: see `dialer/aside.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

import structlog

from dialer.aside import TRY_S, Aside
from dialer.news import Group, Sent
from dialer.providers.base import Provider, ProviderEvent
from dialer.refused import Refused
from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError, ServerUnavailable
from scheduler.flow.context import Flow
from scheduler.flow.settle import Settled, StoredEvent, settle
from scheduler.ledger.database import Database
from scheduler.metrics import Metrics
from scheduler.wheel import Release

__all__ = ["Recorder", "Sent"]

T = TypeVar("T")

log = structlog.get_logger()


class Recorder:
    """Collects news and commits it. One per dialer process; `flush` may also be called by hand.

    `lines` groups are committed side by side: while the ledger writes one, the next is folded and planned.
    News of one attempt in two of them is no trouble, as both lock its lead. `aside`: where news waits while
    the ledger is away; without it that is memory, and the provider.
    """

    def __init__(
        self,
        flow: Flow,
        ledger: Database,
        provider: Provider,
        clock: Clock,
        metrics: Metrics,
        *,
        group_commit_s: float,
        group_most: int = 250,
        lines: int = 2,
        aside: Aside | None = None,
    ) -> None:
        self._flow = flow
        self._ledger = ledger
        self._provider = provider
        self._clock = clock
        self._metrics = metrics
        self._group_commit_s = group_commit_s
        self._group_most = group_most
        self._lines = lines
        self._aside = aside
        self._refused = Refused(clock)
        self._sent: list[Sent] = []
        self._events: list[ProviderEvent] = []
        self._told: set[str] = set()  # events taken in and not acknowledged
        self._committing = 0
        self._news = asyncio.Event()
        self._events_taken = asyncio.Event()

    def sent(self, answers: list[Sent]) -> None:
        self._sent += answers
        self._news.set()

    def events(self, events: list[ProviderEvent]) -> int:
        """Take events in; answers how many are new here: each is handed out until it is acknowledged."""
        fresh = [event for event in events if event.event_id not in self._told]
        self._told.update(event.event_id for event in fresh)
        self._events += fresh
        if fresh:
            self._news.set()
            self._events_taken.clear()
        return len(fresh)

    async def events_taken(self, *, most_s: float) -> None:
        """Return when every event is in a group that is being committed, or after `most_s`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._events_taken.wait(), most_s)

    @property
    def waiting(self) -> int:
        """How much news is neither committed nor aside; without what the ledger refused a moment ago."""
        return len(self._sent) + len(self._events) + self._committing

    async def run(self, stop: asyncio.Event) -> None:
        """Commit groups until `stop` is set and nothing is left; what is aside by then waits for the next
        start."""
        tasks = [asyncio.create_task(self._line(stop)) for _ in range(self._lines)]
        helpers = []
        if self._aside is not None:
            helpers.append(asyncio.create_task(self._aside.keep_draining(self.drain, stop)))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in (*tasks, *helpers):
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            self._refused.leave()

    async def _line(self, stop: asyncio.Event) -> None:
        while True:
            self._try_refused_again()
            if not (self._sent or self._events):
                if stop.is_set():
                    return
                await self._wait_for_news(stop)
                continue
            await asyncio.sleep(self._group_commit_s)
            try:
                if self._aside is None or not self._aside.ledger_away:
                    await self.flush()
                    continue
            except DialwheelError as error:
                log.warning("news_not_committed", waiting=self.waiting, why=error.what)
            await self._put_aside()
            if stop.is_set():
                return
            await asyncio.sleep(TRY_S)

    async def drain(self) -> int:
        """Commit what is aside, in order; answers how much it was. Raises ServerUnavailable."""
        if self._aside is None:
            return 0
        return await self._aside.drain(self.commit, self._group_most, self._clock.now_ms())

    async def _wait_for_news(self, stop: asyncio.Event) -> None:
        self._news.clear()
        news = asyncio.ensure_future(self._news.wait())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait(
            {news, stopped}, timeout=self._refused.rest_s(), return_when=asyncio.FIRST_COMPLETED
        )
        news.cancel()
        stopped.cancel()

    def _try_refused_again(self) -> None:
        again = self._refused.due()
        self._sent[:0], self._events[:0] = again.sent, again.events

    async def flush(self) -> int:
        """Commit one group and tell provider and wheel. Answers how much news was committed.

        Raises ServerUnavailable with nothing lost: the group is still here.
        """
        self._try_refused_again()
        most = self._group_most
        group = Group(self._sent[:most], self._events[:most])
        del self._sent[:most], self._events[:most]
        if not self._events:
            self._events_taken.set()
        if group:
            await self._keeping(group, self.commit(group))
        return len(group)

    async def _put_aside(self) -> None:
        """What may be: from then on the provider need not keep it for us."""
        if self._aside is None:
            return
        group = self._aside.what_may(Group(self._sent, self._events))
        if not group:
            return
        ids = {event.event_id for event in group.events}
        self._sent, self._events = [], [each for each in self._events if each.event_id not in ids]
        try:
            if await self._keeping(group, self._aside.put(group, self._clock.now_ms())):
                await self._provider.acknowledge(list(ids))
                self._told -= ids
        except DialwheelError as error:
            log.warning("news_not_put_aside", waiting=self.waiting, why=error.what)

    async def _keeping(self, group: Group, work: Awaitable[T]) -> T:
        """The group is here again if `work` on it fails."""
        self._committing += len(group)
        try:
            return await work
        except BaseException:
            self._sent[:0], self._events[:0] = group.sent, group.events
            self._news.set()
            raise
        finally:
            self._committing -= len(group)

    async def commit(self, group: Group) -> set[int]:
        """Now, whatever else waits. News that the ledger refuses is left out, and tried again later: answers
        the attempts that it is of. Raises ServerUnavailable."""
        now_ms = self._clock.now_ms()
        try:
            settled = await settle(
                self._flow,
                self._ledger,
                group.reports(),
                [StoredEvent(e.event_id, e.attempt_id, e.kind, e.at_ms) for e in group.events],
                provider=self._provider.name,
                now_ms=now_ms,
            )
        except ServerUnavailable:
            raise
        except Exception as error:  # something in it that the ledger will not have
            return await self._commit_apart(group, error)
        self._refused.taken(group.attempt_ids())
        await self._tell_wheel(group.sent, settled, now_ms)
        await self._acknowledge(group)
        for outcome, count in Counter(settled.outcomes).items():
            self._metrics.attempt_ended(outcome, count)
        return set()

    async def _commit_apart(self, group: Group, error: Exception) -> set[int]:
        """Halve the group until what is refused stands alone: it is kept and tried again."""
        attempt_ids = group.attempt_ids()
        if len(attempt_ids) == 1:
            self._refused.keep(attempt_ids[0], group, error)
            self._news.set()
            return set(attempt_ids)
        middle = len(attempt_ids) // 2
        parts = (attempt_ids[:middle], attempt_ids[middle:])
        return set().union(*[await self.commit(group.of(set(part))) for part in parts])

    async def _acknowledge(self, group: Group) -> None:
        """What the provider does not hear it hands out once more: the ledger knows it by then."""
        event_ids = [event.event_id for event in group.events]
        try:
            await self._provider.acknowledge(event_ids)
        except DialwheelError as error:
            log.warning("events_not_acknowledged", events=len(event_ids), why=error.what)
        self._told.difference_update(event_ids)

    async def _tell_wheel(self, sent: list[Sent], settled: Settled, now_ms: Ms) -> None:
        releases = [Release(answer.claim, sent=answer.left) for answer in sent]
        placings = [p for p in settled.placings if self._flow.within_horizon(p.due_at_ms, now_ms)]
        try:
            await self._flow.wheel.settle(
                releases=releases,
                ends=settled.ends,
                placings=placings,
                now_ms=now_ms,
                wall_ms=self._clock.wall_ms(),
            )
        except DialwheelError as error:
            log.warning("wheel_not_settled", loops=len(releases) + len(placings), why=error.what)
