"""How far a webhook has got in its account's events, and the deliveries that are written on the way."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from scheduler.domain.time import Ms
from scheduler.errors import Refused
from scheduler.insight.events import Event, Narrow, Stretch, head_of, read_on
from scheduler.ledger.database import Database
from scheduler.ledger.deliveries import Span, Taken, put_deliveries

log = structlog.get_logger()


class Course:
    """Of one leased webhook. `written`: the events of the deliveries that were written last, by what is
    before them."""

    def __init__(self, database: Database, taken: Taken) -> None:
        self.written: dict[int, list[Event]] = {}
        self._database = database
        self._taken = taken
        self._seq = taken.seq
        self._replay = taken.replay
        self._replays_next = True

    async def write(self, now_ms: Ms, most: int) -> Stretch:
        """Deliveries of the next `most` events at most; answers what was looked at, with `more` false when
        the webhook is no longer ours. What is to be sent once more takes turns with what is new, so that
        neither waits for the other."""
        replay, self._replays_next = self._replay if self._replays_next else None, not self._replays_next
        after, upto = replay or (self._seq, None)
        stretch = await self._read(after, most)
        if upto is not None:
            kept = [event for event in stretch.events if event.number <= upto]
            stretch = Stretch(kept, min(stretch.looked_to, upto) if stretch.more else upto, True)
        told = self._parted(stretch.events)
        if stretch.looked_to > after and not await put_deliveries(
            self._database,
            self._taken,
            [Span(before, len(events), self._lead(events)) for before, events in told.items()],
            from_seq=after,
            to_seq=stretch.looked_to,
            replay=replay is not None,
            now_ms=now_ms,
        ):
            return Stretch([], after, False)
        if upto is None:
            self._seq = stretch.looked_to
        else:
            self._replay = None if stretch.looked_to >= upto else (stretch.looked_to, upto)
        self.written = told
        return Stretch(stretch.events, stretch.looked_to, stretch.more or self._replay is not None)

    async def _read(self, after: int, most: int) -> Stretch:
        """What is no longer kept is passed over: an endpoint was away for longer than events are kept."""
        database, account_id = self._database, self._taken.account_id
        try:
            return await read_on(database, account_id, after, most, Narrow(self._taken.types or None))
        except Refused:
            head = await head_of(database, account_id)
            log.warning(
                "webhook_events_expired",
                webhook=self._taken.webhook_id,
                events=head.purged_seq - after,
            )
            return Stretch([], head.purged_seq, True)

    def _parted(self, events: list[Event]) -> dict[int, list[Event]]:
        """What goes into one request each, by the number before its first."""
        if self._taken.mode == "single":
            return {event.number - 1: [event] for event in events}
        return {events[0].number - 1: events} if events else {}

    def _lead(self, events: Sequence[Event]) -> int:
        return (events[0].lead_id or 0) if self._taken.mode == "single" else 0
