"""Events by pull: GET /v1/events (API 5, 7)."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.domain.time import DAY
from scheduler.ledger import news
from scheduler.services.herald import Herald
from tests.api.builders import PHONE, Site, a_lead, a_tenant


async def told(site: Site, type_: str, ids: list[int], **fields: Any) -> None:
    account_id = fields.pop("account_id", site.home.account_id)
    async with site.database.transaction() as on:
        await news.tell(site.database, type_, account_id, ids=ids, at_ms=site.clock.now_ms(), on=on, **fields)


async def numbered(site: Site) -> None:
    await Herald(site.database, site.clock, period_s=1, kept_days=7).step(site.clock.now_ms())


async def a_known_lead(site: Site) -> tuple[str, int]:
    """A lead that is kept and not followed up: its public id and its number."""
    made = await site.post("/v1/leads", a_lead())
    lead = (await made.json())["id"]
    number = site.deps.ids.read("lead", lead)
    assert number is not None
    await numbered(site)
    return lead, number


async def pull(site: Site, **query: Any) -> dict[str, Any]:
    answered = await site.get("/v1/events", params=query)
    assert answered.status == 200, await answered.text()
    page: dict[str, Any] = await answered.json()
    return page


async def test_an_event_shows_what_it_happened_to(site: Site) -> None:
    """API 7: the envelope `{id, type, timestamp, account_id, sequence, data:{object}, previous?}`."""
    lead, number = await a_known_lead(site)
    change = {"previous": {"status": "active"}, "now": {"status": "reached"}}
    await told(site, "lead.status_changed", [number], extra=change)
    await numbered(site)

    [event] = (await pull(site, type="lead.status_changed"))["data"]

    assert event["type"] == "lead.status_changed"
    assert event["id"].startswith("evt_")
    assert event["object"] == "event"
    assert event["timestamp"] == "2026-06-16T18:00:00.000Z"
    assert event["created_at"] == event["updated_at"] == event["timestamp"]  # API 4
    assert event["account_id"] == site.deps.ids.write("acc", site.home.account_id)
    assert event["previous"] == {"status": "active"}
    shown = event["data"]["object"]
    assert (shown["id"], shown["object"], shown["phone"], shown["status"]) == (lead, "lead", PHONE, "reached")


async def test_a_reader_that_keeps_its_cursor_misses_nothing_and_reads_nothing_twice(site: Site) -> None:
    """API 1: pages stay right while rows are added; the cursor goes on after the last page."""
    _, lead = await a_known_lead(site)
    await numbered(site)
    cursor, seen = (await pull(site, limit=200))["next_cursor"], []
    for _ in range(3):
        await told(site, "lead.updated", [lead] * 5)
        await numbered(site)
        page = await pull(site, limit=2, **({"cursor": cursor} if cursor else {}))
        cursor = page["next_cursor"]
        seen += page["data"]
    while page["has_more"]:
        page = await pull(site, limit=4, cursor=cursor)
        cursor = page["next_cursor"]
        seen += page["data"]
    again = await pull(site, cursor=cursor)

    sequences = [event["sequence"] for event in seen]
    assert len(seen) == 15
    assert sequences == list(range(sequences[0], sequences[0] + 15))
    assert (again["data"], again["has_more"], again["next_cursor"]) == ([], False, cursor)
    after_one = await pull(site, cursor=seen[0]["id"], limit=1)
    assert [event["id"] for event in after_one["data"]] == [seen[1]["id"]]


async def test_events_are_filtered_by_type_lead_and_batch_and_counted(site: Site) -> None:
    """API 5: `?type&lead_id&batch_id`; API 1: `order` and `count`."""
    lead, number = await a_known_lead(site)
    await told(site, "lead.updated", [number], batch_ids=[3])
    await told(site, "dialing.paused", [site.home.account_id], extra={"scope": "account", "reason": "lunch"})
    await told(site, "agent.updated", [site.home.agent_id])
    await numbered(site)

    [paused] = (await pull(site, type="dialing.paused"))["data"]
    of_lead = await pull(site, lead_id=lead, count="exact")
    of_batch = await pull(site, batch_id=site.deps.ids.write("bat", 3), type="lead.updated")
    back = await pull(site, order="desc", limit=1, count="estimate")

    assert paused["data"]["object"]["pause_reason"] == "lunch"
    assert paused["data"]["object"]["object"] == "account"
    assert {event["data"]["object"]["id"] for event in of_lead["data"]} == {lead}
    assert of_lead["count"] == len(of_lead["data"])
    assert [event["data"]["object"]["id"] for event in of_batch["data"]] == [lead]
    assert [event["type"] for event in back["data"]] == ["agent.updated"]
    assert back["data"][0]["data"]["object"]["name"] == "Acme agent"
    assert back["count"] == back["data"][0]["sequence"]


async def test_what_is_gone_is_named_by_its_id(site: Site) -> None:
    """API 7: an event outlives its object."""
    await told(site, "lead.updated", [987_654])
    await numbered(site)

    [event] = (await pull(site, type="lead.updated"))["data"]

    assert event["data"]["object"] == {"id": site.deps.ids.write("lead", 987_654), "object": "lead"}


async def test_events_of_an_erased_lead_hold_nothing_of_the_person(site: Site) -> None:
    """RELIABILITY 5: erasure reaches events, since they keep ids only."""
    lead, _ = await a_known_lead(site)
    assert (await site.send("DELETE", f"/v1/leads/{lead}")).status in (200, 204)
    await numbered(site)

    text = await (await site.get("/v1/events")).text()

    assert lead in text
    assert PHONE not in text


async def test_an_account_reads_its_own_events_only(site: Site) -> None:
    """RELIABILITY 5: nothing of another tenant, neither its events, its cursors nor how many it has."""
    other = await a_tenant(site.database, "Other")
    await told(site, "agent.updated", [other.agent_id], account_id=other.account_id)
    await told(site, "agent.updated", [site.home.agent_id])
    await numbered(site)

    mine = await pull(site)
    theirs = (await (await site.get("/v1/events", key=other.key)).json())["data"]

    assert [event["data"]["object"]["id"] for event in theirs] == [site.deps.ids.write("agt", other.agent_id)]
    assert [event["sequence"] for event in theirs] == [1]
    assert theirs[0]["id"] not in {event["id"] for event in mine["data"]}
    assert (await site.get("/v1/events", params={"cursor": theirs[0]["id"]})).status == 400


async def test_who_comes_back_after_too_long_is_told_so(site: Site) -> None:
    """API 2: 410 `event-expired`."""
    _, lead = await a_known_lead(site)
    await told(site, "lead.updated", [lead])
    await numbered(site)
    first = (await pull(site))["data"][0]["id"]
    await told(site, "lead.updated", [lead, lead])
    await numbered(site)
    site.clock.move_to(site.clock.now_ms() + 8 * DAY)
    await numbered(site)

    answered = await site.get("/v1/events", params={"cursor": first})

    assert answered.status == 410
    assert (await answered.json())["code"] == "event-expired"
    assert (await pull(site))["data"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"cursor": "evt_0000000000000"}, 400),
        ({"cursor": "cur_x"}, 400),
        ({"lead_id": "lead_nonsense"}, 422),
        ({"batch_id": "lead_0000000000000"}, 422),
        ({"type": "Lead.Created"}, 422),
        ({"limit": "201"}, 422),
        ({"leadid": "x"}, 422),
    ],
)
async def test_bad_questions_are_answered_with_what_is_wrong(
    site: Site, query: dict[str, str], status: int
) -> None:
    """RELIABILITY 5.2."""
    answered = await site.get("/v1/events", params=query)

    assert answered.status == status
    assert answered.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("lead.craeted", "did you mean lead.created?"),
        ("lead", "known: "),
        ("lead.created,loop.started", "did you"),
    ],
)
async def test_who_asks_for_a_type_that_there_is_not_is_told_which_there_are(
    site: Site, said: str, hint: str
) -> None:
    problem = await (await site.get("/v1/events", params={"type": said})).json()
    assert problem["hint"].startswith(hint)
    assert [(one["parameter"], one["hint"]) for one in problem["errors"]] == [("type", problem["hint"])]


async def test_changes_by_people_are_events(site: Site) -> None:
    """API 7: agent.updated, cadence.published, cadence.archived, dialing.paused, dnc.added; tried out they
    are none."""
    agent = await site.get(f"/v1/agents/{site.agent}")
    match = {"If-Match": agent.headers["ETag"]}
    url = f"/v1/agents/{site.agent}"
    await site.send("PATCH", url, json={"name": "Ida"}, headers=match, params={"dry_run": "true"})
    changed = await site.send("PATCH", url, json={"name": "Ida"}, headers=match)
    assert changed.status == 200, await changed.text()
    steps = [{"name": "Call", "channel": "call"}]
    made = await site.post("/v1/cadences", {"name": "Soon", "steps": steps})
    assert made.status == 201, await made.text()
    cadence = (await made.json())["id"]
    for action in ("publish", "archive"):
        done = await site.post(f"/v1/cadences/{cadence}/{action}", {})
        assert done.status < 300, await done.text()
    assert (await site.post("/v1/dnc/entries", {"phone": PHONE, "reason": "asked"})).status == 201
    assert (await site.post("/v1/account/pause", {"reason": "try"})).status == 200
    await numbered(site)

    shown = [(event["type"], event["data"]["object"]) for event in (await pull(site))["data"]]

    assert [name for name, _ in shown] == [
        "agent.updated", "cadence.published", "cadence.archived", "dnc.added", "dialing.paused",
    ]  # fmt: skip
    assert [object_["object"] for _, object_ in shown] == [
        "agent", "cadence", "cadence", "dnc_entry", "account",
    ]  # fmt: skip
    assert (shown[0][1]["name"], shown[2][1]["status"], shown[3][1]["phone"]) == ("Ida", "archived", PHONE)
    assert shown[4][1]["pause_reason"] == "try"
