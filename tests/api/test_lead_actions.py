"""POST /v1/leads/actions: told beforehand, done by a job, on those that were meant and no others."""

from __future__ import annotations

from typing import Any

import pytest

from api.job_kinds import KINDS
from scheduler.services import lead_actions
from scheduler.services.jobs import Jobs
from tests.api.builders import PHONE, Site, a_lead, a_tenant
from tests.api.test_lead_changes import claims, take_in


async def leads(site: Site, count: int = 5, **fields: Any) -> list[dict[str, Any]]:
    return [await take_in(site, phone=f"+12125550{100 + n}", **fields) for n in range(count)]


async def ask(site: Site, action: str, *, dry_run: bool = False, **body: Any) -> Any:
    return await site.post(f"/v1/leads/actions?dry_run={str(dry_run).lower()}", {"action": action, **body})


async def work(site: Site) -> None:
    """Do all jobs that wait."""
    await Jobs(site.flow, site.clock, site.deps.settings, KINDS).step(site.clock.now_ms())


async def done(site: Site, action: str, **body: Any) -> dict[str, Any]:
    """The impact that was told, once the job is done."""
    reply = await ask(site, action, **body)
    assert reply.status == 202, await reply.text()
    said = await reply.json()
    assert reply.headers["Location"] == f"/v1/jobs/{said['job']['id']}"
    await work(site)
    job = await (await site.get(reply.headers["Location"])).json()
    assert (job["status"], job["done"], job["error"]) == ("done", said["impact"]["matched"], None)
    return said["impact"]


async def loops(site: Site) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in await site.rows("SELECT status, end_reason FROM loop ORDER BY loop_id")]


async def test_a_dry_run_tells_what_would_change_and_changes_nothing(site: Site):
    """PRODUCT 1.6: "select all that match" runs with a dry run first."""
    await leads(site, 3, agent_id=site.agent, tags=["hot"])
    await take_in(site, phone="+12125550190", tags=["hot"])

    told = {
        action: (await (await ask(site, action, dry_run=True, filter={"tag": "hot"}, args=args)).json())
        for action, args in {
            "pause": {}, "resume": {}, "remove": {}, "tag": {"add": ["hot", "new"]},
            "priority": {"priority": "live"}, "enrol": {"agent_id": site.agent},
        }.items()
    }  # fmt: skip

    assert {action: said["impact"]["changes"] for action, said in told.items()} == {
        "pause": 3, "resume": 0, "remove": 3, "tag": 4, "priority": 0, "enrol": 1,
    }  # fmt: skip
    assert {said["impact"]["matched"] for said in told.values()} == {4}
    assert {said["job"] for said in told.values()} == {None}
    assert await site.rows("SELECT 1 FROM job") == []
    assert len(await claims(site)) == 3


