"""Changing settings in tests: the tag that is needed, the job behind a change, when a lead is called then."""

from __future__ import annotations

from typing import Any

from api.job_kinds import KINDS
from scheduler.services.jobs import Jobs
from tests.api.builders import Site, a_lead

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def hours(start: str, end: str) -> dict[str, str]:
    return {"start": start, "end": end}


ALL_DAY = {"enabled": True, "ranges": [hours("00:00", "24:00")]}
MORNINGS = {"enabled": True, "ranges": [hours("09:00", "10:00")]}


async def do_jobs(site: Site) -> None:
    """All that is queued, to its end."""
    await Jobs(site.flow, site.clock, site.deps.settings, KINDS).step(site.clock.now_ms())


async def tag_of(site: Site, path: str) -> dict[str, str]:
    return {"If-Match": (await site.get(path)).headers["ETag"]}


async def change(site: Site, path: str, body: dict[str, Any], method: str = "PATCH") -> Any:
    """Changed by somebody who has just read it."""
    return await site.send(method, path, json=body, headers=await tag_of(site, path.split("?")[0]))


async def a_waiting_lead(site: Site, **fields: Any) -> dict[str, Any]:
    lead: dict[str, Any] = await (await site.post("/v1/leads", a_lead(agent_id=site.agent, **fields))).json()
    return lead


async def planned_at(site: Site, lead: dict[str, Any]) -> str:
    shown = await (await site.get(f"/v1/leads/{lead['id']}")).json()
    return str(shown["next_attempt"]["at"])
