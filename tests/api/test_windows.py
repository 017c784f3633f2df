"""When leads may in fact be called, and the law behind it."""

from __future__ import annotations

from typing import Any

from tests.api.builders import Site
from tests.api.settings import ALL_DAY, DAYS, a_waiting_lead, change

PATH = "/v1/windows/effective"


async def effective(site: Site, **said: Any) -> dict[str, Any]:
    answer = await site.client.get(PATH, params=said, headers={"Authorization": f"Bearer {site.home.key}"})
    assert answer.status == 200, await answer.text()
    shown: dict[str, Any] = await answer.json()
    return shown


async def test_an_agent_s_open_times_are_those_of_its_windows_and_the_law(site: Site) -> None:
    """API 5: open ranges + the rule behind each gap."""
    shown = await effective(
        site,
        agent_id=site.agent,
        region="US-NY",
        timezone="America/New_York",
        days=2,
        **{"from": "2026-06-16T04:00:00Z"},
    )

    assert [(each["start_at"], each["end_at"]) for each in shown["open"]] == [
        ("2026-06-16T13:00:00.000Z", "2026-06-16T22:00:00.000Z"),
        ("2026-06-17T13:00:00.000Z", "2026-06-17T22:00:00.000Z"),
    ]
    assert shown["open"][0]["start_at_local"] == "2026-06-16T09:00:00.000-04:00"
    assert [(each["start_at"], each["end_at"]) for each in shown["gaps"]] == [
        ("2026-06-16T04:00:00.000Z", "2026-06-16T13:00:00.000Z"),
        ("2026-06-16T22:00:00.000Z", "2026-06-17T13:00:00.000Z"),
        ("2026-06-17T22:00:00.000Z", "2026-06-18T04:00:00.000Z"),
    ]
    rules = [[why["rule"] for why in gap["why"]] for gap in shown["gaps"]]
    assert rules[0] == ["statutory_window", "dialer_window"]
    assert "dialer_window" in rules[1]


async def test_with_windows_around_the_clock_the_law_remains(site: Site) -> None:
    await change(site, "/v1/account", {"windows": dict.fromkeys(DAYS, ALL_DAY)})

    shown = await effective(site, agent_id=site.agent, region="US-NY", timezone="America/New_York", days=7)

    assert {each["start_at_local"][11:16] for each in shown["open"][1:]} == {"08:00"}
    assert {why["rule"] for gap in shown["gaps"] for why in gap["why"]} == {"statutory_window"}
    assert all("US-NY" in (why["ref"] or "") for gap in shown["gaps"] for why in gap["why"])


async def test_a_lead_is_asked_for_by_its_own_place(site: Site) -> None:
    lead = await a_waiting_lead(site)
    await site.post("/v1/no-call-days", {"date": "2026-06-17", "label": "Fair"})

    shown = await effective(site, lead_id=lead["id"], days=2)

    assert (shown["timezone"], shown["regions"]) == ("America/New_York", ["US-NY"])
    assert [each["start_at"][:10] for each in shown["open"]] == ["2026-06-16", "2026-06-18"]
    assert any(why["rule"] == "no_call_day" and "Fair" in why["detail"] for why in shown["gaps"][0]["why"])


async def test_of_a_place_that_nobody_named_every_state_counts(site: Site) -> None:
    """DESIGN 6: all zones of the country's states when unknown; never the widest."""
    shown = await effective(site, agent_id=site.agent, days=1, **{"from": "2026-06-16T00:00:00Z"})

    assert len(shown["regions"]) > 40
    assert all(each["start_at"] >= "2026-06-16T17:00" for each in shown["open"])


async def test_a_question_that_means_nothing_is_refused(site: Site) -> None:
    for said, parameter in (
        ("", "agent_id"),
        ("?agent_id=agt_x", "agent_id"),
        ("?lead_id=lead_x", "lead_id"),
        (f"?agent_id={site.agent}&timezone=Nowhere/City", "timezone"),
        (f"?agent_id={site.agent}&region=Atlantis", "region"),
        (f"?agent_id={site.agent}&cadence_id=cad_x", "cadence_id"),
        (f"?agent_id={site.agent}&days=32", "days"),
    ):
        answer = await site.get(PATH + said)
        assert (answer.status, (await answer.json())["errors"][0]["parameter"]) == (422, parameter), said


async def test_the_rules_show_hours_caps_and_source(site: Site) -> None:
    """API 5: GET /compliance/rules?region."""
    florida = await (await site.get("/v1/compliance/rules?region=Florida")).json()
    every = await (await site.get("/v1/compliance/rules")).json()

    rule = florida["data"][0]
    assert (rule["region"], rule["hours"]["weekday"], len(florida["data"])) == (
        "US-FL",
        ["08:00", "20:00"],
        1,
    )
    assert [cap["max"] for cap in rule["frequency_caps"]] == [3]
    assert rule["source"]
    assert florida["revision"] == every["revision"]
    assert len(every["data"]) > 50
    assert (await site.get("/v1/compliance/rules?region=Atlantis")).status == 422
