"""A lead's story: taken in, each loop's start and end, each contact, and what is planned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from api import views
from api.instants import local, utc
from api.schemas import Attempt
from api.schemas_leads import TimelineEntry
from scheduler.ledger.database import Row
from scheduler.public_ids import PublicIds


def entries(
    lead: Row,
    loops: Sequence[Row],
    attempts: Sequence[Row],
    signals: Sequence[Row],
    ids: PublicIds,
    now: datetime,
) -> list[TimelineEntry]:
    """Oldest first; what is planned comes last, overdue or not."""
    zone = views.zone_of(lead)
    found: list[tuple[datetime, int, TimelineEntry]] = []

    def tell(at: datetime, order: int, kind: str, detail: str = "", **more: object) -> None:
        entry = TimelineEntry(kind, utc(at), local(at, zone), detail, **more)  # type: ignore[arg-type]
        found.append((at, order, entry))

    tell(lead["created_at"], 0, "lead_created")
    for loop in loops:
        loop_id = ids.write("loop", loop["loop_id"])
        tell(loop["started_at"], 1, "loop_started", loop_id=loop_id)
        if loop["ended_at"] is not None:
            tell(loop["ended_at"], 3, "loop_ended", loop["end_reason"], loop_id=loop_id,
                 end_reason=loop["end_reason"])  # fmt: skip
    for row in attempts:
        one = views.attempt(row, zone, ids)
        tell(row["dispatched_at"] or row["armed_at"], 2, "attempt", _words(one), attempt=one)
    for row in signals:
        tell(row["at"], 2, "signal", f"{row['kind']} by {row['channel']}" if row["channel"] else row["kind"])
    found.sort(key=lambda item: item[:2])
    story = [entry for _, _, entry in found]
    planned = views.planned_attempt(lead, ids, now)
    if planned is not None:
        at = lead["next_at"]
        story.append(TimelineEntry("planned", utc(at), local(at, zone), _words(planned), attempt=planned))
    return story


def _words(attempt: Attempt) -> str:
    result = attempt.outcome or attempt.status
    said = f" ({attempt.disposition})" if attempt.disposition else ""
    return f"{attempt.channel} {attempt.number}: {result}{said}"
