"""Lines of `why[]` about open times: which rule moved a wish, until when, and which let it be.

What a person checks is the local clock, the row of the law and its revision; so that is what the lines hold.
Texts are kept per calendar: many leads wait for the same opening.
"""

from __future__ import annotations

from scheduler.domain.calendars import Calendar, law_zones
from scheduler.domain.dayparts import DAYPARTS
from scheduler.domain.localtime import clock_text, date_text, day_of, minute_of, minute_text
from scheduler.domain.model import NoCallDay, Why
from scheduler.domain.openings import Interval
from scheduler.domain.time import DAY, Ms

_SEARCH: Ms = 30 * DAY
_TEXTS_KEPT = 2_000


def kept_reasons(calendar: Calendar, around: Interval) -> tuple[Why, ...]:
    """The rules that let a call be in this open time."""
    why = calendar.kept.get(around[0])
    if why is None:
        if len(calendar.kept) >= _TEXTS_KEPT:
            calendar.kept.clear()
        why = calendar.kept[around[0]] = tuple(
            _line(calendar, rule, "kept", None, None, (openings.at(around[0]) or around)[1])
            for rule, openings in calendar.layers
        )
    return why


def part_kept_reason(part: int) -> Why:
    """The daypart that lets a call be."""
    return _PARTS_KEPT[part]


def moved_reasons(
    calendar: Calendar, from_ms: Ms, to_ms: Ms, part: int | None, room_ms: Ms
) -> tuple[Why, ...]:
    """The rules that move a wish from one instant to the other, each to where it would next allow it."""
    why: list[Why] = []
    at_ms = from_ms
    while at_ms < to_ms:
        began_ms = at_ms
        for rule, openings in calendar.layers:
            found = openings.first(at_ms, to_ms + 1, room_ms)
            if found is not None and found[0] > at_ms:
                why.append(_line(calendar, rule, "moved", at_ms, found[0], found[0]))
                at_ms = found[0]
        if at_ms == began_ms:
            break
    if part is not None:
        name = DAYPARTS[part].name
        if at_ms < to_ms:
            why.append(Why("daypart", "moved", at_ms, to_ms, f"{name} is the part of the day tried least"))
        else:
            why.append(_PARTS_KEPT[part])
    elif at_ms < to_ms:
        why.append(
            Why("dialer_window", "moved", at_ms, to_ms, "no open time in which all rules leave enough room")
        )
    return tuple(why)


def back_reasons(calendar: Calendar, from_ms: Ms, to_ms: Ms, room_ms: Ms) -> tuple[Why, ...]:
    """The rules that move a wish back, from one instant to an earlier one."""
    why = []
    for rule, openings in calendar.layers:
        found = openings.last(from_ms, to_ms, room_ms)
        if found is not None and found[1] < from_ms:
            text = f"not open then: the earlier slot, until {clock_text(calendar.zone, found[1] + room_ms)}"
            _, ref = _cite(calendar, rule, "kept", found[1] + room_ms)
            why.append(Why(rule, "moved", from_ms, found[1], text, ref))
            from_ms = found[1]
    if from_ms > to_ms:
        text = "the earlier slot in which all rules leave enough room"
        why.append(Why("dialer_window", "moved", from_ms, to_ms, text))
    return tuple(why)


def blocked_reasons(calendar: Calendar, from_ms: Ms) -> tuple[Why, ...]:
    """The rules that leave no open time at all; or one line saying that they do so only together."""
    why = tuple(
        _line(calendar, rule, "blocked", from_ms, None, from_ms)
        for rule, openings in calendar.layers
        if openings.first(from_ms, from_ms + _SEARCH) is None
    )
    together = "law, windows and no-call days never meet"
    return why or (Why("dialer_window", "blocked", from_ms, None, together),)


def _line(
    calendar: Calendar, rule: str, effect: str, from_ms: Ms | None, to_ms: Ms | None, edge_ms: Ms
) -> Why:
    key = (f"{rule} {effect}", edge_ms if effect != "blocked" else 0)
    text = calendar.cited.get(key)
    if text is None:
        if len(calendar.cited) >= _TEXTS_KEPT:
            calendar.cited.clear()
        text = calendar.cited[key] = _cite(calendar, rule, effect, edge_ms)
    return Why(rule, effect, from_ms, to_ms, *text)


def _cite(calendar: Calendar, rule: str, effect: str, edge_ms: Ms) -> tuple[str, str]:
    """What to say of a rule at an opening (moved), a closing (kept) or where there is none (blocked)."""
    if rule == "statutory_window":
        return _cite_law(calendar, effect, edge_ms)
    if rule == "no_call_day":
        return _cite_days(calendar, effect, edge_ms)
    ref = "cadence" if rule == "cadence_window" else "agent"
    if effect == "blocked":
        return "the week has no open hours that hold in all of " + ", ".join(calendar.zones), ref
    verb = "opens" if effect == "moved" else "open until"
    return f"{verb} {clock_text(calendar.zone, edge_ms)}", ref


def _cite_law(calendar: Calendar, effect: str, edge_ms: Ms) -> tuple[str, str]:
    """The row whose hour falls on the edge, in the zone where it does."""
    for closure in calendar.closures:
        if edge_ms == (closure.from_ms if effect == "kept" else closure.until_ms):
            verb = "opens" if effect == "moved" else "open until"
            where = ", ".join(closure.regions) or "everywhere"
            text = f"{verb} {clock_text(calendar.zone, edge_ms)} (closed by order: {closure.reason or where})"
            return text, f"closure {where}"
    book, policy, place = calendar.book, calendar.policy, calendar.place
    if book is None:
        return f"no closure until {clock_text(calendar.zone, edge_ms)}", "closure"
    unknown = [region for region in place.regions if not book.knows(region)]
    if unknown or not place.regions:
        return f"no rule known for {', '.join(unknown) or 'this place'}: closed", f"revision {book.revision}"
    if effect == "blocked":
        return "the hours of all candidate zones and regions never meet", f"revision {book.revision}"
    side = 0 if effect == "moved" else 1
    verb = "opens" if effect == "moved" else "open until"
    for zone in law_zones(place, book):
        # an end of 24:00 or of a jump belongs to the day before it
        day, minute = day_of(zone, edge_ms - side), minute_of(zone, edge_ms - side) + side
        for region in place.regions:
            hours = book.hours(region, policy.voice, policy.strict, day)
            if hours is not None and hours[side] == minute:
                span = f"{minute_text(hours[0])} to {minute_text(hours[1])}"
                return f"{verb} {clock_text(zone, edge_ms)} ({region}: {span})", book.ref(region)
    return f"{verb} {clock_text(calendar.zone, edge_ms)}", book.ref(place.regions[0])


def _cite_days(calendar: Calendar, effect: str, edge_ms: Ms) -> tuple[str, str]:
    if effect == "kept":
        return "not a no-call day", "account"
    before = {date_text(day_of(zone, edge_ms - 1)) for zone in calendar.zones}
    for day in calendar.no_call_days:
        date = next((found for found in before if found == day.date or _again(day, found)), None)
        if date is not None:
            return f"{date} {day.label}".strip() + ": nobody is called", "account"
    return "nobody is called on these days", "account"


def _again(day: NoCallDay, date: str) -> bool:
    """Whether a day that comes every year falls on this date."""
    return day.yearly and day.date[5:] == date[5:]


_PARTS_KEPT = tuple(
    Why("daypart", "kept", detail=f"{part.name} is the part of the day tried least") for part in DAYPARTS
)
