"""Calendars: every lane is told when it closes and when it opens again: closed hours hold back nobody else.

The arm checks the hours of each loop by itself; this keeps the wheel from handing out what it would refuse.
"""

from __future__ import annotations

from scheduler.domain.model import Policy
from scheduler.domain.time import DAY, SECOND, Ms
from scheduler.flow.context import Flow
from scheduler.flow.hours import set_hours
from scheduler.flow.lanes import KnownLane


class Calendars:
    """Shapes the open hours of the lanes it knows, each at its own boundary.

    `reload_s`: how often lanes, policies and routes of other processes are looked for, and budgets set.
    """

    name = "calendars"

    def __init__(self, flow: Flow, *, period_s: float = 10, reload_s: float = 60) -> None:
        self._flow = flow
        self.period_s = period_s
        self._reload_ms = int(reload_s * SECOND)
        self._loaded_ms: Ms | None = None
        self._next_ms: Ms = 0
        self._lanes_seen = 0
        self._policies: dict[int, Policy] = {}

    async def step(self, now_ms: Ms) -> None:
        """Does next to nothing before the next boundary, unless lanes or policies are new."""
        reload_due = self._loaded_ms is None or now_ms - self._loaded_ms >= self._reload_ms
        if reload_due:
            await self._flow.lanes.load()
            self._loaded_ms = now_ms
        if reload_due or self._flow.lanes.gates.renewal_due(now_ms):
            await self._flow.lanes.gates.refresh_budgets(now_ms)
        lanes = self._flow.lanes.known()
        if now_ms < self._next_ms and len(lanes) == self._lanes_seen and not reload_due:
            await self._flow.lanes.shape_rest(now_ms)
            return
        self._lanes_seen = len(lanes)
        changed = await self._read_policies(lanes)
        moved = [
            lane
            for lane in lanes
            if (lane.open_from_ms is None or now_ms >= lane.open_from_ms or lane.key.agent_id in changed)
            and await set_hours(self._flow, lane, self._policies[lane.key.agent_id], now_ms)
        ]
        if moved:
            await self._flow.lanes.shape(moved, now_ms)
        await self._flow.lanes.shape_rest(now_ms)
        openings = [lane.open_from_ms for lane in lanes if lane.open_from_ms is not None]
        self._next_ms = min(openings, default=now_ms + DAY)

    async def _read_policies(self, lanes: list[KnownLane]) -> set[int]:
        """The current policy of every agent with a lane; answers whose has changed."""
        before = self._policies
        self._policies = {
            agent_id: (await self._flow.policies.of_agent(agent_id)).policy
            for agent_id in {lane.key.agent_id for lane in lanes}
        }
        return {agent_id for agent_id, policy in self._policies.items() if before.get(agent_id) != policy}
