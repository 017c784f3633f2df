"""`lead show` and `lead why`: one lead, in the time of the place where it is."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import quote

from whenever import Instant, OffsetDateTime, TimeZoneNotFoundError

from api.cli.client import ApiClient, find_dialwheel
from api.cli.exits import OK
from api.cli.session import Session
from scheduler.errors import NotFound

PHONE = re.compile(r"^\+?[\d ().-]{7,20}$")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Wall(NamedTuple):
    """The clock that a lead's times are shown by: its stated zone, else the offset that the API names."""

    name: str
    zone: str | None
    offset_s: int

    def show(self, at: str | None) -> str:
        """An instant of the API as `Mon 23 Nov 14:27`."""
        if not at:
            return "–"
        instant = Instant.parse_iso(at)
        moment = instant.to_tz(self.zone) if self.zone else instant.add(seconds=self.offset_s).to_tz("UTC")
        day = moment.date().day_of_week().name[:3].title()
        return f"{day} {moment.day} {MONTHS[moment.month - 1]} {moment.hour:02}:{moment.minute:02}"


def show(session: Session, who: str) -> int:
    """The lead and its timeline."""
    client = find_dialwheel(session)
    lead = _find(client, who)
    timeline = client.get(f"/v1/leads/{lead['id']}/timeline")
    entries = timeline["data"] if isinstance(timeline, dict) else timeline
    wall = wall_of(lead, entries[0].get("at_local") if entries else None)
    rows = [(entry["at"], entry["kind"], entry.get("detail") or "") for entry in entries]
    lines = [_headline(lead, wall), _next_line(lead.get("next_attempt"), wall, None)]
    lines += [f"    {wall.show(at)}  {kind:<12}  {detail}".rstrip() for at, kind, detail in rows]
    session.answer({"lead": lead, "timeline": entries}, lines, plain=rows)
    return OK


def why(session: Session, who: str) -> int:
    """Each step that set, moved or kept the next call, and what stands in the way at this moment."""
    client = find_dialwheel(session)
    lead = _find(client, who)
    explained = client.get(f"/v1/leads/{lead['id']}/explain")
    planned = explained.get("next_attempt")
    wall = wall_of(lead, planned.get("at_local") if planned else None)
    lines = [_headline(lead, wall), _next_line(planned, wall, explained.get("at"))]
    for blocker in explained["blockers"]:
        until = f" (until {wall.show(blocker['until_at'])})" if blocker.get("until_at") else ""
        lines.append(f"    not now: {blocker['detail']}{until}")
    rows = []
    for step in explained["why"]:
        at = step["to_at"] or step["from_at"]
        lines.append(f"    {wall.show(at)}  {step['effect']:<7}  {step['rule']}: {step['detail']}")
        rows.append((at, step["effect"], step["rule"], step["detail"]))
    session.answer({"lead": lead, **explained}, lines, plain=rows)
    return OK


def wall_of(lead: dict[str, Any], at_local: str | None) -> Wall:
    """The clock that the lead's local twins show; `at_local` is one, for its offset."""
    zone = lead.get("local_timezone")
    if zone:
        try:
            Instant.from_timestamp(0).to_tz(zone)
            return Wall(zone, zone, 0)
        except TimeZoneNotFoundError:
            pass  # a newer tzdata at the server: its offset is still good
    if at_local:
        offset_s = int(OffsetDateTime.parse_iso(at_local).offset.total("seconds"))
        hours, minutes = divmod(abs(offset_s) // 60, 60)
        return Wall(f"UTC{'-' if offset_s < 0 else '+'}{hours:02}:{minutes:02}", None, offset_s)
    return Wall("UTC", None, 0)


def masked(phone: str | None) -> str:
    """`+1…4471`: enough to recognise a number that one knows."""
    return f"{phone[:2]}…{phone[-4:]}" if phone and len(phone) > 8 else "no phone"


def time_until(at: str, now: str) -> str:
    """`in 2 d 0 h`, by the clock of dialwheel, which need not be this machine's."""
    minutes = int((Instant.parse_iso(at) - Instant.parse_iso(now)).total("minutes"))
    if minutes < 1:
        return "due now"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"in {days} d {hours} h"
    return f"in {hours} h {minutes} min" if hours else f"in {minutes} min"


def _find(client: ApiClient, who: str) -> dict[str, Any]:
    """By id, by phone, by external id. The phone travels in a body: addresses end up in logs."""
    if who.startswith("lead_"):
        return client.get(f"/v1/leads/{quote(who, safe='')}")
    is_phone = bool(PHONE.match(who))
    for field in ("phone", "external_id") if is_phone else ("external_id",):
        found = client.post("/v1/leads/search", {"filter": {field: who}, "limit": 1})["data"]
        if found:
            return found[0]
    what = "no lead with that phone number" if is_phone else f'no lead "{who}"'
    raise NotFound(
        what, "neither an id, nor an external id, nor a phone matches", "check it, or import it first"
    )


def _headline(lead: dict[str, Any], wall: Wall) -> str:
    name = lead.get("name") or lead.get("external_id") or lead["id"]
    return f"  {name}  {masked(lead.get('phone'))}  {lead['status']}  (times: {wall.name})"


def _next_line(planned: dict[str, Any] | None, wall: Wall, now: str | None) -> str:
    if not planned:
        return "  Next  nothing is planned"
    left = f"   ({time_until(planned['at'], now)})" if now else ""
    return f"  Next  {wall.show(planned['at'])} {wall.name}{left}   {planned['headline']}"
