"""All who listen to one account: events are read and written out once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from api.live.frames import event_frames, gap_frame
from api.live.listener import Listener
from api.live.sampling import Sampler
from api.live.topics import Stream
from scheduler.clock import Clock
from scheduler.errors import DialwheelError
from scheduler.insight.events import Event, Group, read_groups
from scheduler.ledger.database import Database
from scheduler.public_ids import PublicIds

log = structlog.get_logger()

GROUPS_AT_ONCE = 200
MOST_BEHIND = 200_000
"""Events: with more of them unread, live is live again after a gap."""

_TRY_AGAIN_S = 0.5


class Room:
    """`position`: the number of the last event that everybody in it has been given; `taken`: of the last one
    that is on its way to those who were here then."""

    def __init__(
        self, database: Database, ids: PublicIds, clock: Clock, account_id: int, position: int
    ) -> None:
        self.account_id = account_id
        self.position = position
        self.taken = position
        self.listeners: set[Listener] = set()
        self._database = database
        self._ids = ids
        self._clock = clock
        self._samplers: dict[Stream, Sampler] = {}
        self._head = position
        self._news = asyncio.Event()

    def hear(self, head: int) -> None:
        """There are events up to that number."""
        if head > self._head:
            self._head = head
            self._news.set()

    async def run(self) -> None:
        """Hand out events as they come, until canceled."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while self.position < self._head:
                    await self._go_on()
            except DialwheelError as error:
                log.warning("events_not_read", account_id=self.account_id, why=error.what)
                await asyncio.sleep(_TRY_AGAIN_S)
                self._news.set()

    async def _go_on(self) -> None:
        if not any(listener.topics.streams for listener in self.listeners):
            self.position = self.taken = self._head
            return
        if self._head - self.position > MOST_BEHIND:
            self._skip_to(self._head)
            return
        groups = await read_groups(self._database, self.account_id, self.position, GROUPS_AT_ONCE)
        if not groups:  # forgotten meanwhile
            self._skip_to(self._head)
            return
        if groups[0].before > self.position:
            self._skip_to(groups[0].before)
        await self._hand_out(groups)

    def _skip_to(self, number: int) -> None:
        gap = gap_frame(self._ids, self.account_id, self.position, number)
        for listener in self.listeners:
            if listener.topics.streams:
                listener.put([gap])
        self.position = self.taken = number

    async def _hand_out(self, groups: Sequence[Group]) -> None:
        here = [listener for listener in self.listeners if listener.topics.streams]
        streams = {stream for listener in here for stream in listener.topics.streams}
        chosen = {stream: self._choose(stream, groups) for stream in streams}
        self._samplers = {stream: self._samplers[stream] for stream in self._samplers if stream in streams}
        self.taken = groups[-1].seq
        events: dict[int, Event] = {}
        rates: dict[int, float] = {}
        for events_of, rate in chosen.values():
            for event, is_part in events_of:
                events[event.number] = event
                rates[event.number] = max(rates.get(event.number, 0.0), rate if is_part else 1.0)
        frames = await self._frames([events[number] for number in sorted(events)], rates)
        for listener in here:
            numbers = {event.number for stream in listener.topics.streams for event, _ in chosen[stream][0]}
            listener.put([frames[number] for number in sorted(numbers)])
        self.position = self.taken

    def _choose(self, stream: Stream, groups: Sequence[Group]) -> tuple[list[tuple[Event, bool]], float]:
        """The events of a stream, each with whether it stands for others; which part of those is shown."""
        always: list[tuple[Event, bool]] = []
        many: list[tuple[Group, int]] = []
        for group in groups:
            if stream.sampled(group):
                many += [(group, place) for place in stream.places(group)]
            else:
                always += [(group.event(place), False) for place in stream.places(group)]
        if not many:
            return always, 1.0
        now_s = self._clock.monotonic_s()
        sampler = self._samplers.setdefault(stream, Sampler(now_s))
        shown, rate = sampler.pick(many, now_s)
        return always + [(group.event(place), rate < 1) for group, place in shown], rate

    async def _frames(self, events: Sequence[Event], rates: dict[int, float]) -> dict[int, bytes]:
        """Those who are here wait for them, however long the ledger is away."""
        while True:
            try:
                return await event_frames(self._database, self._ids, self.account_id, events, rates)
            except DialwheelError as error:
                log.warning("events_not_read", account_id=self.account_id, why=error.what)
                await asyncio.sleep(_TRY_AGAIN_S)
