"""Placement: from the instant a strategy wishes for to one that every rule allows.

A wish moves forward: past the caps, into the next open time with room before it closes, into its daypart;
one that is timed before something (a reminder) moves back instead. Jitter follows where the wish was moved.
Each move, and each rule that let it be, is told in `why[]`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import msgspec

from scheduler.domain import caps
from scheduler.domain.calendars import Calendar, calendar_of
from scheduler.domain.dayparts import DAYPARTS
from scheduler.domain.model import AttemptKind, Cap, Channel, Place, Policy, Why
from scheduler.domain.openings import Interval, Openings
from scheduler.domain.reasons import back_reasons, kept_reasons, moved_reasons, part_kept_reason
from scheduler.domain.time import DAY, SECOND, Ms

ROOM: Ms = 120 * SECOND
"""Left between a planned instant and the closing: the arm keeps 60 s of it, lateness may use the rest."""

SEARCH: Ms = 30 * DAY
"""A wish without an opening for so long has no callable time."""

_NEAR: Ms = 4 * DAY


class Fit(Enum):
    """How a wish may be met."""

    EARLIEST = "earliest"  # the first allowed instant, with jitter if that is not the one wished for
    UNIFORM = "uniform"  # any allowed instant in the stretch, each as likely as the next
    EXACT = "exact"  # at the instant or not at all
    BEFORE = "before"  # the last allowed instant up to the one wished for, with jitter if it is not that one


class Wish(msgspec.Struct, frozen=True, gc=False):
    """What a strategy would like: a call from `at_ms` on, before `until_ms` where it matters, in a daypart.

    Without `until_ms` it is looked for during `within_ms`. `late_ms`: how much later than wished an EXACT or
    a BEFORE one may still be placed; `since_ms`: what a BEFORE one may not be moved back beyond. `why`: the
    strategy's own line; `blocked`: what to say when the wish cannot be met and the next is tried. `run`: of
    the cadence whose step this is, None for the loop's own.
    """

    at_ms: Ms
    kind: AttemptKind
    step: int
    why: Why
    fit: Fit = Fit.EARLIEST
    until_ms: Ms | None = None
    within_ms: Ms = SEARCH
    part: int | None = None
    late_ms: Ms = 0
    blocked: str = ""
    channel: Channel = Channel.CALL
    run: int | None = None
    since_ms: Ms = 0


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An allowed instant and the end of the open time around it."""

    at_ms: Ms
    open_until_ms: Ms
    why: tuple[Why, ...]


class Limits(msgspec.Struct, frozen=True, gc=False):
    """What of one lead and one attempt bounds its wishes: `free_ms` is when the caps (of which `cap` decides,
    citing `cap_ref`) allow one more contact; `fraction` gives the attempt's own draw in [0, 1)."""

    now_ms: Ms
    free_ms: Ms
    cap: Cap | None
    cap_ref: str
    fraction: Callable[[], float]


def limits_of(
    calendar: Calendar, contacts: tuple[Ms, ...], now_ms: Ms, fraction: Callable[[], float] = float
) -> Limits:
    """The limits that hold for the next attempt. Without a draw it is at the beginning of what is open."""
    free_ms, cap = caps.earliest(contacts, calendar.caps, 0)
    ref = calendar.cap_refs[calendar.caps.index(cap)] if cap is not None else ""
    return Limits(now_ms, free_ms, cap, ref, fraction)


