"""No-call days: where the lead is, in some regions or everywhere, once or every year."""

from __future__ import annotations

from typing import Any

from tests.api.builders import Site, a_lead
from tests.api.settings import a_waiting_lead, do_jobs, planned_at

PATH = "/v1/no-call-days"
TODAY = {"date": "2026-06-16", "label": "Founding day"}


async def make(site: Site, path: str = PATH, **fields: Any) -> Any:
    return await site.post(path, TODAY | fields)


async def test_a_no_call_day_moves_what_is_planned_on_it(site: Site) -> None:
    """D21: account level, with a label that `why[]` shows."""
    lead = await a_waiting_lead(site)

    answer = await make(site)
    made = await answer.json()
    await do_jobs(site)

    assert (answer.status, made["impact"]["later"], made["repeat"]) == (201, 1, "none")
    assert (await planned_at(site, lead))[:10] == "2026-06-17"
    why = (await (await site.get(f"/v1/leads/{lead['id']}")).json())["why"]
    assert any("Founding day" in line["detail"] for line in why)


async def test_a_day_of_one_region_leaves_the_others_alone(site: Site) -> None:
    lead = await a_waiting_lead(site)
    was = await planned_at(site, lead)

    made = await (await make(site, regions=["Texas", "US-TX"])).json()
    await do_jobs(site)

    assert (made["regions"], made["impact"]["unchanged"]) == (["US-TX"], 1)
    assert await planned_at(site, lead) == was


async def test_a_yearly_day_comes_again(site: Site) -> None:
    lead = await a_waiting_lead(site)

    await make(site, date="2020-06-16", repeat="yearly")
    await do_jobs(site)

    assert (await planned_at(site, lead))[:10] == "2026-06-17"


async def test_a_day_is_changed_and_taken_away(site: Site) -> None:
    lead = await a_waiting_lead(site)
    was = await planned_at(site, lead)
    made = await (await make(site)).json()
    path = f"{PATH}/{made['id']}"

    moved = await (await site.send("PATCH", path, json={"date": "2026-06-17"})).json()
    await do_jobs(site)
    assert (moved["label"], await planned_at(site, lead)) == ("Founding day", was)
    removed = await site.send("DELETE", path)
    await do_jobs(site)

    assert (removed.status, (await removed.json())["impact"]["unchanged"]) == (200, 1)
    assert (await site.get(path)).status == 404
    actions = [row["action"] for row in await site.rows("SELECT action FROM audit ORDER BY audit_id")]
    assert actions[-3:] == ["no_call_day_created", "no_call_day_changed", "no_call_day_deleted"]


async def test_a_dry_run_leaves_the_day_as_it_is(site: Site) -> None:
    lead = await a_waiting_lead(site)
    was = await planned_at(site, lead)

    rehearsed = await make(site, path=f"{PATH}?dry_run=true")

    assert rehearsed.status == 200
    body = await rehearsed.json()
    assert (body["id"], body["job"], body["impact"]["later"]) == (None, None, 1)
    assert (await (await site.get(PATH)).json())["data"] == []
    assert await planned_at(site, lead) == was


async def test_the_same_day_twice_is_refused_and_so_is_no_date(site: Site) -> None:
    await make(site)

    assert (await make(site)).status == 409
    for date in ("2026-02-30", "0001-01-01", "1999-12-31", "2200-01-01", "9999-12-31"):
        assert (await make(site, date=date)).status == 422
    assert (await make(site, regions=["Nowhere"])).status == 422


async def test_the_first_and_the_last_day_that_may_be_said_stop_no_planning(site: Site) -> None:
    """RELIABILITY 5.2: a date that the calendar cannot go beyond would end the planning of everybody."""
    for n, date in enumerate(("2000-01-01", "2000-02-29", "2199-12-31")):
        for repeat in ("none", "yearly"):
            made = await make(site, date=date, repeat=repeat, label=f"{n}")
            assert made.status in (201, 409), await made.text()
        lead = await site.post("/v1/leads", a_lead(agent_id=site.agent, phone=f"+1212555012{n}"))
        assert lead.status == 201, await lead.text()
        explained = await site.get(f"/v1/leads/{(await lead.json())['id']}/explain")
        assert explained.status == 200
