"""The simulated provider: calls that ring nobody, on virtual time, with the faults of real networks.

Every instant derives from the `now_ms` it is given and every fate from the seed. It is deliberately not
idempotent: a key placed twice rings twice, and the ring ledger shows it. Callbacks are pulled, so a
bad signature has no place here.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import islice
from math import ceil
from typing import TypeAlias
from uuid import UUID

import msgspec
from whenever import Instant

from dialer.providers.base import Accepted, Action, NotDialled, PlaceResult, ProviderEvent, Unknown
from dialer.providers.rings import RingLedger
from dialer.providers.simulated_model import NO_FAULTS, SLOTS, Fate, Faults, Fortune, Model
from dialer.providers.simulated_state import NORMAL, LiveCall, Pending, QueuedCall, SimulatorState
from scheduler.domain.model import Place
from scheduler.domain.time import DAY, MINUTE, SECOND, Ms

PlaceOf: TypeAlias = Callable[[str], Place]

DOUBLE, LOST, START = 1, 2, 3
"""What else lies on the heap: a second delivery, one that never comes, and a queued call's turn."""

_QUARTER = 15 * MINUTE


class Limits(msgspec.Struct, frozen=True):
    """What the provider allows. Above `calls_per_second` it queues or answers 429 (`policy`: queue or refuse).

    `server_key`: a key placed again gets the first answer and does not ring.
    """

    calls_per_second: float | None = None
    policy: str = "queue"
    server_key: bool = False

    def __post_init__(self) -> None:
        if self.policy not in ("queue", "refuse") or (self.calls_per_second or 1) <= 0:
            raise ValueError("policy is queue or refuse, calls_per_second above zero")


