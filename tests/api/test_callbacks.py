"""Callbacks: called when the person asked for it (P16, D29; API 5)."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.domain.time import DAY, HOUR
from scheduler.ledger.news import number
from scheduler.services.callbacks import DueCallbacks
from tests.api.builders import OTHER_PHONE, Site, a_tenant
from tests.api.test_attempts import a_call, loop_of, result
from tests.api.test_lead_changes import claims, give_back, permit, take_in

TOMORROW = "2026-06-17T15:30:00.000Z"  # 11:30 in New York
SOON = "2026-06-16T18:40:00.000Z"
FRIDAY = "2026-06-19T15:30:00.000Z"


async def schedule(site: Site, lead: Any, status: int = 201, **said: Any) -> Any:
    reply = await site.post("/v1/callbacks", {"lead_id": lead["id"], **said})
    assert reply.status == status, await reply.text()
    return await reply.json()


async def shown(site: Site, callback: dict[str, Any]) -> Any:
    return await (await site.get(f"/v1/callbacks/{callback['id']}")).json()


async def test_a_callback_takes_the_place_of_what_was_planned_and_the_schedule_goes_on_after_it(site: Site):
    """P16: it pauses the cadence until then and replaces the normal schedule."""
    lead = await take_in(site, agent_id=site.agent)  # due now
    held = await claims(site)

    made = await schedule(site, lead, at=SOON, note="wants the price list", source="crm")

    assert (made["status"], made["at"], made["planned_at"]) == ("scheduled", SOON, SOON)
    assert (made["note"], made["source"], made["window"], made["attempt_id"]) == (
        *("wants the price list", "crm"),
        *(None, None),
    )
    assert (await permit(site, held)).armed == [], "a claim of before does not dial"
    loop = await loop_of(site, lead["id"])
    assert (loop["status"], loop["next_at"], made["loop_id"]) == ("waiting_callback", SOON, loop["id"])

    await give_back(site, held)
    site.clock.move_to(site.clock.now_ms() + HOUR)
    await DueCallbacks(site.database).step(site.clock.now_ms())
    assert (await shown(site, made))["status"] == "due"
    [armed] = (await permit(site, await claims(site))).armed
    await result(site, site.deps.ids.write("att", armed.attempt_id), outcome="not_reached")

    assert (await shown(site, made))["status"] == "done"
    loop = await loop_of(site, lead["id"])
    assert (loop["status"], loop["attempts_count"]) == ("scheduled", 1)
    told = (await (await site.get("/v1/audit?action=callback_scheduled")).json())["data"]
    assert [line["target"] for line in told] == [made["id"]]


async def test_words_are_read_where_the_lead_is_and_answered_as_a_window(site: Site):
    """API 5: "tomorrow afternoon" is a window with a confidence; MISSION: 13:00 to 17:00 there."""
    lead = await take_in(site, agent_id=site.agent)

    made = await schedule(site, lead, text="tomorrow afternoon")

    assert made["window"] == {"start_at": "2026-06-17T17:00:00.000Z", "end_at": "2026-06-17T21:00:00.000Z"}
    assert made["window"]["start_at"] <= made["at"] < made["window"]["end_at"]
    assert 0 < made["confidence"] <= 1
    assert (made["text"], made["planned_at"]) == ("tomorrow afternoon", made["at"])


async def test_words_sent_back_as_they_were_read_keep_their_window(site: Site):
    """API 4: what one endpoint answers another takes; only another time takes the words away."""
    lead = await take_in(site, agent_id=site.agent)
    made = await schedule(site, lead, text="tomorrow afternoon")
    path = f"/v1/callbacks/{made['id']}"
    again = {name: made[name] for name in ("at", "text")}
    noted = await site.send("PATCH", path, json={**again, "note": "asked twice"})
    moved = await site.send("PATCH", path, json={"at": "2026-06-18T18:00:00Z", "text": made["text"]})

    assert [(await reply.json())["window"] for reply in (noted, moved)] == [made["window"], None]


async def test_outside_the_hours_the_next_slot_is_taken(site: Site):
    lead = await take_in(site, agent_id=site.agent)

    made = await schedule(site, lead, at="2026-06-17T03:00:00Z")  # 23:00 there

    assert "2026-06-17T13:00:00.000Z" <= made["planned_at"] <= "2026-06-17T13:15:00.000Z"


async def test_the_latest_word_counts_and_the_same_again_changes_nothing(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    first = await schedule(site, lead, at=TOMORROW)
    assert await schedule(site, lead, 200, at=TOMORROW) == first

    second = await schedule(site, lead, at=FRIDAY)

    assert (await shown(site, first))["status"] == "canceled"
    assert second["planned_at"] == FRIDAY
    listed = await (await site.get(f"/v1/callbacks?lead_id={lead['id']}&count=exact")).json()
    assert ([one["id"] for one in listed["data"]], listed["count"]) == ([second["id"], first["id"]], 2)
    narrowed = {
        "status=scheduled": [second["id"]],
        "status=canceled&status=done": [first["id"]],
        f"at.gte={FRIDAY}": [second["id"]],
        f"at.lt={FRIDAY}&order=asc": [first["id"]],
        f"agent_id={site.agent}&limit=1": [second["id"]],
        "lead_id=lead_nobody": [],
    }
    for query, wanted in narrowed.items():
        found = await (await site.get(f"/v1/callbacks?{query}")).json()
        assert [one["id"] for one in found["data"]] == wanted, query


async def test_a_callback_is_moved_and_canceled_in_force_when_it_is_answered(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    before = (await loop_of(site, lead["id"]))["next_at"]
    made = await schedule(site, lead, at="2026-06-16T18:00:00Z")  # now
    held = await claims(site)

    moved = await site.send("PATCH", f"/v1/callbacks/{made['id']}", json={"at": FRIDAY, "note": "later"})
    body = await moved.json()
    assert (moved.status, body["at"], body["planned_at"], body["note"]) == (200, FRIDAY, FRIDAY, "later")
    assert (await permit(site, held)).armed == []

    gone = await site.send("DELETE", f"/v1/callbacks/{made['id']}")
    assert gone.status == 204
    assert (await shown(site, made))["status"] == "canceled"
    loop = await loop_of(site, lead["id"])
    assert (loop["status"], loop["next_at"]) == ("scheduled", before)
    assert (await site.send("DELETE", f"/v1/callbacks/{made['id']}")).status == 204
    late = await site.send("PATCH", f"/v1/callbacks/{made['id']}", json={"at": FRIDAY})
    assert (late.status, (await late.json())["code"]) == (409, "state-conflict")


async def test_what_is_asked_for_in_a_call_by_hand_is_a_callback_as_well(site: Site):
    """D29."""
    lead, attempt = await a_call(site)
    await result(site, attempt, outcome="completed", disposition="callback", callback_at=TOMORROW)

    [made] = (await (await site.get("/v1/callbacks")).json())["data"]

    assert (made["at"], made["planned_at"], made["attempt_id"]) == (TOMORROW, TOMORROW, attempt)
    assert (made["lead_id"], made["status"], made["source"]) == (lead, "scheduled", "call")
    assert (await site.send("DELETE", f"/v1/callbacks/{made['id']}")).status == 204
    loop = await loop_of(site, lead)
    assert loop["status"] == "scheduled", "the call's own wish is forgotten"


async def test_a_result_told_later_moves_the_callback_that_was_open(site: Site):
    lead, attempt = await a_call(site)
    await result(site, attempt, outcome="completed")
    first = await schedule(site, {"id": lead}, at=TOMORROW)

    await result(site, attempt, disposition="callback", callback_at=FRIDAY)

    both = (await (await site.get("/v1/callbacks?order=asc")).json())["data"]
    assert [(one["at"], one["status"]) for one in both] == [(TOMORROW, "canceled"), (FRIDAY, "scheduled")]
    assert both[0]["id"] == first["id"]
    assert (await loop_of(site, lead))["next_at"] == FRIDAY


async def test_asked_for_during_the_call_it_is_for_after_it(site: Site):
    """An agent writes down the wish while the person is still on the phone."""
    lead, attempt = await a_call(site)

    made = await schedule(site, {"id": lead}, at=TOMORROW)
    assert (made["planned_at"], (await loop_of(site, lead))["status"]) == (None, "dialing")
    await result(site, attempt, outcome="completed")

    assert (await shown(site, made))["planned_at"] == TOMORROW
    loop = await loop_of(site, lead)
    assert (loop["status"], loop["next_at"]) == ("waiting_callback", TOMORROW)


async def test_a_manual_call_before_its_time_leaves_the_callback_standing(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    made = await schedule(site, lead, at=FRIDAY)
    await site.post(f"/v1/leads/{lead['id']}/call", {"reason": "she is in the office now"})
    [armed] = (await permit(site, await claims(site))).armed
    await result(site, site.deps.ids.write("att", armed.attempt_id), outcome="not_reached")

    assert (await shown(site, made))["planned_at"] == FRIDAY


async def test_while_a_callback_is_being_made_it_is_neither_moved_nor_canceled(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    made = await schedule(site, lead, at="2026-06-16T18:00:00Z")
    [_] = (await permit(site, await claims(site))).armed

    moved = await site.send("PATCH", f"/v1/callbacks/{made['id']}", json={"at": FRIDAY})
    gone = await site.send("DELETE", f"/v1/callbacks/{made['id']}")

    for reply in (moved, gone):
        assert (reply.status, (await reply.json())["code"]) == (409, "lead-busy")
    another = await schedule(site, lead, at=FRIDAY)
    assert ((await shown(site, made))["status"], another["status"]) == ("done", "scheduled")


async def test_a_lead_that_nobody_follows_up_is_called_that_once(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    loop = await loop_of(site, lead["id"])
    await site.post(f"/v1/loops/{loop['id']}/end", {})
    was = (await (await site.get(f"/v1/leads/{lead['id']}")).json())["status"]

    made = await schedule(site, lead, at="2026-06-16T18:00:00Z")
    assert made["loop_id"] != loop["id"]
    [armed] = (await permit(site, await claims(site))).armed
    await result(site, site.deps.ids.write("att", armed.attempt_id), outcome="not_reached")

    ended = await (await site.get(f"/v1/loops/{made['loop_id']}")).json()
    assert (ended["status"], ended["end_reason"], ended["attempts_count"]) == ("ended", "removed", 1)
    assert (await (await site.get(f"/v1/leads/{lead['id']}")).json())["status"] == was


async def test_nobody_is_promised_a_call_against_their_word_or_without_an_agent(site: Site):
    lead = await take_in(site)
    refused = await schedule(site, lead, 422, at=TOMORROW)
    assert refused["code"] == "validation-failed"

    other = await take_in(site, phone=OTHER_PHONE, agent_id=site.agent)
    await site.post("/v1/dnc/entries", {"phone": OTHER_PHONE})
    refused = await schedule(site, other, 409, at=TOMORROW)
    assert refused["code"] == "dnc-blocked"


async def test_a_loop_that_ends_takes_its_callback_with_it(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    made = await schedule(site, lead, at=TOMORROW)
    await site.post(f"/v1/loops/{made['loop_id']}/end", {})

    now = await shown(site, made)
    assert (now["status"], now["planned_at"]) == ("canceled", None)
    site.clock.move_to(site.clock.now_ms() + 2 * DAY)
    await DueCallbacks(site.database).step(site.clock.now_ms())
    kinds = await site.rows("SELECT type FROM news WHERE type LIKE 'callback.%'")
    assert [row["type"] for row in kinds] == ["callback.scheduled"]


async def test_a_paused_loop_keeps_it_for_when_it_goes_on(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    loop = await loop_of(site, lead["id"])
    await site.post(f"/v1/loops/{loop['id']}/pause", {})
    made = await schedule(site, lead, at=TOMORROW)
    assert made["planned_at"] is None

    going = await (await site.post(f"/v1/loops/{loop['id']}/resume", {})).json()

    assert (going["status"], going["next_at"]) == ("waiting_callback", TOMORROW)


async def test_a_change_of_settings_does_not_forget_a_callback(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    await schedule(site, lead, at="2026-06-16T18:00:00Z")
    await site.rows("UPDATE agent SET policy_version = policy_version + 1")

    [armed] = (await permit(site, await claims(site))).armed

    [row] = await site.rows("SELECT kind FROM attempt WHERE attempt_id = $1", armed.attempt_id)
    assert row["kind"] == "callback"


async def test_events_tell_when_it_was_scheduled_and_when_it_is_due(site: Site):
    lead = await take_in(site, agent_id=site.agent)
    made = await schedule(site, lead, at=TOMORROW)
    site.clock.move_to(site.clock.now_ms() + DAY)
    await DueCallbacks(site.database).step(site.clock.now_ms())
    await DueCallbacks(site.database).step(site.clock.now_ms())

    await number(site.database, most=100)
    told = (await (await site.get(f"/v1/events?lead_id={lead['id']}")).json())["data"]
    mine = [one for one in told if one["type"].startswith("callback.")]

    assert [one["type"] for one in mine] == ["callback.scheduled", "callback.due"]
    assert {one["data"]["object"]["id"] for one in mine} == {made["id"]}


async def test_who_is_erased_leaves_no_words(site: Site):
    """I24, RELIABILITY 5: what a person said goes with them."""
    lead = await take_in(site, agent_id=site.agent)
    await schedule(site, lead, text="tomorrow afternoon", note="ask for Ana")

    assert (await site.send("DELETE", f"/v1/leads/{lead['id']}")).status == 204

    [row] = await site.rows("SELECT said, note FROM callback")
    assert (row["said"], row["note"]) == (None, "")


async def test_another_account_s_callbacks_are_not_there(site: Site):
    """I24."""
    lead = await take_in(site, agent_id=site.agent)
    made = await schedule(site, lead, at=TOMORROW)
    other = await a_tenant(site.database, "other")

    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {}} if method == "PATCH" else {}
        reply = await site.send(method, f"/v1/callbacks/{made['id']}", key=other.key, **body)
        assert reply.status == 404
    assert (await (await site.get("/v1/callbacks", key=other.key)).json())["data"] == []
    reply = await site.post("/v1/callbacks", {"lead_id": lead["id"], "at": TOMORROW}, key=other.key)
    assert reply.status == 422


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({}, "/at"),
        ({"at": TOMORROW, "text": "tomorrow"}, "/at"),
        ({"at": "2026-06-15T00:00:00Z"}, "/at"),
        ({"at": "2031-06-15T00:00:00Z"}, "/at"),
        ({"at": "soon"}, "/at"),
        ({"text": "when the cows come home"}, "/text"),
        ({"text": "this morning"}, "/text"),
        ({"text": ""}, "/text"),
        ({"lead_id": "lead_nobody", "at": TOMORROW}, "/lead_id"),
    ],
)
async def test_a_callback_that_makes_no_sense_is_422_and_says_where(site: Site, said: dict, pointer: str):
    lead = await take_in(site, agent_id=site.agent)
    refused = await schedule(site, lead, 422, **said)
    assert [error["pointer"] for error in refused["errors"]] == [pointer]
