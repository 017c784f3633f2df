"""`lead show` and `lead why`: one lead, in the time of the place where it is."""

from __future__ import annotations

import re
from typing import Any

from whenever import Instant, TimeZoneNotFoundError

from api.cli.client import ApiClient, find_dialwheel
from api.cli.exits import OK
from api.cli.session import Session
from scheduler.errors import NotFound

PHONE = re.compile(r"^\+?[\d ().-]{7,20}$")


def show(session: Session, who: str) -> int:
    """The lead and its timeline."""
    client = find_dialwheel(session)
    lead = _find(client, who)
    timeline = client.get(f"/v1/leads/{lead['id']}/timeline")
    entries = timeline["data"] if isinstance(timeline, dict) else timeline
    zone = _zone(lead)
    lines = [_headline(lead, zone), _next_line(lead.get("next_attempt"), zone)]
    rows: list[tuple[Any, ...]] = []
    for entry in entries:
        at, kind, said = (
            _moment(entry),
            entry.get("kind") or entry.get("type") or entry.get("object", ""),
            _said(entry),
        )
        lines.append(f"    {local_time(at, zone):<14}  {kind:<12}  {said}".rstrip())
        rows.append((at, kind, said))
    session.answer({"lead": lead, "timeline": entries}, lines, plain=rows or [(lead["id"],)])
    return OK


def why(session: Session, who: str) -> int:
    """Each step that set, moved or kept the next call."""
    client = find_dialwheel(session)
    lead = _find(client, who)
    explained = client.get(f"/v1/leads/{lead['id']}/explain")
    zone = _zone(lead)
    lines = [_headline(lead, zone), _next_line(explained.get("next_attempt"), zone)]
    for blocker in explained.get("blockers") or []:
        lines.append(f"    held back: {_said(blocker)}")
    rows: list[tuple[Any, ...]] = []
    for step in explained.get("why") or []:
        at = step.get("to_at") or step.get("from_at")
        lines.append(
            f"    {local_time(at, zone):<14}  {step['effect']:<7}  {step['rule']}: {step.get('detail') or ''}"
        )
        rows.append((at, step["effect"], step["rule"], step.get("detail")))
    session.answer({"lead": lead, **explained}, lines, plain=rows or [(lead["id"], "nothing planned")])
    return OK


def local_time(at: str | None, zone: str) -> str:
    """An instant of the API as `Mon 23 Nov 14:27` in `zone`."""
    if not at:
        return "–"
    moment = Instant.parse_iso(at).to_tz(zone)
    day = moment.date().day_of_week().name[:3].title()
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[
        moment.month - 1
    ]
    return f"{day} {moment.day} {month} {moment.hour:02}:{moment.minute:02}"


def masked(phone: str | None) -> str:
    """`+1…4471`: enough to recognise a number that one knows."""
    return f"{phone[:2]}…{phone[-4:]}" if phone and len(phone) > 8 else "no phone"


def _find(client: ApiClient, who: str) -> dict[str, Any]:
    """By id, by phone, by external id. The phone travels in a body: addresses end up in logs."""
    if who.startswith("lead_"):
        return client.get(f"/v1/leads/{who}")
    looked_like_a_phone = bool(PHONE.match(who))
    for field in ("phone", "external_id") if looked_like_a_phone else ("external_id",):
        found = client.post("/v1/leads/search", {"filter": {field: who}, "limit": 1})["data"]
        if found:
            return found[0]
    what = "no lead with that phone number" if looked_like_a_phone else f'no lead "{who}"'
    raise NotFound(
        what, "neither an id, nor an external id, nor a phone matches", "check it, or import it first"
    )


def _zone(lead: dict[str, Any]) -> str:
    """The lead's zone; UTC, and named so, where it is not known."""
    zone = lead.get("timezone") or "UTC"
    try:
        Instant.from_timestamp(0).to_tz(zone)
    except TimeZoneNotFoundError:
        return "UTC"
    return zone


def _headline(lead: dict[str, Any], zone: str) -> str:
    name = lead.get("name") or lead.get("external_id") or lead["id"]
    return f"  {name}  {masked(lead.get('phone'))}  {lead.get('status', '')}  times in {zone}"


def _next_line(planned: dict[str, Any] | None, zone: str) -> str:
    if not planned:
        return "  Next  nothing is planned"
    said = planned.get("headline") or planned.get("step") or ""
    return f"  Next  {local_time(planned.get('at'), zone)} {zone}   {said}".rstrip()


def _moment(entry: dict[str, Any]) -> str | None:
    return next(
        (entry[name] for name in ("at", "dispatched_at", "planned_at", "created_at") if entry.get(name)), None
    )


def _said(entry: dict[str, Any]) -> str:
    """What an entry tells, whatever its kind."""
    names = ("headline", "status", "outcome", "disposition", "end_reason", "code", "rule", "detail", "reason")
    return "  ".join(str(entry[name]) for name in names if entry.get(name))
