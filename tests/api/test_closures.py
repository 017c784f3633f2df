"""Closures: nobody in a closed region is called, from the answer on."""

from __future__ import annotations

from typing import Any

from scheduler.ledger.database import Database
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel
from tests.api.builders import OTHER_PHONE, PERMIT_S, Site, a_lead, a_site
from tests.api.settings import a_waiting_lead, do_jobs, planned_at

CLOSED = {
    "regions": ["US-NY"],
    "starts_at": "2026-06-16T00:00:00Z",
    "ends_at": "2026-06-18T16:00:00Z",
    "reason": "hurricane",
}
CHICAGO = "+13125550123"


async def close(site: Site, path: str = "/v1/compliance/closures", **fields: Any) -> Any:
    return await site.post(path, CLOSED | fields)


async def test_a_closed_region_is_not_called_and_the_others_are(site: Site) -> None:
    """MISSION 5: 0 calls in a closed region after the switch; the plan says why."""
    here = await a_waiting_lead(site)
    there = await a_waiting_lead(site, phone=CHICAGO)
    was = await planned_at(site, there)

    answer = await close(site)
    closed = await answer.json()
    await do_jobs(site)

    assert answer.status == 201
    assert (closed["impact"]["later"], closed["impact"]["unchanged"]) == (1, 1)
    assert answer.headers["Location"] == f"/v1/compliance/closures/{closed['id']}"
    assert await planned_at(site, here) > "2026-06-18T16:00"
    assert await planned_at(site, there) == was
    why = (await (await site.get(f"/v1/leads/{here['id']}")).json())["why"]
    assert any("hurricane" in line["detail"] for line in why)


async def test_whoever_closes_ca_closes_california_too(site: Site) -> None:
    """`CA` is Canada's code and California's; whichever is meant, nobody there is called."""
    lead = await a_waiting_lead(site, phone="+14155550123")

    closed = await (await close(site, regions=["ca"])).json()
    await do_jobs(site)

    assert (closed["regions"], closed["impact"]["later"]) == (["CA", "US-CA"], 1)
    assert await planned_at(site, lead) > "2026-06-18T16:00"
    for said, meant in (("Canada", ["CA"]), ("US-CA", ["US-CA"])):
        answer = await close(site, "/v1/compliance/closures?dry_run=true", regions=[said])
        assert (await answer.json())["regions"] == meant


async def test_a_permit_is_refused_for_what_was_planned_before_the_closing(site: Site) -> None:
    """I10: nothing hangs on the job: the arm refuses what is outdated from the commit on."""
    await a_waiting_lead(site)

    await close(site)

    agent = await site.rows("SELECT policy_version FROM agent")
    loop = await site.rows("SELECT policy_version FROM loop")
    assert loop[0]["policy_version"] < agent[0]["policy_version"]


async def test_lifting_a_closing_lets_calls_go_again(site: Site) -> None:
    lead = await a_waiting_lead(site)
    was = await planned_at(site, lead)
    closed = await (await close(site)).json()
    await do_jobs(site)
    path = f"/v1/compliance/closures/{closed['id']}"

    rehearsed = await (await site.send("DELETE", f"{path}?dry_run=true")).json()
    assert (rehearsed["impact"]["earlier"], rehearsed["job"]) == (1, None)
    assert (await site.get(path)).status == 200
    lifted = await site.send("DELETE", path)
    await do_jobs(site)

    assert (lifted.status, (await lifted.json())["impact"]["earlier"]) == (200, 1)
    assert (await site.get(path)).status == 404
    assert await planned_at(site, lead) == was


async def test_a_closing_is_shortened(site: Site) -> None:
    lead = await a_waiting_lead(site)
    closed = await (await close(site)).json()
    await do_jobs(site)

    path = f"/v1/compliance/closures/{closed['id']}"
    answer = await site.send("PATCH", path, json={"ends_at": "2026-06-17T16:00:00Z"})
    await do_jobs(site)

    assert (await answer.json())["ends_at"] == "2026-06-17T16:00:00.000Z"
    assert (await planned_at(site, lead))[:10] == "2026-06-17"
    listed = await (await site.get("/v1/compliance/closures?count=exact")).json()
    assert (listed["count"], listed["data"][0]["reason"]) == (1, "hurricane")


async def test_a_closing_that_means_nothing_is_refused(site: Site) -> None:
    """API 2: a misspelt region would close nothing, without a word."""
    for fields, pointer in (
        ({"regions": ["US-ZZ"]}, "/regions/0"),
        ({"ends_at": "2026-06-15T00:00:00Z"}, "/ends_at"),
        ({"reason": " "}, "/reason"),
        ({"ends_at": "1999-01-01T00:00:00Z"}, "/ends_at"),
    ):
        answer = await close(site, **fields)
        assert (answer.status, (await answer.json())["errors"][0]["pointer"]) == (422, pointer)
    assert (await (await site.get("/v1/compliance/closures")).json())["data"] == []


async def test_leads_that_come_during_a_closing_wait_for_its_end(site: Site) -> None:
    await close(site, regions=[])

    lead = await (await site.post("/v1/leads", a_lead(phone=OTHER_PHONE, agent_id=site.agent))).json()

    assert lead["next_attempt"]["at"] > "2026-06-18T16:00"


async def test_an_account_keeps_so_many_closures_and_no_call_days(
    database: Database, wheel: TimingWheel, aiohttp_client: Any
) -> None:
    """Each is looked at for every place: the number is bounded, and what is over can be removed."""
    settings = Settings(permit_s=PERMIT_S, import_workers=0, closures_kept=1, no_call_days_kept=1)
    site = await a_site(aiohttp_client, database, wheel, settings=settings)
    first = await (await close(site)).json()
    await site.post("/v1/no-call-days", {"date": "2026-12-24"})

    refused = [await close(site), await site.post("/v1/no-call-days", {"date": "2026-12-25"})]

    assert [answer.status for answer in refused] == [409, 409]
    await site.send("DELETE", f"/v1/compliance/closures/{first['id']}")
    assert (await close(site)).status == 201
