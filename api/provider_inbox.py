"""Reports that providers post: committed in groups with whatever else comes, answered once on disk.

The recorder is the dialer's own: what is told twice counts once, and a state never goes back. While the
ledger is away they wait in a spool like a dialer's, and are answered from there; but not what forbids calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from uuid import UUID, uuid5

import msgspec
import structlog

from api.early_reports import EarlyReports
from api.grouped import Grouped
from api.posted import Posted
from dialer.aside import Aside
from dialer.news import Group
from dialer.providers.base import ProviderEvent
from dialer.providers.webhook_wire import FINAL, Report, event_of, report_of
from dialer.recorder import Recorder
from scheduler.clock import Clock
from scheduler.errors import Overloaded, ServerUnavailable
from scheduler.flow.context import Flow
from scheduler.flow.settle import STOPPED
from scheduler.ledger import reports
from scheduler.ledger.database import Database
from scheduler.metrics import Metrics

log = structlog.get_logger()

MOST_WAITING = 10_000
"""Reports under way in a process: two seconds of what a ledger takes in."""

MOST_TOGETHER = 500
"""Reports that are put on disk, or brought in from there, at once."""

MOST_COMMITTED = 250
"""Reports that are committed at once: what they end is planned in one go, some 10 ms."""

LINES = 3
"""Groups under way where one is held up: all wait together for a lead that somebody keeps locked."""

ANSWER_WITHIN_S = 8.0
"""A provider that hears nothing for so long asks again; most give up after 15 s."""

Mean = Callable[[int, int, Report], Awaitable[None]]
"""What the conversation meant, of a call that is over: account, attempt, report."""

Stop = Callable[[int, str], Awaitable[None]]
"""Nobody calls that phone of the account any more; done when it is in force."""


class _Told(msgspec.Struct, frozen=True):
    """A report, as an event too. `noted`: what it says of the conversation is in force already."""

    event: ProviderEvent
    report: Report
    noted: bool = False

    @property
    def says(self) -> bool:
        """What the conversation meant."""
        said = self.report.disposition is not None or self.report.callback_at is not None
        return said and self.report.status in FINAL


class _Heard(msgspec.Struct, frozen=True):
    """What the ledger knew of a report's call; `kept`: it has the report now."""

    known: reports.Known
    kept: bool


