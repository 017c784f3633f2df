"""What became of attempts, on its way into the ledger: grouped for a few milliseconds, folded, committed.

Answers to sends and reports of the provider meet here. Nothing is acknowledged to the provider, and no lease
or call slot is given back on the wheel, before the commit. With the ledger away the group is kept and tried
again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from uuid import UUID

import msgspec
import structlog

from dialer.providers.base import Accepted, NotDialled, PlaceResult, Provider, ProviderEvent
from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.flow.settle import Report, Settled, StoredEvent, settle
from scheduler.ledger.database import Database
from scheduler.metrics import Metrics
from scheduler.wheel import Claim, Release

log = structlog.get_logger()

RANK = {"armed": 0, "unknown": 1, "accepted": 2, "ringing": 3, "in_call": 4}
STATE_OF_EVENT = {"queued": "accepted", "initiated": "accepted", "ringing": "ringing", "answered": "in_call"}
REFUSED_PAUSE_MS: Ms = 60 * SECOND
"""How long a loop waits after the provider said it will not dial, unless the provider says otherwise."""


class Sent(msgspec.Struct, frozen=True):
    """The answer to one send. `result` None: the gate was shut and nothing was sent."""

    claim: Claim
    attempt_id: int
    permit: UUID
    at_ms: Ms
    result: PlaceResult | None


class Group(msgspec.Struct):
    """News that is committed together."""

    sent: list[Sent]
    events: list[ProviderEvent]
    reports: list[Report]

    def __len__(self) -> int:
        return len(self.sent) + len(self.events) + len(self.reports)

    def attempt_ids(self) -> list[int]:
        ids = [answer.attempt_id for answer in self.sent]
        ids += [event.attempt_id for event in self.events]
        ids += [report.attempt_id for report in self.reports]
        return list(dict.fromkeys(ids))

    def of(self, attempt_ids: set[int]) -> Group:
        """The news of these attempts."""
        return Group(
            [answer for answer in self.sent if answer.attempt_id in attempt_ids],
            [event for event in self.events if event.attempt_id in attempt_ids],
            [report for report in self.reports if report.attempt_id in attempt_ids],
        )


class Recorder:
    """Collects news and commits it. One per dialer process; `flush` may also be called by hand.

    `lines` groups are committed side by side: while the ledger writes one, the next is folded and planned.
    News of one attempt in two of them is no trouble, as both lock its lead.
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
    ) -> None:
        self._flow = flow
        self._ledger = ledger
        self._provider = provider
        self._clock = clock
        self._metrics = metrics
        self._group_commit_s = group_commit_s
        self._group_most = group_most
        self._lines = lines
        self._sent: list[Sent] = []
        self._events: list[ProviderEvent] = []
        self._reports: list[Report] = []
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

    def reports(self, reports: list[Report]) -> None:
        """Reports that come from neither: attempts given up as unknown."""
        self._reports += reports
        if reports:
            self._news.set()

    async def events_taken(self, *, most_s: float) -> None:
        """Return when every event is in a group that is being committed, or after `most_s`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._events_taken.wait(), most_s)

    @property
    def waiting(self) -> int:
        """How much news is not committed yet."""
        return len(self._sent) + len(self._events) + len(self._reports) + self._committing

    async def run(self, stop: asyncio.Event) -> None:
        """Commit groups until `stop` is set and nothing is left."""
        await asyncio.gather(*(self._line(stop) for _ in range(self._lines)))

    async def _line(self, stop: asyncio.Event) -> None:
        while True:
            if not (self._sent or self._events or self._reports):
                if stop.is_set():
                    return
                await self._wait_for_news(stop)
                continue
            await asyncio.sleep(self._group_commit_s)
            try:
                await self.flush()
            except DialwheelError as error:
                log.warning("news_not_committed", waiting=self.waiting, why=error.what)
                await asyncio.sleep(0.5)
                if stop.is_set():
                    return

    async def _wait_for_news(self, stop: asyncio.Event) -> None:
        self._news.clear()
        news = asyncio.ensure_future(self._news.wait())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait({news, stopped}, return_when=asyncio.FIRST_COMPLETED)
        news.cancel()
        stopped.cancel()

    async def flush(self) -> int:
        """Commit one group and tell provider and wheel. Answers how much news was committed.

        Raises ServerUnavailable with nothing lost: the group is still here.
        """
        most = self._group_most
        group = Group(self._sent[:most], self._events[:most], self._reports[:most])
        del self._sent[:most], self._events[:most], self._reports[:most]
        if not self._events:
            self._events_taken.set()
        if not group:
            return 0
        self._committing += len(group)
        try:
            await self._commit(group)
        except DialwheelError:
            self._sent[:0], self._events[:0], self._reports[:0] = group.sent, group.events, group.reports
            raise
        finally:
            self._committing -= len(group)
        return len(group)

    async def _commit(self, group: Group) -> None:
        folded: dict[int, Report] = {}
        for answer in group.sent:
            _fold_sent(folded, answer)
        for event in group.events:
            _fold_event(folded, event)
        for report in group.reports:
            folded.setdefault(report.attempt_id, report)
        stored = [StoredEvent(e.event_id, e.attempt_id, e.kind, e.at_ms) for e in group.events]
        now_ms = self._clock.now_ms()
        try:
            settled = await settle(
                self._flow,
                self._ledger,
                list(folded.values()),
                stored,
                provider=self._provider.name,
                now_ms=now_ms,
            )
        except DialwheelError:
            raise
        except Exception as error:  # something in it that the ledger cannot hold
            await self._commit_apart(group, error)
            return
        await self._tell_wheel(group.sent, settled, now_ms)
        event_ids = [event.event_id for event in group.events]
        await self._acknowledge(event_ids)
        self._told.difference_update(event_ids)
        for outcome, count in Counter(settled.outcomes).items():
            self._metrics.attempt_ended(outcome, count)

    async def _commit_apart(self, group: Group, error: Exception) -> None:
        """Halve the group until what is refused stands alone. That attempt is left to be written off as
        unknown; its events are not heard again."""
        attempt_ids = group.attempt_ids()
        if len(attempt_ids) == 1:
            log.error("news_refused", attempt_id=attempt_ids[0], error=type(error).__name__)
            return
        middle = len(attempt_ids) // 2
        for part in (attempt_ids[:middle], attempt_ids[middle:]):
            await self._commit(group.of(set(part)))

    async def _acknowledge(self, event_ids: list[str]) -> None:
        """What the provider does not hear it hands out once more: the ledger knows it by then."""
        try:
            await self._provider.acknowledge(event_ids)
        except DialwheelError as error:
            log.warning("events_not_acknowledged", events=len(event_ids), why=error.what)

    async def _tell_wheel(self, sent: list[Sent], settled: Settled, now_ms: Ms) -> None:
        releases = [Release(answer.claim, sent=not _unsent(answer)) for answer in sent]
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


def _unsent(answer: Sent) -> bool:
    return answer.result is None or isinstance(answer.result, NotDialled)


def _fold_sent(folded: dict[int, Report], answer: Sent) -> None:
    report = folded.setdefault(answer.attempt_id, Report(answer.attempt_id))
    report.permit = answer.permit
    result = answer.result
    if result is None:
        report.not_sent = True
        report.error = "the permit was too old, or the hours were about to close"
    elif isinstance(result, NotDialled):
        report.not_sent = True
        report.error = result.reason
        pause_ms = REFUSED_PAUSE_MS if result.retry_after_s is None else int(result.retry_after_s * SECOND)
        report.retry_at_ms = answer.at_ms + pause_ms
    else:
        report.dispatched_at_ms = answer.at_ms
        accepted = isinstance(result, Accepted)
        _raise_state(report, "accepted" if accepted else "unknown")
        if isinstance(result, Accepted):
            report.provider_call_id = result.ref
        else:
            report.error = result.reason


def _fold_event(folded: dict[int, Report], event: ProviderEvent) -> None:
    report = folded.setdefault(event.attempt_id, Report(event.attempt_id))
    report.provider_call_id = report.provider_call_id or event.ref
    if event.rang_until_ms is not None:
        report.rang_until_ms = max(report.rang_until_ms or 0, event.rang_until_ms)
    if event.kind == "answered":
        report.answered_at_ms = report.answered_at_ms or event.at_ms
    if event.kind != "ended":
        _raise_state(report, STATE_OF_EVENT[event.kind])
        return
    if report.outcome is None:
        report.outcome = event.outcome
        report.ended_at_ms = event.at_ms
    report.disposition = report.disposition or event.disposition
    report.callback_at_ms = report.callback_at_ms or event.callback_at_ms
    report.talk_s = report.talk_s if report.talk_s is not None else event.talk_s
    report.error = report.error or event.error


def _raise_state(report: Report, state: str) -> None:
    if RANK[state] > RANK[report.state]:
        report.state = state
