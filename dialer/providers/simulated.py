"""The simulated provider: calls that ring nobody, on virtual time, with the faults of real networks.

Every instant derives from the `now_ms` it is given and every fate from the seed. It is deliberately not
idempotent: a key placed twice rings twice, and the ring ledger shows it. Callbacks are pulled, so a
bad signature has no place here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias
from uuid import UUID

import msgspec

from dialer.providers.base import (
    HELD,
    Accepted,
    Action,
    MayLeave,
    NotDialled,
    PlaceResult,
    ProviderEvent,
    Unknown,
    always,
)
from dialer.providers.rings import RingLedger
from dialer.providers.simulated_events import DOUBLE, LOST, NORMAL, START, Callbacks
from dialer.providers.simulated_limits import Limits, Turnstile
from dialer.providers.simulated_memory import Memory, PlacedCall
from dialer.providers.simulated_model import NO_FAULTS, SLOTS, Fate, Faults, Fortune, Model
from dialer.providers.simulated_state import LiveCall, QueuedCall, SimulatorState
from scheduler.domain.localtime import offset_of
from scheduler.domain.model import Place
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND, Ms
from scheduler.flow.lookup import Found, Lookup

PlaceOf: TypeAlias = Callable[[str], Place]


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
        self._seed = seed
        self.rings = rings or RingLedger()
        self.limits = limits or Limits()
        self._place_of = place_of or _domain_place_of()
        self.retune(model or Model())
        self._tries: dict[str, int] = {}  # phone -> tries by part of the day, ten bits each
        self._volume: dict[str, tuple[int, int]] = {}  # caller id -> UTC day, calls
        self._sequence = self.rings.total  # a part of each ref: never given out twice, whatever was lost
        self._callbacks = Callbacks()
        self._live: dict[str, LiveCall] = {}
        self._queued: dict[str, QueuedCall] = {}
        self._known: dict[UUID, PlaceResult] = {}
        self._turnstile = Turnstile(self.limits.calls_per_second)
        self._memory = self._new_memory(whole=not self._sequence)

    def retune(self, model: Model) -> None:
        """Another network from the next call on; what is under way goes on as it was drawn."""
        self.model = model
        self._fortune = Fortune(self._seed, model)
        self._scale_ms = SECOND * model.time_scale
        self._faulty = self._fortune.faulty

    # -- placing -------------------------------------------------------------------------------------

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        """Dial each action; its rings are in the ledger before this returns."""
        if not may_leave():
            return [HELD] * len(actions)
        self._memory.begin(now_ms)
        results = [self._place(action, now_ms) for action in actions]
        self.rings.flush()
        return results

    def _place(self, action: Action, now_ms: Ms) -> PlaceResult:
        if action.channel != "call":
            return NotDialled("channel not carried", "route")
        if action.arrive_by_ms is not None and now_ms > action.arrive_by_ms:
            return NotDialled("it arrived too late", "permit", 0.0)
        if self.limits.server_key and (known := self._known.get(action.key)) is not None:
            return known
        faults = NO_FAULTS
        if self._faulty:
            faults = self._fortune.faults(action.to, action.number, now_ms)
            if not faults.dialled:
                if faults.request == "route_error":
                    return NotDialled("no route", "route", retry_after_s=60.0)
                return Unknown(faults.request)
        waits_ms = self._turnstile.wait_ms(now_ms)
        if waits_ms and self.limits.policy == "refuse":
            return NotDialled("too many calls a second", "account", retry_after_s=waits_ms / 1000)
        ref = f"{action.key.hex}-{self._sequence}"
        self._sequence += 1
        if waits_ms:
            if now_ms + waits_ms > action.not_after_ms:
                return NotDialled("past not_after", "route")
            self._queued[ref] = QueuedCall(ref, action, faults)
            self._memory.keep(action.key, PlacedCall(ref, now_ms))
            starts_ms = now_ms + waits_ms
            self._callbacks.push(starts_ms, START, _canceled(ref, action, starts_ms))
        elif not self._dial(ref, action, faults, now_ms):
            return NotDialled("past not_after", "route")
        self._turnstile.pass_one()
        result: PlaceResult = Unknown(faults.request) if faults.request else Accepted(ref, waits_ms)
        if self.limits.server_key:
            self._known[action.key] = Accepted(ref, waits_ms)
        return result

    def _dial(self, ref: str, action: Action, faults: Faults, now_ms: Ms) -> bool:
        """Let the call happen, its events on the heap; False if it is too late: nothing rang."""
        place = self._place_of(action.to)
        hour = _hour_of_week(place, now_ms)
        shift = 10 * SLOTS[hour]
        tries = self._tries.get(action.to, 0)
        fate = self._fortune.fate(
            action.to,
            hour,
            action.number,
            earlier_in_slot=tries >> shift & 1023,
            blocked=self._blocked(action.caller_id, now_ms) if action.caller_id else None,
            ring_timeout_s=action.ring_timeout_s,
            max_duration_s=action.max_duration_s,
        )
        ring_at_ms = now_ms + int(fate.latency_ms * self.model.time_scale)
        if ring_at_ms > action.not_after_ms:
            return False
        if self.model.fatigue != 1 and (tries >> shift & 1023) < 1023:
            self._tries[action.to] = tries + (1 << shift)
        if fate.rings:
            self.rings.record(
                ring_at_ms,
                action.to,
                action.key,
                action.number,
                place.zones,
                place.regions,
                action.caller_id,
            )
        call = self._call(ref, action, fate, ring_at_ms, now_ms)
        self._memory.keep(action.key, call)
        if not faults.silent:
            self._schedule(call, fate, faults, now_ms)
        return True

    def _call(self, ref: str, action: Action, fate: Fate, ring_at_ms: Ms, now_ms: Ms) -> PlacedCall:
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
        answered_ms = None if answered_s is None else ring_at_ms + int(answered_s * self._scale_ms)
        return PlacedCall(ref, now_ms, ended, ring_at_ms, answered_ms)

    def _schedule(self, call: PlacedCall, fate: Fate, faults: Faults, now_ms: Ms) -> None:
        ref, ended, ring_at_ms, answered_ms = call.ref, call.ended, call.ring_at_ms, call.answered_at_ms
        assert ended is not None
        ends_ms, key, attempt_id = ended.at_ms, ended.key, ended.attempt_id
        if ends_ms <= now_ms and not self._faulty and not self.model.progress_events:
            self._callbacks.add_due(ended)
            return
        self._live[ref] = LiveCall(ended, answered_ms)
        if self.model.progress_events and fate.rings and fate.ring_s:
            # Swapped: the report of an earlier stage comes only after that of the end.
            swap_ms = ends_ms + SECOND if faults.swapped else 0
            ringing = ProviderEvent(ref + "-ringing", key, attempt_id, ref, "ringing", ring_at_ms)
            self._deliver(ringing, max(ring_at_ms, swap_ms), faults, 0)
            if answered_ms is not None:
                answered = ProviderEvent(ref + "-answered", key, attempt_id, ref, "answered", answered_ms)
                self._deliver(answered, max(answered_ms, swap_ms), faults, 1)
        self._deliver(ended, ends_ms, faults, 2)

    def _deliver(self, event: ProviderEvent, due_ms: Ms, faults: Faults, stage: int) -> None:
        if faults.late[stage]:
            due_ms += faults.late_ms
        self._callbacks.push(due_ms, LOST if faults.lost[stage] else NORMAL, event)
        if faults.duplicate[stage] and not faults.lost[stage]:
            self._callbacks.push(due_ms + faults.duplicate_ms, DOUBLE, event)

    def _blocked(self, caller_id: str, now_ms: Ms) -> float:
        day = now_ms // DAY
        since, calls = self._volume.get(caller_id, (day, 0))
        calls = calls + 1 if since == day else 1
        self._volume[caller_id] = (day, calls)
        return min(1.0, self._fortune.blocked + self.model.blocked_per_100_calls * calls / 100)

    # -- ending --------------------------------------------------------------------------------------

    async def hang_up(self, refs: list[str], now_ms: Ms) -> None:
        """A queued call never rings, a ringing one is canceled, a conversation is cut short."""
        cut: dict[str, ProviderEvent] = {}
        for ref in refs:
            queued = self._queued.pop(ref, None)
            if queued is not None:
                cut[ref] = _canceled(ref, queued.action, now_ms)
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
        self._callbacks.cut(cut, now_ms)
        for event in cut.values():
            self._callbacks.push(now_ms, NORMAL, event)
            if (known := self._memory.of(event.key)) is not None and known.ref == event.ref:
                known.ended = event

    def see_after(self, lag_s: float) -> None:
        """From now on look-ups see a call only so long after it was placed."""
        self._memory.lag_ms = int(lag_s * SECOND)

    async def find(self, attempts: list[Lookup], now_ms: Ms) -> list[Found]:
        self._memory.begin(now_ms)
        return [self._memory.find(lookup, now_ms) for lookup in attempts]

    # -- events --------------------------------------------------------------------------------------

    def next_event_at(self) -> Ms | None:
        return self._callbacks.next_at()

    async def events(self, now_ms: Ms, limit: int) -> list[ProviderEvent]:
        return self.events_after(now_ms, limit)

    def events_after(self, now_ms: Ms, limit: int, after: str | None = None) -> list[ProviderEvent]:
        """The events due, from the one that follows the event `after` if that one is still unacknowledged."""
        began = False
        while (item := self._callbacks.pop(now_ms)) is not None:
            at_ms, delivery, event = item
            if delivery == START:
                began = True
                self._start(event, at_ms)
            elif delivery != DOUBLE and event.kind == "ended":
                self._live.pop(event.ref, None)
        if began:
            self.rings.flush()
        return self._callbacks.due(limit, after)

    def _start(self, event: ProviderEvent, at_ms: Ms) -> None:
        """A queued call has its turn; `event` tells of its end if that comes too late."""
        queued = self._queued.pop(event.ref, None)
        if queued is not None and not self._dial(event.ref, queued.action, queued.faults, at_ms):
            self._callbacks.add_due(event)
            self._memory.keep(event.key, PlacedCall(event.ref, at_ms, event))

    async def acknowledge(self, event_ids: list[str]) -> None:
        self._callbacks.acknowledge(event_ids)

    # -- stopping and going on -----------------------------------------------------------------------

    def state(self) -> SimulatorState:
        """Everything that is under way, so that another process can go on with it."""
        return SimulatorState(
            sequence=self._sequence,
            pending=self._callbacks.pending(),
            live=list(self._live.values()),
            queued=list(self._queued.values()),
            tries=self._tries,
            volume=self._volume,
            next_turn_ms=self._turnstile.next_ms,
        )

    def restore(self, state: SimulatorState) -> None:
        """Go on where `state` was taken; only before the first call."""
        if self._callbacks:
            raise ValueError("calls are under way already")
        self._sequence = max(self._sequence, state.sequence)
        self._memory = self._new_memory(whole=not self._sequence)
        self._live = {call.ended.ref: call for call in state.live}
        self._queued = {call.ref: call for call in state.queued}
        self._tries = dict(state.tries)
        self._volume = dict(state.volume)
        self._turnstile.next_ms = state.next_turn_ms
        for item in state.pending:
            self._callbacks.push(item.due_ms, item.delivery, item.event)

    def _new_memory(self, *, whole: bool) -> Memory:
        return Memory(whole=whole, lag_ms=int(self.limits.lookup_lag_s * SECOND))


def _hour_of_week(place: Place, now_ms: Ms) -> int:
    """Hours since Monday 00:00 on the clock of the number's first zone. 1970 began on a Thursday."""
    offset_ms = offset_of(place.zones[0], now_ms) if place.zones else 0
    return ((now_ms + offset_ms) // HOUR + 72) % 168


def _canceled(ref: str, action: Action, at_ms: Ms) -> ProviderEvent:
    return ProviderEvent(ref + "-ended", action.key, action.attempt_id, ref, "ended", at_ms, "canceled")


def _domain_place_of() -> PlaceOf:
    # Imported here, so that a simulator with other data does not load the domain's.
    from scheduler.domain.numbers import place_of

    return place_of