async def test_paused_loops_are_not_called_until_they_are_resumed(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    """I10; the wheel follows: what is stopped is off it, what goes on is back."""
    monkeypatch.setattr(lead_actions, "GROUP", 2)
    await leads(site, agent_id=site.agent)

    impact = await done(site, "pause", filter={"status": "active"})
    assert (impact["matched"], impact["changes"], impact["estimated"]) == (5, 5, False)
    assert await loops(site) == [("paused", None)] * 5
    assert await claims(site) == []
    await done(site, "resume", filter={})

    assert await loops(site) == [("scheduled", None)] * 5
    assert len(await claims(site)) == 5


async def test_removed_leads_are_closed_and_off_the_wheel_and_others_are_not_touched(site: Site):
    made = await leads(site, agent_id=site.agent)

    await done(site, "remove", ids=[lead["id"] for lead in made[:2]])

    assert await loops(site) == [("ended", "removed")] * 2 + [("scheduled", None)] * 3
    assert len(await claims(site)) == 3
    assert (await (await site.get(f"/v1/leads/{made[0]['id']}")).json())["status"] == "closed"


async def test_enrol_follows_up_whom_nobody_does_and_never_who_opted_out(site: Site):
    """I8; who was followed up before may be again, by somebody's word."""
    made = await leads(site, 3)
    again = await take_in(site, phone="+12125550190", agent_id=site.agent)
    await done(site, "remove", ids=[again["id"]])
    await site.post("/v1/dnc/entries", {"phone": PHONE})
    await site.rows("UPDATE lead SET phone = $1 WHERE phone = $2", PHONE, made[0]["phone"])

    impact = await done(site, "enrol", filter={}, args={"agent_id": site.agent})

    assert impact["changes"] == 3
    assert await loops(site) == [("ended", "removed"), *[("scheduled", None)] * 3]
    assert len(await claims(site)) == 3
    assert (await done(site, "enrol", filter={}, args={"agent_id": site.agent}))["changes"] == 0


async def test_tags_come_and_go_and_a_priority_moves_calls_to_its_lane(site: Site):
    [lead] = await leads(site, 1, agent_id=site.agent, tags=["a", "b"])

    await done(site, "tag", filter={"tag": "a"}, args={"add": ["c", "b"], "remove": ["a"]})
    await done(site, "priority", filter={}, args={"priority": "bulk"})

    shown = await (await site.get(f"/v1/leads/{lead['id']}")).json()
    assert (shown["tags"], shown["priority"]) == (["b", "c"], "bulk")
    [lane] = await site.rows("SELECT la.class FROM loop AS lo JOIN lane AS la USING (lane_id)")
    assert lane["class"] == "bulk"
    assert len(await claims(site)) == 1


async def test_leads_that_come_in_after_the_request_are_not_touched(site: Site):
    await leads(site, 2, agent_id=site.agent)
    assert (await ask(site, "pause", filter={})).status == 202
    site.clock.move_to(site.clock.now_ms() + 1000)
    await take_in(site, phone="+12125550190", agent_id=site.agent)

    await work(site)

    assert await loops(site) == [("paused", None)] * 2 + [("scheduled", None)]


async def test_a_job_that_broke_off_goes_on_where_it_was(site: Site, monkeypatch: pytest.MonkeyPatch):
    """Jobs: a piece and its cursor are kept together; nothing is done twice or left out."""
    monkeypatch.setattr(lead_actions, "GROUP", 2)
    await leads(site, agent_id=site.agent)
    await ask(site, "tag", filter={}, args={"add": ["x"]})
    real, calls = lead_actions.act, 0

    async def breaks(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("out")
        return await real(*args, **more)

    monkeypatch.setattr(lead_actions, "act", breaks)
    await work(site)
    [job] = await site.rows("SELECT status, done FROM job")
    assert tuple(job) == ("queued", 2)
    await site.rows("UPDATE job SET leased_until = NULL")
    await work(site)

    [job] = await site.rows("SELECT status, done FROM job")
    assert tuple(job) == ("done", 5)
    assert calls == 4
    assert [row["tags"] for row in await site.rows("SELECT tags FROM lead")] == [["x"]] * 5


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "pause"}, "/filter"), ({"action": "pause", "filter": {}, "ids": ["lead_x"]}, "/filter"),
        ({"action": "pause", "ids": []}, "/ids"), ({"action": "pause", "ids": ["lead_x"]}, "/ids/0"),
        ({"action": "burn", "filter": {}}, "/action"), ({"action": "tag", "filter": {}}, "/args/add"),
        ({"action": "priority", "filter": {}}, "/args/priority"),
        ({"action": "enrol", "filter": {}}, "/args/agent_id"),
        ({"action": "enrol", "filter": {}, "args": {"batch_id": "bat_x"}}, "/args/batch_id"),
        ({"action": "pause", "filter": {"stutus": "new"}}, "/filter/stutus"),
    ],
)  # fmt: skip
async def test_what_means_nothing_makes_no_job(site: Site, body: dict[str, Any], pointer: str):
    reply = await site.post("/v1/leads/actions", body)

    assert (reply.status, (await reply.json())["errors"][0]["pointer"]) == (422, pointer)
    assert await site.rows("SELECT 1 FROM job") == []


async def test_leads_of_others_cannot_be_acted_on(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    agent = site.deps.ids.write("agt", other.agent_id)
    theirs = await (await site.post("/v1/leads", a_lead(agent_id=agent), key=other.key)).json()

    assert (await ask(site, "remove", ids=[theirs["id"]])).status == 422
    assert (await done(site, "remove", filter={}))["matched"] == 0
    assert (await ask(site, "enrol", filter={}, args={"agent_id": agent})).status == 422
    assert await loops(site) == [("scheduled", None)]


async def test_a_job_keeps_nothing_that_tells_who_somebody_is(site: Site):
    """RELIABILITY 5.1: what is kept of a request does not outlive the erasing of a person."""
    await take_in(site, phone=PHONE, email="ana@example.com", external_id="crm-1", agent_id=site.agent)

    for narrow in ({"phone": PHONE}, {"email": "ana@example.com"}, {"external_id": "crm-1"}):
        assert (await done(site, "tag", filter=narrow, args={"add": [next(iter(narrow))]}))["changes"] == 1

    for row in await site.rows("SELECT args::text AS args FROM job"):
        assert not any(word in row["args"] for word in (PHONE, "ana@", "crm-1"))
    [row] = await site.rows("SELECT tags FROM lead")
    assert row["tags"] == ["phone", "email", "external_id"]