class SimulatedProvider:
    """One seed's network. `place_of` says where a number may be; by default the domain's own data."""

    name = "simulated"
    live = False

    def __init__(
        self,
        seed: int,
        model: Model | None = None,
        rings: RingLedger | None = None,
        *,
        limits: Limits | None = None,
        place_of: PlaceOf | None = None,
    ) -> None:
        self.model = model or Model()
        self.rings = rings or RingLedger()
        self.limits = limits or Limits()
        self._place_of = place_of or _domain_place_of()
        self._fortune = Fortune(seed, self.model)
        self._scale_ms = SECOND * self.model.time_scale
        self._faulty = self._fortune.faulty
        self._tries: dict[str, int] = {}  # phone -> tries by part of the day, ten bits each
        self._volume: dict[str, tuple[int, int]] = {}  # caller id -> UTC day, calls
        self._hours: dict[str, int] = {}  # zone -> hour of its week, for one quarter of an hour
        self._quarter = -1
        self._sequence = self.rings.total  # a part of each ref: never given out twice, whatever was lost
        self._heap: list[tuple[Ms, int, int, ProviderEvent]] = []
        self._pushed = 0
        self._due: dict[str, ProviderEvent] = {}
        self._live: dict[str, LiveCall] = {}
        self._queued: dict[str, QueuedCall] = {}
        self._known: dict[UUID, PlaceResult] = {}
        self._next_turn_ms = 0.0

    # -- placing -------------------------------------------------------------------------------------

    async def place(self, actions: list[Action], now_ms: Ms) -> list[PlaceResult]:
        """Dial each action; its rings are in the ledger before this returns."""
        results = [self._place(action, now_ms) for action in actions]
        self.rings.flush()
        return results

    def _place(self, action: Action, now_ms: Ms) -> PlaceResult:
        if action.channel != "call":
            return NotDialled("channel not carried", "route")
        if self.limits.server_key and (known := self._known.get(action.key)) is not None:
            return known
        faults = NO_FAULTS
        if self._faulty:
            faults = self._fortune.faults(action.to, action.number, now_ms)
            if not faults.dialled:
                if faults.request == "route_error":
                    return NotDialled("no route", "route", retry_after_s=60.0)
                return Unknown(faults.request)
        waits_ms = 0
        if self.limits.calls_per_second is not None:
            waits_ms = self._turn(now_ms, self.limits.calls_per_second)
            if waits_ms and self.limits.policy == "refuse":
                return NotDialled("too many calls a second", "account", retry_after_s=waits_ms / 1000)
        ref = f"{action.key.hex}-{self._sequence}"
        self._sequence += 1
        if waits_ms:
            if now_ms + waits_ms > action.not_after_ms:
                return NotDialled("past not_after", "route")
            self._take_turn()
            self._queued[ref] = QueuedCall(ref, action, faults)
            self._push(now_ms + waits_ms, START, _ended(ref, action, now_ms + waits_ms, "canceled"))
        else:
            if not self._dial(ref, action, faults, now_ms):
                return NotDialled("past not_after", "route")
            self._take_turn()
        result: PlaceResult = Unknown(faults.request) if faults.request else Accepted(ref, waits_ms)
        if self.limits.server_key:
            self._known[action.key] = Accepted(ref, waits_ms)
        return result

    def _turn(self, now_ms: Ms, calls_per_second: float) -> int:
        """Milliseconds until the next call may start; a second's worth may start at once."""
        self._next_turn_ms = max(self._next_turn_ms, now_ms - SECOND + SECOND / calls_per_second)
        return max(0, ceil(self._next_turn_ms - now_ms))

    def _take_turn(self) -> None:
        if self.limits.calls_per_second is not None:
            self._next_turn_ms += SECOND / self.limits.calls_per_second

    def _dial(self, ref: str, action: Action, faults: Faults, now_ms: Ms) -> bool:
        """Let the call happen and put its events on the heap; False, and nothing rang, when that is too late."""
        place = self._place_of(action.to)
        hour = self._hour_of_week(place, now_ms)
        shift = 10 * SLOTS[hour]
        tries = self._tries.get(action.to, 0)
        fate = self._fortune.fate(
            action.to,
            hour,
            action.number,
            earlier_in_slot=tries >> shift & 1023,
            blocked=self._blocked(action.from_, now_ms) if action.from_ else None,
            ring_timeout_s=action.ring_timeout_s,
            max_duration_s=action.max_duration_s,
        )
        ring_at_ms = now_ms + int(fate.latency_ms * self.model.time_scale)
        if ring_at_ms > action.not_after_ms:
            return False
        if self.model.fatigue != 1 and (tries >> shift & 1023) < 1023:
            self._tries[action.to] = tries + (1 << shift)
        if fate.rings:
            self.rings.record(ring_at_ms, action.to, action.key, action.number, place.zones, place.regions)
        if not faults.silent:
            self._schedule(ref, action, fate, faults, ring_at_ms, now_ms)
        return True

    def _schedule(
        self, ref: str, action: Action, fate: Fate, faults: Faults, ring_at_ms: Ms, now_ms: Ms
    ) -> None:
        outcome, _, rings, ring_s, answered_s, talk_s, disposition, callback_s, error = fate
        stops_ms = ring_at_ms + int(ring_s * self._scale_ms)
        ends_ms = stops_ms + int(talk_s * self._scale_ms)
        ended = ProviderEvent(
            ref + "-ended",
            action.key,
            action.attempt_id,
            ref,
            "ended",
            ends_ms,
            outcome,
            disposition,
            None if callback_s is None else -(-(ends_ms + callback_s * SECOND) // MINUTE) * MINUTE,
            stops_ms if rings else None,
            talk_s if answered_s is not None else None,
            error,
        )
        if ends_ms <= now_ms and not self._faulty and not self.model.progress_events:
            self._due[ended.event_id] = ended
            return
        answered_ms = None if answered_s is None else ring_at_ms + int(answered_s * self._scale_ms)
        self._live[ref] = LiveCall(ended, answered_ms)
        if self.model.progress_events and rings and ring_s:
            # Swapped: the report of an earlier stage comes only after that of the end.
            swap_ms = ends_ms + SECOND if faults.swapped else 0
            ringing = ProviderEvent(
                ref + "-ringing", action.key, action.attempt_id, ref, "ringing", ring_at_ms
            )
            self._deliver(ringing, max(ring_at_ms, swap_ms), faults, 0)
            if answered_ms is not None:
                answered = ProviderEvent(
                    ref + "-answered", action.key, action.attempt_id, ref, "answered", answered_ms
                )
                self._deliver(answered, max(answered_ms, swap_ms), faults, 1)
        self._deliver(ended, ends_ms, faults, 2)

    def _deliver(self, event: ProviderEvent, due_ms: Ms, faults: Faults, stage: int) -> None:
        if faults.late[stage]:
            due_ms += faults.late_ms
        self._push(due_ms, LOST if faults.lost[stage] else NORMAL, event)
        if faults.duplicate[stage] and not faults.lost[stage]:
            self._push(due_ms + faults.duplicate_ms, DOUBLE, event)

    def _push(self, due_ms: Ms, delivery: int, event: ProviderEvent) -> None:
        self._pushed += 1
        heappush(self._heap, (due_ms, self._pushed, delivery, event))

    def _hour_of_week(self, place: Place, now_ms: Ms) -> int:
        """On the clock of the first zone of the number. All zones change at quarters of an hour."""
        quarter = now_ms // _QUARTER
        if quarter != self._quarter:
            self._quarter = quarter
            self._hours.clear()
        zone = place.zones[0] if place.zones else "UTC"
        hour = self._hours.get(zone)
        if hour is None:
            local = Instant.from_timestamp(now_ms // SECOND).to_tz(zone)
            hour = 24 * (local.date().day_of_week().value - 1) + local.hour
            self._hours[zone] = hour
        return hour

    def _blocked(self, caller_id: str, now_ms: Ms) -> float:
        day = now_ms // DAY
        since, calls = self._volume.get(caller_id, (day, 0))
        calls = calls + 1 if since == day else 1
        self._volume[caller_id] = (day, calls)
        return min(1.0, self._fortune.blocked + self.model.blocked_per_100_calls * calls / 100)

    # -- ending --------------------------------------------------------------------------------------

    async def hang_up(self, refs: list[str], now_ms: Ms) -> None:
        """End these calls: a queued one never rings, a ringing one is canceled, a conversation is cut short."""
        cut: dict[str, ProviderEvent] = {}
        for ref in refs:
            queued = self._queued.pop(ref, None)
            if queued is not None:
                cut[ref] = _ended(ref, queued.action, now_ms, "canceled")
                continue
            call = self._live.get(ref)
            if call is None or call.ended.at_ms <= now_ms:
                continue
            del self._live[ref]
            talking = call.answered_at_ms is not None and call.answered_at_ms <= now_ms
            rang_until_ms = call.ended.rang_until_ms
            cut[ref] = msgspec.structs.replace(
                call.ended,
                at_ms=now_ms,
                outcome="completed" if talking else "canceled",
                disposition=None,
                callback_at_ms=None,
                rang_until_ms=None if rang_until_ms is None else min(rang_until_ms, now_ms),
                talk_s=(now_ms - call.answered_at_ms) // SECOND if talking and call.answered_at_ms else None,
                error=None,
            )
        if not cut:
            return
        # One pass for the whole batch: hang-ups are rare, and the heap stays free of dead entries.
        self._heap = [
            item
            for item in self._heap
            if item[3].ref not in cut or (item[3].kind != "ended" and item[3].at_ms <= now_ms)
        ]
        heapify(self._heap)
        for event in cut.values():
            self._push(now_ms, NORMAL, event)

    # -- events --------------------------------------------------------------------------------------

    def next_event_at(self) -> Ms | None:
        """When something is next to be handed out; an instant in the past while events are unacknowledged."""
        if self._due:
            return next(iter(self._due.values())).at_ms
        return self._heap[0][0] if self._heap else None

    async def events(self, now_ms: Ms, limit: int) -> list[ProviderEvent]:
        return self.events_after(now_ms, limit)

    def events_after(self, now_ms: Ms, limit: int, after: str | None = None) -> list[ProviderEvent]:
        """The events due, from the one that follows the event `after` if that one is still unacknowledged."""
        self._advance(now_ms)
        events = iter(self._due.values())
        if after is not None and after in self._due:
            for event in events:
                if event.event_id == after:
                    break
        return list(islice(events, limit))

    def _advance(self, now_ms: Ms) -> None:
        heap, due = self._heap, self._due
        began = False
        while heap and heap[0][0] <= now_ms:
            at_ms, _, delivery, event = heappop(heap)
            if delivery == START:
                began = True
                self._start(event, at_ms)
                continue
            if delivery == DOUBLE:
                due[event.event_id + "+"] = event
                continue
            if event.kind == "ended":
                self._live.pop(event.ref, None)
            if delivery == NORMAL:
                due[event.event_id] = event
        if began:
            self.rings.flush()

    def _start(self, event: ProviderEvent, at_ms: Ms) -> None:
        queued = self._queued.pop(event.ref, None)
        if queued is not None and not self._dial(event.ref, queued.action, queued.faults, at_ms):
            self._due[event.event_id] = event

    async def acknowledge(self, event_ids: list[str]) -> None:
        doubles = self.model.duplicate > 0
        for event_id in event_ids:
            self._due.pop(event_id, None)
            if doubles:
                self._due.pop(event_id + "+", None)

    # -- stopping and going on -----------------------------------------------------------------------

    def state(self) -> SimulatorState:
        """Everything that is under way, so that another process can go on with it."""
        pending = [Pending(event.at_ms, NORMAL, event) for event in self._due.values()]
        pending += [Pending(due_ms, delivery, event) for due_ms, _, delivery, event in sorted(self._heap)]
        return SimulatorState(
            sequence=self._sequence,
            pending=pending,
            live=list(self._live.values()),
            queued=list(self._queued.values()),
            tries=self._tries,
            volume=self._volume,
            next_turn_ms=self._next_turn_ms,
        )

    def restore(self, state: SimulatorState) -> None:
        """Go on where `state` was taken; only before the first call."""
        if self._heap or self._due:
            raise ValueError("calls are under way already")
        self._sequence = max(self._sequence, state.sequence)
        self._live = {call.ended.ref: call for call in state.live}
        self._queued = {call.ref: call for call in state.queued}
        self._tries = dict(state.tries)
        self._volume = dict(state.volume)
        self._next_turn_ms = state.next_turn_ms
        for item in state.pending:
            self._push(item.due_ms, item.delivery, item.event)


def _ended(ref: str, action: Action, at_ms: Ms, outcome: str) -> ProviderEvent:
    return ProviderEvent(ref + "-ended", action.key, action.attempt_id, ref, "ended", at_ms, outcome)


def _domain_place_of() -> PlaceOf:
    from scheduler.domain.numbers import (
        place_of,
    )  # here, so that a simulator with other data does not load it

    return place_of
