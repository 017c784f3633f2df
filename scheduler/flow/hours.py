"""The open hours of lanes: when each closes and opens again under its agent's settings."""

from __future__ import annotations

from collections.abc import Collection

from scheduler.domain.model import LaneClass, Policy
from scheduler.domain.placement import next_opening, opening_at
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.lanes import KnownLane


async def set_hours(flow: Flow, lane: KnownLane, policy: Policy, now_ms: Ms) -> bool:
    """Set the lane's next closing and opening; answers whether that changed anything. The wheel is not told.

    A lane that never opens again stays open: what is left on it is handed to the arm, which ends it.
    """
    before = (lane.open_until_ms, lane.open_from_ms)
    lane.open_until_ms = lane.open_from_ms = None
    if not (policy.live_after_hours and lane.key.lane_class != LaneClass.BULK):
        place = await flow.places.get(lane.key.place_id)
        now_open = opening_at(policy, place, now_ms)
        opens = next_opening(policy, place, now_ms if now_open is None else now_open[1])
        if opens is not None:
            closes_ms = now_ms if now_open is None else now_open[1] - flow.close_margin_ms
            lane.open_until_ms, lane.open_from_ms = closes_ms, opens[0]
    return (lane.open_until_ms, lane.open_from_ms) != before


async def shape_hours(flow: Flow, agent_ids: Collection[int], now_ms: Ms) -> None:
    """Bring the open hours of these agents' lanes to the wheel at once. With it away, or in other processes,
    the calendars do it when they come round."""
    await flow.lanes.load()
    policies = {agent_id: (await flow.policies.of_agent(agent_id)).policy for agent_id in agent_ids}
    moved = [
        lane
        for lane in flow.lanes.known()
        if lane.key.agent_id in policies and await set_hours(flow, lane, policies[lane.key.agent_id], now_ms)
    ]
    await flow.lanes.shape(moved, now_ms)
