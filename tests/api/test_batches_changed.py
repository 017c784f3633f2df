"""Batches: tried before they are made or changed, and taken away while nobody needs them (API 1 and 5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.instants import utc_ms
from api.routes import batches
from scheduler.domain.time import HOUR
from tests.api.builders import Site, a_tenant
from tests.api.imports import a_file, value
from tests.api.test_batches import CSV, make, patch, shown

NOBODY = {"earlier": 0, "later": 0, "unchanged": 0, "out": 0, "examined": 0, "estimated": False}


async def fill(site: Site, batch: dict[str, Any], rows: int) -> None:
    path = f"/v1/imports?batch_id={batch['id']}"
    assert (await site.send("POST", path, data=a_file(rows), headers=CSV)).status == 202


async def ledger(site: Site) -> list[Any]:
    tables = ("batch", "loop", "audit", "news")
    return [await site.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


async def test_a_batch_that_began_long_ago_takes_its_start_back_as_it_was_read(site: Site):
    """API 4: what one endpoint answers another takes, whatever time it is by then."""
    batch = await make(site, throttle={"start_at": utc_ms(site.clock.now_ms() + HOUR)})
    site.clock.move_to(site.clock.now_ms() + 30 * HOUR)
    before = await ledger(site)
    path, throttle = f"/v1/batches/{batch['id']}", (await shown(site, batch))["throttle"]

    same = await site.send("PATCH", path, json={"throttle": throttle})
    assert (same.status, await ledger(site)) == (200, before), await same.text()
    later = {"throttle": {**throttle, "start_at": "2026-06-16T18:00:00Z"}}
    assert (await site.send("PATCH", path, json=later)).status == 422


async def test_a_batch_is_tried_before_it_is_made(site: Site):
    """API 1: a dry run validates, writes nothing, returns `impact`."""
    body = {"name": "Nov solar", "agent_id": site.agent, "throttle": {"max_per_min": 60}}

    reply = await site.post("/v1/batches?dry_run=true", body)

    said = await reply.json()
    assert (reply.status, said["id"], said["impact"]) == (200, None, NOBODY)
    assert await site.rows("SELECT 1 FROM batch") == []
    assert await site.rows("SELECT 1 FROM audit") == []
    made = await (await site.post("/v1/batches", body)).json()
    own = ("id", "created_at", "updated_at")
    assert {name: made[name] for name in made if name not in own} == {
        name: said[name] for name in said if name not in own
    }
    assert (await site.post("/v1/batches?dry_run=true", body)).status == 409


async def moves(site: Site, change: Any) -> dict[str, int]:
    """How the instants of first touches move by what `change` does."""
    read = "SELECT loop_id, next_at FROM loop ORDER BY 1"
    before = dict(await site.rows(read))
    await change()
    after = dict(await site.rows(read))
    return {
        "earlier": sum(after[number] < at for number, at in before.items()),
        "later": sum(after[number] > at for number, at in before.items()),
        "unchanged": sum(after[number] == at for number, at in before.items()),
    }


@pytest.mark.parametrize(
    "throttle", [{"spread_over_s": 36_000}, {"spread_over_s": 60}, {"max_per_min": 6.0}, "later"]
)
async def test_a_dry_run_tells_exactly_how_first_touches_will_move(site: Site, throttle: Any):
    """Issue: changes answer with how many loops move earlier, later."""
    if throttle == "later":
        throttle = {"start_at": utc_ms(site.clock.now_ms() + 2 * HOUR)}
    batch = await make(site, throttle={"spread_over_s": 3600})
    await fill(site, batch, 200)
    before = await ledger(site)

    tried = await site.send("PATCH", f"/v1/batches/{batch['id']}?dry_run=true", json={"throttle": throttle})

    assert tried.status == 200, await tried.text()
    foretold = await tried.json()
    assert await ledger(site) == before
    replies = []

    async def change() -> None:
        replies.append(await patch(site, batch, {"throttle": throttle}))

    moved = await moves(site, change)
    impact = foretold["impact"]
    assert {name: impact[name] for name in moved} == moved
    assert (impact["examined"], impact["estimated"], moved["earlier"] + moved["later"]) == (200, False, 200)
    said = await replies[0].json()
    assert said["impact"] == impact
    assert said["throttle"] == foretold["throttle"]
    plain = await site.get(f"/v1/batches/{batch['id']}")
    assert plain.headers["ETag"] == replies[0].headers["ETag"]


async def test_a_start_that_is_said_again_is_answered_when_no_call_of_before_can_leave(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    """I9: whoever lost the answer to the first hears the same; a start long ago forbids nothing."""
    waited: list[float] = []

    async def void(clock: Any, since_s: float, permit_s: float) -> None:
        waited.append(since_s)

    monkeypatch.setattr(batches, "until_permits_are_void", void)
    batch = await make(site)
    later = {"throttle": {"start_at": utc_ms(site.clock.now_ms() + HOUR)}}

    for times in (1, 2):
        assert (await patch(site, batch, later)).status == 200
        assert len(waited) == times
    site.clock.move_to(site.clock.now_ms() + 2 * HOUR)
    assert (await patch(site, batch, later)).status == 200
    assert len(waited) == 2


async def test_a_change_that_moves_nothing_says_so_and_a_wrong_one_is_refused_when_tried(site: Site):
    batch, other = await make(site), await make(site, "other")
    await fill(site, batch, 20)
    path = f"/v1/batches/{batch['id']}?dry_run=true"

    quiet = await (await site.send("PATCH", path, json={"throttle": {"max_concurrent": 3}})).json()
    assert (quiet["impact"], quiet["throttle"]["max_concurrent"]) == (NOBODY, 3)
    assert (await site.send("PATCH", path, json={"name": "other"})).status == 409
    await site.post(f"/v1/batches/{other['id']}/cancel")
    over = f"/v1/batches/{other['id']}?dry_run=true"
    assert (await site.send("PATCH", over, json={"name": "x"})).status == 409
    assert (await shown(site, batch))["throttle"]["max_concurrent"] is None


async def test_a_batch_without_leads_is_deleted_and_its_name_is_free(site: Site):
    batch = await make(site)

    assert (await site.send("DELETE", f"/v1/batches/{batch['id']}")).status == 204

    assert (await site.get(f"/v1/batches/{batch['id']}")).status == 404
    assert (await site.send("DELETE", f"/v1/batches/{batch['id']}")).status == 404
    assert await value(site, "SELECT count(*) FROM audit WHERE action = 'batch_deleted'") == 1
    await make(site)


async def test_a_batch_that_anything_was_brought_into_stays(site: Site):
    with_leads, with_a_file = await make(site), await make(site, "other")
    await fill(site, with_leads, 3)
    path = f"/v1/imports?batch_id={with_a_file['id']}&parts=true"
    assert (await site.post(path)).status == 201

    for batch in (with_leads, with_a_file):
        reply = await site.send("DELETE", f"/v1/batches/{batch['id']}")
        assert (reply.status, (await reply.json())["code"]) == (409, "in-use")
    assert await value(site, "SELECT count(*) FROM batch") == 2


async def test_nobody_deletes_a_batch_of_another_account(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    batch = await make(site)

    assert (await site.send("DELETE", f"/v1/batches/{batch['id']}", key=other.key)).status == 404
    assert await value(site, "SELECT count(*) FROM batch") == 1


async def test_of_a_lead_that_comes_in_and_a_delete_at_once_none_leaves_the_other_behind(site: Site):
    """A lead's batch is always there."""
    for number in range(8):
        batch = await make(site, f"batch {number}")
        lead = {"phone": f"+1212555011{number}", "agent_id": site.agent, "batch_id": batch["id"]}
        come, gone = await asyncio.gather(
            site.post("/v1/leads", lead), site.send("DELETE", f"/v1/batches/{batch['id']}")
        )
        assert (come.status, gone.status) in ((201, 409), (404, 204), (409, 204), (422, 204)), number
    assert await site.rows("SELECT 1 FROM lead LEFT JOIN batch USING (batch_id) WHERE batch IS NULL") == []


async def test_counts_always_add_up(site: Site):
    """API 5: `counts` always add up."""
    batch = await make(site)
    await fill(site, batch, 12)
    statuses = ("new", "active", "reached", "converted", "exhausted", "unreachable", "opted_out", "closed")
    for lead_id, status in enumerate((*statuses, "active"), start=1):
        await site.rows("UPDATE lead SET status = $2 WHERE lead_id = $1", lead_id, status)
    await site.rows("UPDATE lead SET attempts_count = 2 WHERE lead_id % 2 = 0")

    counts = (await shown(site, batch))["counts"]

    assert counts.pop("leads") == sum(counts.values()) == 12
    assert {name: n for name, n in counts.items() if n} == {
        "untouched": 3, "in_progress": 3, "reached": 1, "converted": 1, "exhausted": 3, "suppressed": 1,
    }  # fmt: skip
