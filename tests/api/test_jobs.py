"""Jobs over HTTP: how far they are, when they will be done, and stopping them."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import asyncpg
import pytest

from api.job_kinds import kinds
from api.requests_jobs import Kind
from scheduler.ledger.jobs import advance_job, create_job, finish_job, take_job
from tests.api.builders import Site, a_tenant

PATH = "/v1/jobs"


async def a_job(site: Site, kind: str = "count", *, account_id: int | None = None) -> int:
    return await create_job(
        site.database,
        account_id=account_id or site.home.account_id,
        kind=kind,
        args={"secret": "not shown"},
        now_ms=site.clock.now_ms(),
    )


async def shown(site: Site, job_id: int, **rest: Any) -> dict[str, Any]:
    answer = await site.get(f"{PATH}/{site.deps.ids.write('job', job_id)}", **rest)
    assert answer.status == 200
    body: dict[str, Any] = await answer.json()
    return body


async def taken(site: Site, kind: str = "count") -> Any:
    now_ms = site.clock.now_ms()
    found = await take_job(
        site.database, [kind], wall_ms=site.clock.wall_ms(), lease_ms=60_000, now_ms=now_ms
    )
    assert found is not None
    return found


async def advance(site: Site, job: Any, done: int, total: int | None) -> bool:
    return await advance_job(
        site.database,
        job.job_id,
        job.takes,
        done=done,
        total=total,
        cursor=None,
        leased_until_ms=site.clock.wall_ms() + 60_000,
        now_ms=site.clock.now_ms(),
    )


async def test_a_job_tells_how_far_it_is_and_when_it_will_be_done(site: Site) -> None:
    """API 1: `job` {id, kind, status, done, total, started_at, finished_at, eta_at, error}."""
    job_id = await a_job(site)
    queued = await shown(site, job_id)
    assert (queued["status"], queued["started_at"], queued["eta_at"]) == ("queued", None, None)

    job = await taken(site)
    site.clock.move_to(site.clock.now_ms() + 10_000)
    await advance(site, job, 25, 100)
    running = await shown(site, job_id)
    assert (running["status"], running["done"], running["total"]) == ("running", 25, 100)
    assert (running["started_at"], running["eta_at"]) == (
        "2026-06-16T18:00:00.000Z", "2026-06-16T18:00:40.000Z",
    )  # fmt: skip

    await finish_job(site.database, job_id, job.takes, "failed", "no such file", site.clock.now_ms())
    over = await shown(site, job_id)
    assert (over["status"], over["error"], over["eta_at"]) == ("failed", "no such file", None)
    assert over["finished_at"] == "2026-06-16T18:00:10.000Z"
    assert "secret" not in str(over)


async def test_a_job_is_stopped_once_and_one_that_is_over_is_not(site: Site) -> None:
    """API 1: POST ./cancel."""
    first, second = await a_job(site), await a_job(site)
    job = await taken(site)

    path = f"{PATH}/{site.deps.ids.write('job', first)}/cancel"
    canceled = await site.post(path)
    again = await site.post(path)

    assert (canceled.status, (await canceled.json())["status"], again.status) == (200, "canceled", 200)
    assert await advance(site, job, 1, None) is False
    audit = await site.rows("SELECT action, before, after FROM audit WHERE action = 'job_canceled'")
    assert len(audit) == 1
    other = await taken(site)
    await finish_job(site.database, second, other.takes, "done", None, site.clock.now_ms())
    refused = await site.post(f"{PATH}/{site.deps.ids.write('job', second)}/cancel")
    assert (refused.status, (await refused.json())["code"]) == (409, "state-conflict")


async def test_of_an_account_one_job_of_a_kind_is_worked_on_however_many_look_at_once(site: Site) -> None:
    """A tenant with many jobs holds up no other; the index on running jobs says so, not who was quicker."""
    other = await a_tenant(site.database, "Other")
    first = [await a_job(site), await a_job(site, account_id=other.account_id)]
    for _ in range(5):
        await a_job(site)
    now_ms, wall_ms = site.clock.now_ms(), site.clock.wall_ms()
    looks = (
        take_job(site.database, ["count"], wall_ms=wall_ms, lease_ms=60_000, now_ms=now_ms) for _ in range(10)
    )
    found = await asyncio.gather(*looks)

    assert sorted(job.job_id for job in found if job is not None) == first
    with pytest.raises(asyncpg.UniqueViolationError):
        await site.rows("UPDATE job SET status = 'running' WHERE status = 'queued'")


async def test_jobs_are_listed_by_kind_and_state_a_page_at_a_time(site: Site) -> None:
    """API 1: cursor pages, repeatable equality."""
    of = ("import", "export", "import", "recalculation")
    ids = [site.deps.ids.write("job", await a_job(site, kind)) for kind in of]
    await taken(site, "export")

    async def listed(query: str) -> Any:
        return await (await site.get(f"{PATH}?{query}")).json()

    two = await listed("kind=import&kind=export&count=exact&order=asc")
    assert [job["id"] for job in two["data"]] == ids[:3]
    assert two["count"] == 3
    assert [job["id"] for job in (await listed("status=running"))["data"]] == [ids[1]]
    first = await listed("limit=3")
    rest = await listed(f"limit=3&cursor={first['next_cursor']}")
    assert [job["id"] for job in first["data"] + rest["data"]] == ids[::-1], "the newest first"
    assert (await site.get(f"{PATH}?status=lost")).status == 422
    refused = await site.get(f"{PATH}?kind=imports")
    assert refused.status == 422
    assert "lead-actions" in (await refused.json())["hint"]


async def test_a_list_may_be_asked_for_each_kind_of_job_that_there_is(site: Site) -> None:
    assert set(get_args(Kind)) == set(kinds(site.deps.ids))


async def test_nobody_sees_or_stops_a_job_of_another(site: Site) -> None:
    """I24."""
    other = await a_tenant(site.database, "Other")
    path = f"{PATH}/{site.deps.ids.write('job', await a_job(site, account_id=other.account_id))}"

    assert (await site.get(path)).status == 404
    assert (await site.post(f"{path}/cancel")).status == 404
    assert (await (await site.get(PATH)).json())["data"] == []
    assert (await site.get(path, key=other.key)).status == 200
