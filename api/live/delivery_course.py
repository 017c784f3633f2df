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
    """Of one leased webhook. `known`: the events it has met, by number."""

    def __init__(self, database: Database, taken: Taken) -> None:
        self.known: dict[int, Event] = {}
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
        if stretch.looked_to > after and not await put_deliveries(
            self._database,
            self._taken,
            self._spans(stretch.events),
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
        self.known |= {event.number: event for event in stretch.events}
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

    def _spans(self, events: Sequence[Event]) -> list[Span]:
        if self._taken.mode == "single":
            return [Span(event.number - 1, 1, event.lead_id or 0) for event in events]
        return [Span(events[0].number - 1, len(events), 0)] if events else []