def place(calendar: Calendar, wish: Wish, limits: Limits) -> Placed | None:
    """The instant at which the wish is met, never before now or above a cap; None if none is. Only a BEFORE
    wish is met sooner than it says.

    Placed from the instant that was wished for, not from now: planning again later gives the same instant for
    as long as that lies ahead.
    """
    if wish.fit is Fit.EXACT:
        return _place_exactly(calendar, wish, limits)
    if wish.fit is Fit.BEFORE:
        return _place_before(calendar, wish, limits)
    around = _open_as_wished(calendar, wish, limits)
    if around is not None:
        return Placed(wish.at_ms, around[1], (wish.why, *kept_reasons(calendar, around)))
    meet = _earliest if wish.fit is Fit.EARLIEST else _uniform
    from_ms = wish.at_ms
    met = meet(calendar, wish, limits, from_ms)
    if met is None or met.at_ms < limits.now_ms:
        if limits.now_ms <= wish.at_ms:
            return None
        from_ms = limits.now_ms
        met = meet(calendar, wish, limits, from_ms)
    if met is None:
        return None
    around = calendar.open.at(met.at_ms) if met.around is None else met.around
    assert around is not None  # `meet` looks nowhere else
    return Placed(met.at_ms, around[1], _told(calendar, wish, limits, from_ms, met, around))


def open_intervals(
    policy: Policy, place: Place, from_ms: Ms, until_ms: Ms, *, after_hours: bool = False
) -> tuple[Interval, ...]:
    """When calls to leads in `place` may be let go, cut to [from, until)."""
    return tuple(calendar_of(policy, place, after_hours).open.between(from_ms, until_ms))


def opening_at(policy: Policy, place: Place, at_ms: Ms, *, after_hours: bool = False) -> Interval | None:
    """The open interval that contains `at_ms`, None when it is closed."""
    return calendar_of(policy, place, after_hours).open.at(at_ms)


def next_opening(policy: Policy, place: Place, at_ms: Ms, *, after_hours: bool = False) -> Interval | None:
    """The open interval that contains `at_ms` or comes next, None when there is none within 30 days."""
    found = calendar_of(policy, place, after_hours).open.first(at_ms, at_ms + SEARCH)
    return found[1:] if found else None


def has_room(calendar: Calendar, part: int | None, from_ms: Ms, until_ms: Ms) -> bool:
    """Whether a call would find room between the two instants, in this daypart where one is given."""
    openings = calendar.open if part is None else calendar.parts[part]
    return openings.first(from_ms, until_ms, ROOM) is not None


def _openings(calendar: Calendar, wish: Wish) -> Openings:
    return calendar.open if wish.part is None else calendar.parts[wish.part]


def _open_as_wished(calendar: Calendar, wish: Wish, limits: Limits) -> Interval | None:
    """The open time around a wish that nothing moves, as is true of most: what the long way finds, too."""
    at_ms = wish.at_ms
    if wish.fit is not Fit.EARLIEST or wish.part is not None or wish.until_ms is not None:
        return None
    if at_ms < limits.now_ms or at_ms < limits.free_ms:
        return None
    around = calendar.open.at(at_ms)
    return around if around is not None and at_ms + ROOM <= around[1] else None


def _place_exactly(calendar: Calendar, wish: Wish, limits: Limits) -> Placed | None:
    at_ms = max(wish.at_ms, limits.now_ms)
    around = calendar.open.at(at_ms)
    if around is None or at_ms + ROOM > around[1] or at_ms < limits.free_ms:
        return None
    if at_ms > wish.at_ms + wish.late_ms:
        return None
    return Placed(at_ms, around[1], (wish.why, *kept_reasons(calendar, around)))


def _place_before(calendar: Calendar, wish: Wish, limits: Limits) -> Placed | None:
    soonest_ms = max(limits.now_ms, limits.free_ms, wish.since_ms)
    # what is overdue by little may go at once, but for `late_ms` at most
    upto_ms = wish.at_ms if soonest_ms <= wish.at_ms else min(soonest_ms, wish.at_ms + wish.late_ms)
    openings, from_ms = _openings(calendar, wish), wish.at_ms - wish.within_ms
    near_ms = max(from_ms, wish.at_ms - _NEAR)  # most earlier slots are of the day before
    found = openings.last(upto_ms, near_ms, ROOM) or openings.last(upto_ms, from_ms, ROOM)
    if found is None or found[1] < soonest_ms:
        return None
    start_ms, latest_ms = found
    at_ms = latest_ms
    if latest_ms < wish.at_ms:
        room_ms = min(calendar.policy.jitter_max_s * SECOND, latest_ms - start_ms)
        # from the same instant however late this is planned: only what lies in the past is moved to now
        at_ms = max(latest_ms - int(limits.fraction() * room_ms), soonest_ms)
    around = calendar.open.at(at_ms)
    assert around is not None  # found in an open time, and moved back within it
    if at_ms >= wish.at_ms:
        return Placed(at_ms, around[1], (wish.why, *kept_reasons(calendar, around)))
    why = [wish.why, *back_reasons(calendar, wish.at_ms, latest_ms, ROOM)]
    if at_ms < latest_ms:
        text = f"a random time of up to {calendar.policy.jitter_max_s} s before the last one possible"
        why.append(Why("jitter", "moved", latest_ms, at_ms, text))
    return Placed(at_ms, around[1], tuple(why))


