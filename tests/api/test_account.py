"""The account's settings: what is taken, what is refused, and what a change does to the calls that wait."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import Site
from tests.api.settings import (
    ALL_DAY,
    DAYS,
    MORNINGS,
    a_waiting_lead,
    change,
    do_jobs,
    hours,
    planned_at,
    tag_of,
)

PATH = "/v1/account"


async def test_the_account_shows_all_its_settings(site: Site) -> None:
    """API 4, account."""
    shown = await (await site.get("/v1/account")).json()

    assert shown["windows"]["mon"] == {"enabled": True, "ranges": [{"start": "09:00", "end": "18:00"}]}
    assert shown["windows"]["sun"] == {"enabled": False, "ranges": []}
    assert shown["frequency_caps"] == [
        {"max": 3, "window_s": 86_400, "channels": ["call", "voicemail_drop"], "scope": "person"}
    ]
    assert (shown["live_after_hours"], shown["strict"], shown["jitter_max_s"]) == (False, True, 900)


async def test_a_narrower_week_moves_what_waits_and_a_job_shows_it(site: Site) -> None:
    """API 5: PATCH → 200 + recalculation job; the impact tells what moves. I10, I20."""
    lead = await a_waiting_lead(site)
    before = await planned_at(site, lead)

    answer = await change(site, PATH, {"windows": dict.fromkeys(DAYS, MORNINGS)})
    changed = await answer.json()

    assert answer.status == 200
    assert changed["impact"] == {
        "earlier": 0, "later": 1, "unchanged": 0, "out": 0, "examined": 1, "estimated": False,
    }  # fmt: skip
    assert (changed["job"]["kind"], changed["job"]["status"]) == ("recalculation", "queued")
    assert await planned_at(site, lead) == before

    await do_jobs(site)

    assert before < await planned_at(site, lead)
    assert (await planned_at(site, lead))[11:13] == "13"  # 09:00 in New York
    job = await (await site.get(f"/v1/jobs/{changed['job']['id']}")).json()
    assert (job["status"], job["done"], job["total"]) == ("done", 1, 1)


async def test_a_dry_run_tells_the_same_and_changes_nothing(site: Site) -> None:
    """API 1: `?dry_run=true` validates, writes nothing, answers `impact`."""
    lead = await a_waiting_lead(site)
    before, was = await (await site.get("/v1/account")).json(), await planned_at(site, lead)

    answer = await change(site, f"{PATH}?dry_run=true", {"windows": {"wed": ALL_DAY}, "name": "Other"})
    rehearsed = await answer.json()

    assert answer.status == 200
    assert (rehearsed["name"], rehearsed["job"], rehearsed["impact"]["later"]) == ("Other", None, 1)
    assert await (await site.get("/v1/account")).json() == before
    assert await planned_at(site, lead) == was
    assert await site.rows("SELECT 1 FROM job") == []
    assert await site.rows("SELECT 1 FROM audit WHERE action = 'account_changed'") == []
    policy = (await site.flow.policies.of_agent(site.home.agent_id)).policy
    assert len([day for day in policy.windows if day]) == 5


async def test_a_name_moves_nobody_and_is_answered_at_once(site: Site) -> None:
    await a_waiting_lead(site)

    changed = await (await change(site, PATH, {"name": "Other"})).json()

    assert (changed["name"], changed["job"]) == ("Other", None)
    assert changed["impact"]["examined"] == 0
    versions = await site.rows("SELECT policy_version FROM agent")
    assert [row["policy_version"] for row in versions] == [1]


async def test_the_same_again_changes_nothing(site: Site) -> None:
    """A change that was sent twice is made once."""
    first = await (await change(site, PATH, {"jitter_max_s": 60})).json()
    second = await (await change(site, PATH, {"jitter_max_s": 60})).json()

    assert (first["job"] is None, second["job"] is None) == (False, True)
    assert first["updated_at"] == second["updated_at"]
    assert len(await site.rows("SELECT 1 FROM audit WHERE action = 'account_changed'")) == 1


async def test_who_has_not_read_the_account_cannot_change_it(site: Site) -> None:
    """API 1: 428 without If-Match, 412 when it is stale; the answer's own tag holds for the next change."""
    stale = await tag_of(site, "/v1/account")
    changed = await change(site, PATH, {"name": "Other"})

    assert (await site.send("PATCH", "/v1/account", json={"name": "Third"})).status == 428
    assert (await site.send("PATCH", "/v1/account", json={"name": "Third"}, headers=stale)).status == 412
    again = {"If-Match": changed.headers["ETag"]}
    assert (await site.send("PATCH", "/v1/account", json={"name": "Third"}, headers=again)).status == 200


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({"timezone": "America/Neverland"}, 422, "validation-failed", "/timezone"),
        ({"windows": {"mon": {"ranges": [hours("18:00", "09:00")]}}}, 422, "validation-failed",
         "/windows/mon"),
        ({"windows": {"mon": {"ranges": [hours("9:00", "18:00")]}}}, 422, "validation-failed",
         "/windows/mon/ranges/0/start"),
        ({"windows": {}}, 422, "no-callable-time", None),
        ({"frequency_caps": [{"max": 31, "window_s": 60}]}, 422, "validation-failed",
         "/frequency_caps/0/max"),
        ({"max_concurrent": 0}, 422, "validation-failed", "/max_concurrent"),
        ({"jitter_max": 3}, 422, "validation-failed", "/jitter_max"),
    ],
)  # fmt: skip
async def test_what_nobody_can_mean_is_refused_where_it_stands(
    site: Site, body: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    """API 2: errors point at each place."""
    answer = await change(site, PATH, body)
    problem = await answer.json()

    assert (answer.status, problem["code"]) == (status, code)
    assert pointer is None or problem["errors"][0]["pointer"] == pointer


async def test_the_windows_of_the_account_have_a_path_of_their_own(site: Site) -> None:
    """API 5: GET, PUT° /account/windows."""
    lead = await a_waiting_lead(site)
    path = "/v1/account/windows"
    week = dict.fromkeys(DAYS, ALL_DAY) | {"tue": {"enabled": False, "ranges": []}}

    rehearsed = await site.send("PUT", f"{path}?dry_run=true", json=week, headers=await tag_of(site, path))
    assert (await rehearsed.json())["impact"]["later"] == 1
    assert (await site.send("PUT", path, json=week)).status == 428
    answer = await site.send("PUT", path, json=week, headers=await tag_of(site, path))
    await do_jobs(site)

    assert answer.status == 200
    assert await (await site.get(path)).json() == week
    assert answer.headers["ETag"] == (await site.get(path)).headers["ETag"]
    assert (await planned_at(site, lead))[:10] == "2026-06-17"


async def test_a_limit_of_the_account_reaches_its_gate(site: Site) -> None:
    await a_waiting_lead(site)

    answer = await change(site, PATH, {"max_concurrent": 3})

    assert (await answer.json())["max_concurrent"] == 3
    gates = (await (await site.get("/v1/wheel")).json())["gates"]
    assert [gate["max_concurrent"] for gate in gates if gate["kind"] == "account"] == [3]