class ProviderInbox:
    """Of one app and one provider. What the provider says of a conversation goes the ways that a person's
    word goes: `mean` and `stop`. `aside`: where reports wait while the ledger is away; without it, with the
    provider."""

    def __init__(
        self,
        flow: Flow,
        ledger: Database,
        clock: Clock,
        metrics: Metrics,
        *,
        provider: str,
        installation_id: UUID,
        group_commit_s: float,
        mean: Mean,
        stop: Stop,
        aside: Aside | None = None,
    ) -> None:
        self._flow = flow
        self._ledger = ledger
        self._clock = clock
        self._posted = Posted(provider)
        self._installation_id = installation_id
        self._mean = mean
        self._stop = stop
        self._aside = aside
        self._recorder = Recorder(flow, ledger, self._posted, clock, metrics, group_commit_s=group_commit_s)
        self._in = Grouped(self._hear, MOST_COMMITTED, pause_s=group_commit_s, lines=LINES)
        self._put = Grouped(self._put_aside, MOST_TOGETHER)
        self.early = EarlyReports(ledger, clock, flow.standing, self._take_now)

    async def take(self, attempt_id: int, report: Report) -> None:
        """Return when it is committed, and in force where it forbids calls; or when it waits on disk, which
        what forbids calls never does. Behind one that waits there all others go as well: in order.

        Raises Overloaded; ServerUnavailable when the ledger is away, or took too long, and the spool is full
        or the wheel away too: it may be committed still, and the same once more changes nothing.
        """
        aside = None if report.disposition in STOPPED else self._aside
        if aside is None or aside.empty:
            try:
                await self._take_now(attempt_id, report)
                return
            except Overloaded:
                raise
            except ServerUnavailable:
                if aside is None:
                    raise
        if len(self._put) >= MOST_WAITING:
            raise _too_many("the disk")
        if not await self._put.ask(self._event(attempt_id, report)):
            raise ServerUnavailable("the report cannot be kept", "ledger and wheel are away", "send it again")

    async def run(self, stop: asyncio.Event) -> None:
        """Commit what comes until `stop` is set; then what is left."""
        helpers = [asyncio.create_task(self.early.run())]
        if self._aside is not None:
            helpers.append(asyncio.create_task(self._aside.keep_draining(self._drain, stop)))
        try:
            await self._recorder.run(stop)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._in.at_rest()
            await self._put.at_rest()

    async def _take_now(self, attempt_id: int, report: Report) -> None:
        if len(self._in) >= MOST_WAITING:
            raise _too_many("the ledger")
        told = _Told(self._event(attempt_id, report), report)
        stops = report.disposition in STOPPED
        try:
            heard = await self._in.ask(told, within_s=ANSWER_WITHIN_S)
            if heard.kept and not stops and not told.says:
                return
            async with asyncio.timeout(ANSWER_WITHIN_S):
                kept = await self._heed(told, heard)
                if stops:
                    await self._end_calls(heard.known)
                    await self._keep_word(told, heard.known)
        except TimeoutError:
            kept = False
        if not kept:
            raise ServerUnavailable(
                "the report is not on disk yet", "the ledger is busy or away", "send it again"
            )

    async def _hear(self, told: Sequence[_Told]) -> list[_Heard]:
        """Of these reports those that are new, committed together: but not what the conversation meant of a
        call that is over, which is noted first. Raises ServerUnavailable."""
        known = await reports.known(
            self._ledger, self._posted.name, [(each.event.attempt_id, each.event.event_id) for each in told]
        )
        fresh: dict[str, ProviderEvent] = {}
        for each, of in zip(told, known, strict=True):
            if of.seen or not self._has_place(of):
                continue
            if of.state != "done" or each.noted or not each.says:
                fresh.setdefault(each.event.event_id, each.event)
        refused = await self._commit(list(fresh.values())) if fresh else set()
        return [
            _Heard(of, of.seen or (each.event.event_id in fresh and each.event.attempt_id not in refused))
            for each, of in zip(told, known, strict=True)
        ]

    async def _heed(self, told: _Told, heard: _Heard) -> bool:
        """What is to be done with a report besides; where its call is not known yet, it is kept. Answers
        whether the ledger has it."""
        known = heard.known
        if not heard.kept and not self._has_place(known):
            await self.early.keep(told.event.attempt_id, told.report)
            return True
        if not told.says or known.seen:
            return heard.kept
        if known.state == "done":
            await self._note(known, told)
            [heard] = await self._hear([msgspec.structs.replace(told, noted=True)])
        elif heard.kept:
            await self._note(known, told)  # unless somebody else has closed it meanwhile, that is in
        return heard.kept

    async def _end_calls(self, known: reports.Known) -> None:
        if known.phone is None and not self._has_place(known):
            raise ServerUnavailable(
                "the call is not known yet", "the ledger was put back to an earlier state", "send it again"
            )
        if known.account_id is not None and known.phone is not None:
            await self._stop(known.account_id, known.phone)

    async def _keep_word(self, told: _Told, known: reports.Known) -> None:
        """What made it a "stop" in the middle of the call: its end may not say so again."""
        said, attempt_id = told.report.disposition, told.event.attempt_id
        if said is None or told.report.status in FINAL or not self._has_place(known):
            return
        if not await reports.said_in_call(self._ledger, attempt_id, said):
            await self._note(known, told)

    def _has_place(self, known: reports.Known) -> bool:
        return known.account_id is not None and not self._flow.standing.quarantined

    async def _note(self, known: reports.Known, told: _Told) -> None:
        assert known.account_id is not None
        await self._mean(known.account_id, told.event.attempt_id, told.report)

    async def _commit(self, events: list[ProviderEvent]) -> set[int]:
        return await self._recorder.commit(Group([], events))

    def _event(self, attempt_id: int, report: Report) -> ProviderEvent:
        key = _key(self._installation_id, attempt_id)
        return event_of(report, attempt_id, key, self._clock.now_ms())

    async def _put_aside(self, events: list[ProviderEvent]) -> list[bool]:
        """Whether the provider may be told so. Raises ServerUnavailable when there is no room."""
        assert self._aside is not None
        may_tell = await self._aside.put(Group([], events), self._clock.now_ms())
        return [may_tell] * len(events)

    async def _drain(self) -> None:
        assert self._aside is not None
        await self._aside.drain(self._bring_in, MOST_TOGETHER, self._clock.now_ms())

    async def _bring_in(self, group: Group) -> None:
        """What waited on disk, in its order. Raises ServerUnavailable."""
        told = [_Told(event, report_of(event)) for event in group.events]
        try:
            for each, heard in zip(told, await self._hear(told), strict=True):
                await self._heed(each, heard)
        except ServerUnavailable:
            raise
        except Exception as error:  # one that cannot be digested: it stands in nobody else's way
            if len(told) > 1:
                for each in told:
                    await self._bring_in(Group([], [each.event]))
                return
            attempt_id = told[0].event.attempt_id
            log.error("spooled_report_not_taken", attempt_id=attempt_id, error=type(error).__name__)
            await self.early.keep(attempt_id, told[0].report)


@lru_cache(maxsize=10_000)
def _key(installation_id: UUID, attempt_id: int) -> UUID:
    return uuid5(installation_id, str(attempt_id))


def _too_many(what: str) -> Overloaded:
    return Overloaded(
        "too many reports come in at once", f"{MOST_WAITING} wait for {what}", "send it again later"
    )