class _Met(NamedTuple):
    """Where a wish can be met. `open_ms`: the first instant with room; `around`: the open time, if the search
    has come across it."""

    at_ms: Ms
    open_ms: Ms
    around: Interval | None = None


def _earliest(calendar: Calendar, wish: Wish, limits: Limits, from_ms: Ms) -> _Met | None:
    until_ms = wish.until_ms or from_ms + wish.within_ms
    found = _openings(calendar, wish).first(max(from_ms, limits.free_ms), until_ms, ROOM)
    if found is None:
        return None
    open_ms, starts_ms, closes_ms = found
    at_ms = open_ms
    if open_ms != from_ms:
        room_ms = min(calendar.policy.jitter_max_s * SECOND, closes_ms - ROOM - open_ms)
        at_ms += int(limits.fraction() * room_ms)
    return _Met(at_ms, open_ms, (starts_ms, closes_ms) if wish.part is None else None)


def _uniform(calendar: Calendar, wish: Wish, limits: Limits, from_ms: Ms) -> _Met | None:
    from_ms = max(from_ms, limits.free_ms)
    until_ms = wish.until_ms or from_ms + wish.within_ms
    stretches = [
        (start_ms, min(end_ms - ROOM, until_ms))
        for start_ms, end_ms in _openings(calendar, wish).between(from_ms, until_ms + ROOM)
        if start_ms < min(end_ms - ROOM, until_ms)
    ]
    into_ms = int(limits.fraction() * sum(end_ms - start_ms for start_ms, end_ms in stretches))
    for start_ms, end_ms in stretches:
        if into_ms < end_ms - start_ms:
            return _Met(start_ms + into_ms, start_ms)
        into_ms -= end_ms - start_ms
    return None


def _told(
    calendar: Calendar, wish: Wish, limits: Limits, from_ms: Ms, met: _Met, around: Interval
) -> tuple[Why, ...]:
    """The lines of `why[]`, in the order applied."""
    at_ms, open_ms, _ = met
    why = [wish.why]
    if limits.cap is not None and limits.free_ms > from_ms:
        text = f"{caps.cap_text(limits.cap)}: one more is allowed when the oldest of them has left the window"
        why.append(Why("frequency_cap", "moved", from_ms, limits.free_ms, text, limits.cap_ref))
        from_ms = limits.free_ms
    if wish.fit is Fit.UNIFORM:
        text = "drawn at random in the open time"
        text += f" of the {DAYPARTS[wish.part].name}" if wish.part is not None else ""
        why += kept_reasons(calendar, around)
        why.append(Why("daypart", "set", from_ms, at_ms, text))
        return tuple(why)
    if open_ms > from_ms:
        why += moved_reasons(calendar, from_ms, open_ms, wish.part, ROOM)
    else:
        why += kept_reasons(calendar, around)
        if wish.part is not None:
            why.append(part_kept_reason(wish.part))
    if at_ms > open_ms:
        text = f"a random wait of up to {calendar.policy.jitter_max_s} s, so that not all begin at once"
        why.append(Why("jitter", "moved", open_ms, at_ms, text))
    return tuple(why)
