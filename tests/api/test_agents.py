"""Agents: made, changed, taken away; how each dials, and what may not be set together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import Site, a_lead, a_tenant
from tests.api.settings import MORNINGS, a_waiting_lead, change, do_jobs, planned_at, tag_of

PATH = "/v1/agents"


async def make(site: Site, path: str = PATH, **fields: Any) -> Any:
    return await site.post(path, {"name": "Nora"} | fields)


async def dialer_of(site: Site, **said: Any) -> dict[str, Any]:
    answer = await make(site, auto_dialer=said)
    assert answer.status == 201, await answer.text()
    dialer: dict[str, Any] = (await answer.json())["auto_dialer"]
    return dialer


async def test_an_agent_has_the_defaults_of_the_contract(site: Site) -> None:
    """API 4, agent and auto_dialer."""
    answer = await make(site)
    made = await answer.json()

    assert answer.status == 201
    assert answer.headers["Location"] == f"{PATH}/{made['id']}"
    assert (made["voice"], made["timezone"], made["windows"]) == ("ai", None, None)
    assert made["auto_dialer"] == {
        "enabled": True, "strategy": "followup", "intensity": "moderate",
        "intervals_s": [1200, 3600, 9000, 14400, 86400, 172800], "cadence_id": None, "max_attempts": 7,
        "max_retry_days": None, "immediate_callback": True, "stop_on": None, "max_consecutive_errors": 2,
        "live_after_hours": None,
    }  # fmt: skip
    del made["impact"], made["job"]
    assert await (await site.get(answer.headers["Location"])).json() == made


@pytest.mark.parametrize(
    ("said", "limits"),
    [
        ({"strategy": "smart"}, (None, 7)),
        ({"strategy": "intervals"}, (7, None)),
        ({"strategy": "followup", "max_retry_days": 3}, (7, 3)),
        ({"strategy": "smart", "max_attempts": 9}, (9, 7)),
        ({"strategy": "smart", "max_attempts": 9, "max_retry_days": None}, (9, None)),
    ],
)
async def test_the_limits_follow_the_strategy_where_nobody_stated_them(
    site: Site, said: dict[str, Any], limits: tuple[int | None, int | None]
) -> None:
    """API 4: max_attempts 7 for followup and intervals, max_retry_days 7 for smart."""
    dialer = await dialer_of(site, **said)

    assert (dialer["max_attempts"], dialer["max_retry_days"]) == limits


async def test_another_strategy_brings_its_own_limits_unless_they_were_stated(site: Site) -> None:
    path = f"{PATH}/{(await (await make(site)).json())['id']}"

    smart = await (await change(site, path, {"auto_dialer": {"strategy": "smart"}})).json()
    stated = await (await change(site, path, {"auto_dialer": {"max_attempts": 4}})).json()
    back = await (await change(site, path, {"auto_dialer": {"strategy": "followup"}})).json()

    limits = [
        (each["auto_dialer"]["max_attempts"], each["auto_dialer"]["max_retry_days"])
        for each in (smart, stated, back)
    ]
    assert limits == [(None, 7), (4, 7), (4, 7)]
    assert back["auto_dialer"]["intensity"] == "moderate"


@pytest.mark.parametrize(
    ("said", "status", "code", "pointer"),
    [
        ({"max_attempts": None}, 422, "stop-condition-required", "/auto_dialer/max_attempts"),
        ({"strategy": "smart", "max_retry_days": None}, 422, "stop-condition-required",
         "/auto_dialer/max_retry_days"),
        ({"strategy": "cadence"}, 422, "validation-failed", "/auto_dialer/cadence_id"),
        ({"strategy": "cadence", "cadence_id": "cad_x"}, 422, "validation-failed", "/auto_dialer/cadence_id"),
        ({"intervals_s": [59]}, 422, "validation-failed", "/auto_dialer/intervals_s/0"),
        ({"intervals_s": []}, 422, "validation-failed", "/auto_dialer/intervals_s"),
        ({"strategy": "guess"}, 422, "validation-failed", "/auto_dialer/strategy"),
        ({"max_attempts": 101}, 422, "validation-failed", "/auto_dialer/max_attempts"),
    ],
)  # fmt: skip
async def test_dialing_that_cannot_be_meant_is_refused(
    site: Site, said: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    """API 2: stop-condition-required, and every error at its place."""
    answer = await make(site, auto_dialer=said)
    problem = await answer.json()

    assert (answer.status, problem["code"], problem["errors"][0]["pointer"]) == (status, code, pointer)


async def test_a_cadence_needs_no_other_end(site: Site) -> None:
    """API 4: a cadence ends with its steps."""
    body = {"name": "Three calls", "steps": [{}, {}, {}]}
    cadence = await (await site.post("/v1/cadences", body)).json()
    draft = await make(site, name="Early", auto_dialer={"strategy": "cadence", "cadence_id": cadence["id"]})
    assert (draft.status, (await draft.json())["code"]) == (409, "cadence-not-active")
    await site.post(f"/v1/cadences/{cadence['id']}/publish", {"apply_to": "new_loops"})

    dialer = await dialer_of(site, strategy="cadence", cadence_id=cadence["id"])

    assert (dialer["cadence_id"], dialer["max_attempts"], dialer["max_retry_days"]) == (
        cadence["id"],
        None,
        None,
    )


async def test_a_change_of_strategy_moves_its_loops_and_no_others(site: Site) -> None:
    """D38: a change of strategy, intensity or windows reaches all active loops."""
    lead = await a_waiting_lead(site)
    other = await (await make(site)).json()
    await site.post("/v1/leads", a_lead(phone="+12125550133", agent_id=other["id"]))
    was = await planned_at(site, lead)

    changed = await (await change(site, f"{PATH}/{site.agent}", {"windows": {"wed": MORNINGS}})).json()
    await do_jobs(site)

    assert (changed["impact"]["examined"], changed["impact"]["later"]) == (1, 1)
    assert was < await planned_at(site, lead)
    rows = await site.rows("SELECT name, policy_version FROM agent ORDER BY agent_id")
    assert [row["policy_version"] for row in rows] == [2, 1]


async def test_an_agent_that_calls_nobody_is_taken_away_and_its_name_is_free(site: Site) -> None:
    """API 5: DELETE with live loops → 409."""
    lead = await a_waiting_lead(site)
    path = f"{PATH}/{site.agent}"

    refused = await site.send("DELETE", path)
    assert (refused.status, (await refused.json())["code"]) == (409, "in-use")
    await site.post("/v1/dnc/entries", {"phone": lead["phone"]})
    name = (await (await site.get(path)).json())["name"]
    assert (await site.send("DELETE", path)).status == 204

    assert (await site.get(path)).status == 404
    assert (await site.send("DELETE", path)).status == 404
    assert (await site.post(f"{path}/pause", {})).status == 404
    assert (await (await site.get(PATH)).json())["data"] == []
    assert (await make(site, name=name)).status == 201
    enrolled = await site.post("/v1/leads", a_lead(phone="+12125550133", agent_id=site.agent))
    assert enrolled.status == 422


async def test_two_agents_have_two_names(site: Site) -> None:
    await make(site)

    assert (await make(site)).status == 409
    assert (await change(site, f"{PATH}/{site.agent}", {"name": "Nora"})).status == 409


async def test_a_rehearsed_agent_is_not_there(site: Site) -> None:
    answer = await make(site, path=f"{PATH}?dry_run=true")

    assert (answer.status, (await answer.json())["id"]) == (200, None)
    assert len((await (await site.get(PATH)).json())["data"]) == 1


async def test_windows_of_an_agent_are_its_own_or_the_account_s(site: Site) -> None:
    """API 5: GET, PUT°, DELETE /agents/{id}/windows; DELETE = inherit."""
    lead = await a_waiting_lead(site)
    path = f"{PATH}/{site.agent}/windows"
    inherited = await (await site.get(path)).json()
    was = await planned_at(site, lead)

    put = await change(site, path, {"wed": MORNINGS}, "PUT")
    await do_jobs(site)
    own = await (await site.get(path)).json()
    assert (own["inherited"], own["wed"], own["mon"]["enabled"]) == (False, MORNINGS, False)
    assert put.headers["ETag"] == (await site.get(path)).headers["ETag"]
    assert await planned_at(site, lead) > was
    deleted = await site.send("DELETE", path, headers=await tag_of(site, path))
    await do_jobs(site)

    assert (inherited["inherited"], deleted.status) == (True, 200)
    assert await (await site.get(path)).json() == inherited
    assert await planned_at(site, lead) == was


async def test_nobody_changes_an_agent_of_another(site: Site) -> None:
    """I24: its id is as good as none."""
    other = await a_tenant(site.database, "Other")
    path = f"{PATH}/{site.deps.ids.write('agt', other.agent_id)}"

    for method, where in (("PATCH", path), ("PUT", f"{path}/windows"), ("DELETE", path)):
        body = {} if method == "DELETE" else {"json": {"mon": MORNINGS} if method == "PUT" else {"name": "x"}}
        answer = await site.send(method, where, headers={"If-Match": "*"}, **body)
        assert answer.status == 404, where


async def test_an_agent_that_is_gone_keeps_nothing_in_use(site: Site) -> None:
    trunk = await (await site.post("/v1/trunks", {"name": "East"})).json()
    made = await (await make(site, trunk_id=trunk["id"])).json()

    assert (await site.send("DELETE", f"/v1/trunks/{trunk['id']}")).status == 409
    assert (await site.send("DELETE", f"{PATH}/{made['id']}")).status == 204

    assert (await site.send("DELETE", f"/v1/trunks/{trunk['id']}")).status == 204
