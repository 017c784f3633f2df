"""Callbacks of the ledger as objects of the API."""

from __future__ import annotations

from api.instants import local, utc, utc_or_none
from api.schemas_callbacks import Callback, CallbackWindow
from api.views import zone_of
from scheduler.ledger.database import Row
from scheduler.public_ids import PublicIds

PREFIX = "cbk"


def callback(row: Row, ids: PublicIds) -> Callback:
    """A row of `callback_page`."""
    zone = zone_of(row)
    return Callback(
        id=ids.write(PREFIX, row["callback_id"]),
        object="callback",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        lead_id=ids.write("lead", row["lead_id"]),
        loop_id=ids.write("loop", row["loop_id"]),
        agent_id=ids.write("agt", row["agent_id"]),
        attempt_id=ids.write_or_none("att", row["attempt_id"]),
        status=row["status"],
        at=utc(row["at"]),
        at_local=local(row["at"], zone),
        planned_at=utc_or_none(row["planned_at"]),
        planned_at_local=local(row["planned_at"], zone),
        window=_window(row),
        confidence=row["confidence"],
        text=row["said"],
        note=row["note"],
        source=row["source"],
    )


def _window(row: Row) -> CallbackWindow | None:
    if row["from_at"] is None or row["until_at"] is None:
        return None
    return CallbackWindow(utc(row["from_at"]), utc(row["until_at"]))
