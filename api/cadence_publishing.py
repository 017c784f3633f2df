"""A draft becomes a version, and running loops go over to it where that is asked for."""

from __future__ import annotations

import msgspec

from api.cadence_edits import require_match, shown
from api.cadence_states import check_runnable, conflict, leads_to
from api.editing import Edit, editing
from api.requests_cadences import CadencePublishIn
from api.routes.jobs import shown_job
from api.routing import Call, Reply
from api.schemas_cadences import Cadence, CadencePublished
from api.schemas_impact import Impact
from scheduler.flow.cadence_impact import measure_version
from scheduler.flow.impact import NOBODY
from scheduler.ledger import cadences
from scheduler.ledger.database import Row
from scheduler.ledger.jobs import create_job

KIND = "cadence-publish"


class _Rehearsed(Exception):
    """Ends the transaction of a dry run: it leaves nothing behind."""


async def publish(call: Call, said: CadencePublishIn, *, dry_run: bool) -> Reply[CadencePublished]:
    """Publish `{id}`, or rehearse it: the same transaction, taken back at its end.

    Raises Problem 404, 409 for an archived cadence, 412, 422 `cadence-invalid`.
    """
    cadence_id, database = call.id("cad"), call.deps.flow.database
    impact, job_id = NOBODY, None
    answer: tuple[Cadence, dict[str, str]] | None = None
    try:
        async with editing(call) as edit:
            await cadences.lock_cadences(database, edit.on, call.account_id)
            row = await cadences.lock_cadence(database, edit.on, call.account_id, cadence_id)
            require_match(call.request, row, needed=False)
            if row["status"] == "archived":
                raise conflict("archived", "restore it first")
            version = await _version(call, edit, row, said.note)
            if said.apply_to == "active_loops":
                await cadences.apply_latest(database, edit.on, call.account_id, cadence_id, edit.now_ms)
                waiting, behind = await cadences.loops_behind(database, edit.on, cadence_id)
                if behind:
                    impact = await measure_version(
                        call.deps.flow,
                        edit.on,
                        cadence_id,
                        edit.now_ms,
                        waiting=waiting,
                        most=call.deps.settings.impact_loops,
                    )
                    job_id = await create_job(
                        database,
                        account_id=call.account_id,
                        kind=KIND,
                        args={"cadence_id": cadence_id, "version": version},
                        total=behind,
                        now_ms=edit.now_ms,
                        on=edit.on,
                    )
            answer = await shown(call, cadence_id, edit.on)
            if dry_run:
                raise _Rehearsed
    except _Rehearsed:
        job_id = None
    assert answer is not None
    found, headers = answer
    job = None if job_id is None else await shown_job(call, job_id)
    body = CadencePublished(
        **msgspec.structs.asdict(found), impact=Impact(**msgspec.structs.asdict(impact)), job=job
    )
    if job is not None:
        headers["Location"] = f"/v1/jobs/{job.id}"
    return Reply(body, status=200 if job is None else 202, headers={} if dry_run else headers)


async def _version(call: Call, edit: Edit, row: Row, note: str) -> int:
    """The number of the version that the draft is, made now unless it is the latest."""
    database, form = call.deps.flow.database, cadences.draft_of(row)
    known = await cadences.references(
        database, call.account_id, cadence_ids=[number for number, _ in leads_to(form)], on=edit.on
    )
    check_runnable(form, {number: status for number, (_, status) in known.cadences.items()})
    if not row["draft_dirty"]:
        return int(row["version"])
    version = await cadences.publish_cadence(
        database,
        edit.on,
        row,
        account_id=call.account_id,
        note=note,
        by=call.actor.name,
        now_ms=edit.now_ms,
    )
    before = {"version": row["version"], "status": row["status"]}
    after = {"version": version, "note": note}
    await edit.tell("cadence_published", f"cadence:{row['cadence_id']}", before, after)
    return version
