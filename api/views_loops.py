"""Loops of the ledger as objects of the API."""

from __future__ import annotations

from api.instants import local, utc, utc_or_none
from api.schemas_loops import Loop
from api.views import zone_of
from scheduler.ledger.database import Row
from scheduler.public_ids import PublicIds


def loop(row: Row, ids: PublicIds) -> Loop:
    """A row of `read_loops`."""
    return Loop(
        id=ids.write("loop", row["loop_id"]),
        object="loop",
        created_at=utc(row["started_at"]),
        updated_at=utc(row["updated_at"]),
        lead_id=ids.write("lead", row["lead_id"]),
        agent_id=ids.write("agt", row["agent_id"]),
        batch_id=ids.write_or_none("bat", row["batch_id"] or None),
        cadence_id=ids.write_or_none("cad", row["cadence_id"]),
        cadence_version=row["cadence_version"],
        status=_status(row),
        run=row["run"],
        step=row["step"],
        attempts_count=row["attempts"],
        started_at=utc(row["started_at"]),
        next_at=utc_or_none(row["next_at"]),
        next_at_local=local(row["next_at"], zone_of(row)),
        end_reason=row["end_reason"],
        ended_at=utc_or_none(row["ended_at"]),
    )


def _status(row: Row) -> str:
    """What waits for a person of ours waits like a callback: until they say what comes next, or the time."""
    for_somebody = row["status"] == "waiting_callback" and row["next_kind"] != "callback"
    return "awaiting_result" if for_somebody else str(row["status"])
