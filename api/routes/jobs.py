"""Jobs: what goes on behind an answer, how far it is, and stopping it."""

from __future__ import annotations

from functools import partial

from api import schemas
from api.editing import editing
from api.instants import utc, utc_ms, utc_or_none
from api.paging import listed, slice_of
from api.requests_jobs import JobsQuery
from api.routing import Call, Reply, route
from api.schemas_jobs import Job
from scheduler.domain.time import Ms
from scheduler.ledger import jobs
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms
from scheduler.public_ids import PublicIds


@route("GET", "/v1/jobs", scope="read")
async def list_jobs(call: Call, query: JobsQuery) -> Reply[schemas.Page[Job]]:
    """The account's jobs, newest first unless `order=asc`; by `kind` and `status`, each may be repeated."""
    kinds, statuses = query.kind or None, query.status or None
    rows = await jobs.jobs(
        call.deps.flow.database,
        call.account_id,
        slice_of(call, query),
        kinds=kinds,
        statuses=statuses,
    )
    now_ms = call.deps.clock.now_ms()
    shown = [job_view(row, call.ids, now_ms) for row in rows]
    numbers = [row["job_id"] for row in rows]
    count = partial(jobs.count_jobs, call.deps.flow.database, call.account_id, kinds=kinds, statuses=statuses)
    return await listed(call, query, shown, numbers, count)


@route("GET", "/v1/jobs/{id}", scope="read")
async def show_job(call: Call) -> Reply[Job]:
    """One job: how far it is and when it will be done."""
    return Reply(await shown_job(call, call.id("job")))


@route("POST", "/v1/jobs/{id}/cancel", scope="calls:write")
async def cancel_job(call: Call) -> Reply[Job]:
    """Stop a job; what it has done by then stays. Again changes nothing; 409 for one that is over."""
    job_id = call.id("job")
    async with editing(call) as edit:
        was = await jobs.cancel_job(call.deps.flow.database, edit.on, call.account_id, job_id, edit.now_ms)
        if was is not None:
            await edit.tell("job_canceled", f"job:{job_id}", {"status": was["status"]}, {"kind": was["kind"]})
    return Reply(await shown_job(call, job_id))


async def shown_job(call: Call, job_id: int) -> Job:
    """The job as its own path shows it, for answers that name one. Raises NotFound."""
    row = await jobs.job(call.deps.flow.database, call.account_id, job_id)
    return job_view(row, call.ids, call.deps.clock.now_ms())


def job_view(row: Row, ids: PublicIds, now_ms: Ms) -> Job:
    return Job(
        id=ids.write("job", row["job_id"]),
        object="job",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        kind=row["kind"],
        status=row["status"],
        done=row["done"],
        total=row["total"],
        started_at=utc_or_none(row["started_at"]),
        finished_at=utc_or_none(row["finished_at"]),
        eta_at=utc_ms(_eta_ms(row, now_ms)),
        error=row["error"],
    )


def _eta_ms(row: Row, now_ms: Ms) -> Ms | None:
    """When it is done at the pace since it began."""
    done, total = row["done"], row["total"]
    if row["status"] != "running" or not done or total is None:
        return None
    took_ms = now_ms - to_ms(row["started_at"])
    return now_ms + took_ms * max(0, total - done) // done


ROUTES = (list_jobs, show_job, cancel_job)
