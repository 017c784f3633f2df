"""Closings by order and narrower hours against dials: F24."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from scheduler.domain.time import HOUR
from scheduler.ledger.instants import to_datetime
from tests.races.racer import Due, Racer, ask
from tests.races.stage import Site, Stage

FRIDAYS = {"fri": {"enabled": True, "ranges": [{"start": "09:00", "end": "18:00"}]}}
WEEKDAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), FRIDAYS["fri"])


class Closing:
    """A closure everywhere, the account's windows, an agent's windows by turns; all are undone after the
    round."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due = Due(stage)

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage = self._stage
        sites = stage.sites[: len(offsets)]
        due_ms, leads = await self._due.enrol(lambda due_ms: [stage.enrol(site, 1, due_ms) for site in sites])
        until = to_datetime(due_ms + 48 * HOUR).isoformat()
        racers = await asyncio.gather(
            *(
                ask(stage, site, lead[0][1], due_ms, offset, self._request(n, site, until))
                for n, (site, lead, offset) in enumerate(zip(sites, leads, offsets, strict=True))
            )
        )
        await stage.nothing_under_way()
        until_s = time.monotonic()
        for racer in racers:
            racer.until_s = until_s
        closures = await stage.rows("SELECT account_id, closure_id FROM closure")
        by_account = {row["account_id"]: row["closure_id"] for row in closures}
        await asyncio.gather(
            *(stage.ask(site, *self._undo(n, site, by_account)) for n, site in enumerate(sites))
        )
        return list(racers)

    def _request(self, number: int, site: Site, until: str) -> tuple[str, str, Any]:
        if number % 3 == 0:
            return "POST", "/v1/compliance/closures", {"ends_at": until, "reason": "flood"}
        path = self._agent(site) if number % 3 == 1 else "/v1/account"
        return "PUT", f"{path}/windows", FRIDAYS

    def _undo(self, number: int, site: Site, closures: dict[int, int]) -> tuple[str, str, Any]:
        if number % 3 == 0:
            closure = self._stage.ids.write("clo", closures[site.account_id])
            return "DELETE", f"/v1/compliance/closures/{closure}", None
        if number % 3 == 1:
            return "DELETE", f"{self._agent(site)}/windows", None
        return "PUT", "/v1/account/windows", WEEKDAYS

    def _agent(self, site: Site) -> str:
        return f"/v1/agents/{self._stage.ids.write('agt', site.agent_id)}"
