"""A cadence tried on one lead before anybody is called (API 5, preview)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import PHONE, Site, a_lead, a_tenant
from tests.api.cadences import a_cadence, a_published_cadence, change, problem

MONDAY_TEN = "2026-06-15T14:00:00Z"  # 10:00 in New York
STEPS: list[dict[str, Any]] = [
    {"name": "a", "delay_after_s": 14_400},
    {"name": "b", "delay_after_s": 86_400},
    {"name": "c"},
]
IN_NEW_YORK = {"timezone": "America/New_York", "region": "US-NY", "start_at": MONDAY_TEN}


async def preview(site: Site, cadence_id: str, **body: Any) -> dict[str, Any]:
    reply = await site.post(f"/v1/cadences/{cadence_id}/preview", body)
    assert reply.status == 200, await reply.text()
    told: dict[str, Any] = await reply.json()
    return told


async def test_the_steps_come_when_the_cadence_says_each_with_its_reasons(site: Site):
    """The planner of the running system, at the account's hours."""
    made = await a_cadence(site, steps=STEPS)

    told = await preview(site, made["id"], **IN_NEW_YORK)

    assert told["timezone"] == "America/New_York"
    assert [attempt["step"] for attempt in told["attempts"]] == [1, 2, 3]
    assert [attempt["at"][:16] for attempt in told["attempts"]] == [
        "2026-06-15T14:00", "2026-06-15T18:00", "2026-06-16T18:00"
    ]  # fmt: skip
    assert all(attempt["why"] for attempt in told["attempts"])
    assert told["ended"]["reason"] == "cadence_complete"


async def test_outcomes_lead_where_the_routing_says(site: Site):
    rules = [
        {"on": "busy", "action": "retry", "delay_s": 7_200, "max": 1},
        {"on": "voicemail", "action": "end"},
    ]
    made = await a_cadence(site, steps=[{**STEPS[0], "routing": rules}, *STEPS[1:]])

    retried = await preview(site, made["id"], **IN_NEW_YORK, outcomes=[{"outcome": "busy"}] * 2)
    ended = await preview(site, made["id"], **IN_NEW_YORK, outcomes=[{"outcome": "voicemail"}])

    assert [attempt["step"] for attempt in retried["attempts"]] == [1, 1, 2, 3]
    assert (len(ended["attempts"]), ended["ended"]["reason"]) == (1, "cadence_complete")


async def test_the_same_request_gives_the_same_answer_and_writes_nothing(site: Site):
    made = await a_cadence(site, steps=[{"daypart": "evening"}, *STEPS])
    tables = ("lead", "loop", "cadence_version", "audit")
    before = [(await site.rows(f"SELECT count(*) AS n FROM {table}"))[0]["n"] for table in tables]

    told = [await preview(site, made["id"], **IN_NEW_YORK, seed=7) for _ in range(2)]

    assert told[0] == told[1]
    after = [(await site.rows(f"SELECT count(*) AS n FROM {table}"))[0]["n"] for table in tables]
    assert after == before


async def test_a_lead_of_the_account_is_taken_as_it_is(site: Site):
    """Conditions see its tags; its own place decides the hours."""
    lead = await (
        await site.post(
            "/v1/leads", a_lead(agent_id=site.agent, tags=["hot"], timezone="America/Los_Angeles")
        )
    ).json()
    steps = [{"name": "cold", "advanced": {"when": 'not tags has "hot"'}}, {"name": "hot"}]
    made = await a_cadence(site, steps=steps)

    told = await preview(site, made["id"], lead=lead["id"])

    assert told["timezone"] == "America/Los_Angeles"
    assert [attempt["step"] for attempt in told["attempts"]] == [2]
    assert PHONE not in str(told)


async def test_a_lead_is_where_it_is(site: Site):
    """What is said and not looked at would be a wrong answer."""
    made = await a_cadence(site, steps=STEPS)
    lead = await (await site.post("/v1/leads", a_lead())).json()
    for name, said in (("timezone", "Europe/Berlin"), ("region", "GB"), ("tags", ["hot"])):
        reply = await site.post(f"/v1/cadences/{made['id']}/preview", {"lead": lead["id"], name: said})
        assert await problem(reply) == (422, "validation-failed", [f"/{name}"])


async def test_the_draft_is_played_or_the_version_that_is_asked_for(site: Site):
    made = await a_published_cadence(site, steps=STEPS)
    await change(site, made["id"], steps=[{"name": "only"}])

    assert len((await preview(site, made["id"], **IN_NEW_YORK))["attempts"]) == 1
    assert len((await preview(site, made["id"], **IN_NEW_YORK, version=1))["attempts"]) == 3


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"lead": "lead_0000000000000"}, "/lead"),
        ({"agent_id": "agt_0000000000000"}, "/agent_id"),
        ({"version": 9}, "/version"),
        ({"variables": {"a": "b" * 8_200}}, "/variables"),
        ({"timezone": "Mars/Base"}, "/timezone"),
        ({"region": "Atlantis"}, "/region"),
        ({"start_at": "1026-06-15T14:00:00Z"}, "/start_at"),
        ({"appointment_at": "9999-12-31T23:59:59Z"}, "/appointment_at"),
        (
            {
                "otherwise": {
                    "outcome": "completed",
                    "disposition": "callback",
                    "callback": "9999-12-31T23:59:59Z",
                }
            },
            "/otherwise/callback",
        ),
        (
            {
                "outcomes": [
                    {"outcome": "completed", "disposition": "callback", "callback": "0001-01-01T00:00:00Z"}
                ]
            },
            "/outcomes/0/callback",
        ),
        ({"outcomes": [{"outcome": "completed", "callback": "tomorrow"}]}, "/outcomes/0/callback"),
        ({"outcomes": [{"outcome": "lost"}]}, "/outcomes/0/outcome"),
        ({"limit": 201}, "/limit"),
    ],
)
async def test_what_cannot_be_tried_is_pointed_at(site: Site, body: dict[str, Any], pointer: str):
    made = await a_cadence(site, steps=STEPS)

    reply = await site.post(f"/v1/cadences/{made['id']}/preview", body)

    assert await problem(reply) == (422, "validation-failed", [pointer])


async def test_a_draft_that_cannot_be_run_cannot_be_tried(site: Site):
    made = await a_cadence(site)

    reply = await site.post(f"/v1/cadences/{made['id']}/preview", {})

    assert await problem(reply) == (422, "cadence-invalid", ["/steps"])


async def test_leads_and_agents_of_others_are_not_tried(site: Site):
    other = await a_tenant(site.database, "Other")
    made = await a_cadence(site, steps=STEPS)

    reply = await site.post(
        f"/v1/cadences/{made['id']}/preview", {"agent_id": site.deps.ids.write("agt", other.agent_id)}
    )

    assert await problem(reply) == (422, "validation-failed", ["/agent_id"])


async def test_a_made_up_lead_without_a_place_may_be_anywhere(site: Site):
    """The law of every state holds for it."""
    made = await a_cadence(site, steps=STEPS)

    told = await preview(site, made["id"], start_at=MONDAY_TEN)

    assert told["attempts"][0]["at"] > MONDAY_TEN
