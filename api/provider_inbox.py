"""Reports that providers post: committed in groups with whatever else comes, answered once on disk.

The recorder is the dialer's own: what is told twice counts once, and a state never goes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid5

import msgspec
import structlog

from dialer.providers.base import Action, MayLeave, PlaceResult, ProviderEvent, Unknown, always
from dialer.providers.webhook_wire import FINAL, Report, event_of
from dialer.recorder import Recorder
from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError, Overloaded, ServerUnavailable
from scheduler.flow.context import Flow
from scheduler.flow.lookup import CannotSay, Found, Lookup
from scheduler.flow.settle import STOPPED
from scheduler.ledger import reports
from scheduler.ledger.database import Database
from scheduler.metrics import Metrics

log = structlog.get_logger()

MOST_WAITING = 10_000
"""Reports under way in a process: two seconds of what a ledger takes in."""

MOST_TOGETHER = 500
"""Reports that the ledger is asked about at once."""

ANSWER_WITHIN_S = 8.0
"""A provider that hears nothing for so long asks again; most give up after 15 s."""

EARLY_S = 30.0
"""How often is looked for calls that are known by now; and how many are taken over at once."""

MOST_EARLY = 500

Mean = Callable[[int, int, Report], Awaitable[None]]
"""What the conversation meant, of a call that is over: account, attempt, report."""

Stop = Callable[[int, str], Awaitable[None]]
"""Nobody calls that phone of the account any more; done when it is in force."""


class Posted:
    """The face that a recorder wants, of providers that post. Sends nothing."""

    live = True

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def waits_for(self, event_id: str) -> asyncio.Future[None]:
        """Done when this event is committed."""
        known = self._waiting.get(event_id)
        if known is None:
            known = self._waiting[event_id] = asyncio.get_running_loop().create_future()
        return known

    def __len__(self) -> int:
        return len(self._waiting)

    async def acknowledge(self, event_ids: list[str]) -> None:
        for event_id in event_ids:
            future = self._waiting.pop(event_id, None)
            if future is not None and not future.done():
                future.set_result(None)

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        return [Unknown("nothing is sent from here")] * len(actions)

    async def hang_up(self, refs: list[str], now_ms: Ms) -> None: ...

    async def find(self, attempts: list[Lookup], now_ms: Ms) -> list[Found]:
        return [CannotSay()] * len(attempts)

    def next_event_at(self) -> Ms | None:
        return None

    async def events(self, now_ms: Ms, limit: int) -> list[ProviderEvent]:
        return []


class ProviderInbox:
    """Of one app and one provider. What the provider says of a conversation goes the ways that a person's
    word goes: `mean` and `stop`."""

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
    ) -> None:
        self._flow = flow
        self._ledger = ledger
        self._clock = clock
        self._posted = Posted(provider)
        self._installation_id = installation_id
        self._mean = mean
        self._stop = stop
        self._recorder = Recorder(flow, ledger, self._posted, clock, metrics, group_commit_s=group_commit_s)
        self._asked: list[tuple[int, str, asyncio.Future[reports.Known]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def take(self, attempt_id: int, report: Report) -> None:
        """Return when it is committed, and in force where it forbids calls.

        Raises Overloaded; ServerUnavailable when the ledger is away, or took too long: it may be committed
        still, and the same once more changes nothing.
        """
        if len(self._posted) + len(self._asked) >= MOST_WAITING:
            raise Overloaded(
                "too many reports come in at once",
                f"{MOST_WAITING} wait for the ledger",
                "send it again later",
            )
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._take(attempt_id, report)
        except TimeoutError:
            raise ServerUnavailable(
                "the report is not on disk yet", "the ledger is busy or away", "send it again"
            ) from None

    async def run(self, stop: asyncio.Event) -> None:
        """Commit what comes until `stop` is set; then what is left."""
        early = asyncio.create_task(self._take_early())
        try:
            await self._recorder.run(stop)
        finally:
            early.cancel()
            await asyncio.gather(early, return_exceptions=True)

    async def take_early(self) -> int:
        """Take over reports whose calls are known by now; answers how many. Raises ServerUnavailable."""
        if self._flow.standing.quarantined:
            return 0
        done = []
        for each in await reports.early_due(self._ledger, MOST_EARLY):
            try:
                await self.take(each.attempt_id, msgspec.json.decode(each.report, type=Report))
                done.append(each)
            except DialwheelError as error:  # the others need not wait for it
                log.warning("early_report_not_taken", attempt_id=each.attempt_id, why=error.what)
        lost = await reports.forget_early(self._ledger, done, self._clock.now_ms())
        if lost:
            log.error("reports_of_unknown_calls_given_up", reports=lost)
        return len(done)

    async def _take(self, attempt_id: int, report: Report) -> None:
        stops = report.disposition in STOPPED
        known = await self._known(attempt_id, report.event_id)
        if known.account_id is None or self._flow.standing.quarantined:
            await self._keep(attempt_id, report)
            if stops and known.phone is None:
                raise ServerUnavailable(
                    "the call is not known yet",
                    "the ledger was put back to an earlier state",
                    "send it again",
                )
        elif not known.seen:
            says = report.disposition is not None or report.callback_at is not None
            says = says and report.status in FINAL
            if says and known.state == "done":
                await self._mean(known.account_id, attempt_id, report)
            await self._commit(attempt_id, report)
            if says and known.state != "done":  # unless somebody else has closed it meanwhile, that is in
                await self._mean(known.account_id, attempt_id, report)
        if stops and known.account_id is not None and known.phone is not None:
            await self._stop(known.account_id, known.phone)

    async def _commit(self, attempt_id: int, report: Report) -> None:
        key = uuid5(self._installation_id, str(attempt_id))
        event = event_of(report, attempt_id, key, self._clock.now_ms())
        done = self._posted.waits_for(event.event_id)
        self._recorder.events([event])
        await asyncio.shield(done)

    async def _keep(self, attempt_id: int, report: Report) -> None:
        kept = reports.Early(attempt_id, report.event_id, msgspec.json.encode(report).decode())
        await reports.keep_early(self._ledger, kept, self._clock.now_ms())

    async def _take_early(self) -> None:
        while True:
            await asyncio.sleep(EARLY_S)
            try:
                await self.take_early()
            except DialwheelError as error:
                log.warning("early_reports_not_taken", why=error.what)

    async def _known(self, attempt_id: int, event_id: str) -> reports.Known:
        """Asked together with all that came while the ledger answered the last time."""
        answer: asyncio.Future[reports.Known] = asyncio.get_running_loop().create_future()
        self._asked.append((attempt_id, f"{attempt_id}:{event_id}", answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def _ask(self) -> None:
        while self._asked:
            asked, self._asked = self._asked[:MOST_TOGETHER], self._asked[MOST_TOGETHER:]
            try:
                pairs = [(attempt_id, event_id) for attempt_id, event_id, _ in asked]
                answers = await reports.known(self._ledger, self._posted.name, pairs)
            except Exception as error:
                for _, _, answer in asked:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, _, answer), found in zip(asked, answers, strict=True):
                if not answer.done():
                    answer.set_result(found)
