"""Rows about imports as the API shows them."""

from __future__ import annotations

from api.instants import utc, utc_ms
from api.schemas_imports import Import, ImportPart
from scheduler.domain.time import SECOND, Ms
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms
from scheduler.public_ids import PublicIds

COUNTS = ("created", "updated", "unchanged", "duplicate", "suppressed", "rejected")


def import_(row: Row, ids: PublicIds, now_ms: Ms | None = None) -> Import:
    """`now_ms`: for the pace of one that is under way."""
    id_ = ids.write("imp", row["import_id"])
    began_ms = to_ms(row["touched_at"] or row["started_at"])
    until_ms = now_ms if row["finished_at"] is None else to_ms(row["finished_at"])
    took_ms = 0 if until_ms is None else max(0, until_ms - began_ms)
    touched = row["finished_at"] or row["touched_at"] or row["started_at"]
    return Import(
        id=id_,
        object="import",
        created_at=utc(row["started_at"]),
        updated_at=utc(touched),
        batch_id=ids.write("bat", row["batch_id"]),
        status=row["status"],
        bytes=row["bytes"],
        size=row["size"],
        rows=row["rows"],
        **{name: row[name] for name in COUNTS},
        rows_per_s=row["rows"] * SECOND // took_ms if took_ms else None,
        eta_at=None if row["finished_at"] else _eta_at(row, took_ms, now_ms),
        errors_url=f"/v1/imports/{id_}/errors",
        job_id=ids.write_or_none("job", row["job_id"]),
        trouble=row["trouble"],
        resume_row=row["resume_row"],
    )


def _eta_at(row: Row, took_ms: Ms, now_ms: Ms | None) -> str | None:
    """When it is in, at the pace since it began; null as long as nothing tells."""
    if now_ms is None or not row["size"] or not row["bytes"]:
        return None
    return utc_ms(now_ms + took_ms * max(0, row["size"] - row["bytes"]) // row["bytes"])


def part(row: Row, ids: PublicIds) -> ImportPart:
    return ImportPart(
        id=ids.write("prt", row["import_part_id"]),
        object="import_part",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        number=row["part"],
        size=row["size"],
        sha256=row["sha256"].hex(),
    )
