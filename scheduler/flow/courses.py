"""Where loops stand in cadences: what each is to follow now, and its place carried over if that changed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.domain.cadence_moves import kept, moved
from scheduler.domain.model import Cadence, Ended, EndReason, Lead, Loop, Plan, Policy, Result, Why
from scheduler.domain.planner import plan
from scheduler.domain.time import SECOND, Ms
from scheduler.flow.context import Flow
from scheduler.flow.policies import Follows, follows_of
from scheduler.ledger.database import Connection, Row


class Course(msgspec.Struct, frozen=True):
    """What a loop follows now, as its row of `settle_read` or `replan_read` has it.

    `follows`: the cadence in its policy, None without one. `planned_under`: the version that its place is
    told in, where that is another one of the same cadence. `goes_on`: its place is one in this cadence.
    `ends_why`: nothing follows any more, because of this.
    """

    policy: Policy
    follows: Follows | None = None
    planned_under: Cadence | None = None
    goes_on: bool = False
    ends_why: str = ""

    def carried(self, loop: Loop) -> Loop:
        """The loop in the version that it is to follow, with what of its trail still decides anything."""
        if not loop.trail:
            return loop
        trail = kept(loop.trail) if self.goes_on else ()
        if self.planned_under is not None and self.policy.cadence is not None:
            trail = moved(trail, self.planned_under, self.policy.cadence)
        return msgspec.structs.replace(loop, trail=trail)

    def begun_before(self, loop: Loop) -> Loop:
        """A loop that was never dialled and begins with the instant which is planned: its cadence's initial
        delay is over by then."""
        if self.policy.cadence is None:
            return loop
        delay_ms = self.policy.cadence.initial_delay_s * SECOND
        return msgspec.structs.replace(loop, started_at_ms=loop.started_at_ms - delay_ms)

    def plan(self, loop: Loop, lead: Lead, last: Result | None, now_ms: Ms) -> Plan:
        """What comes next for a loop that is carried over."""
        if self.policy.strategy != "cadence" or self.policy.cadence is not None:
            planned = plan(loop, self.policy, lead, last, now_ms)
            if isinstance(planned, Ended) or not self.ends_why:
                return planned
        text = self.ends_why or "the agent's cadence was never published"
        return Ended(EndReason.REMOVED, now_ms, (Why("strategy", "blocked", detail=text, ref="cadence"),))


async def courses_of(flow: Flow, rows: Sequence[Row], on: Connection | None) -> list[Course]:
    """For each row what its loop follows now; one value for all that follow the same."""
    kinds = [tuple([row[name] for name in _KIND]) for row in rows]
    distinct = dict(zip(kinds, rows, strict=True))
    some = list(distinct.values())
    policies = await flow.policies.of_loops(some, on)
    moving = {found for row in some if (found := _planned_under(row)) is not None}
    before = await flow.policies.cadences(moving, on) if moving else {}
    courses = {
        kind: Course(
            policy,
            follows_of(row),
            None if (under := _planned_under(row)) is None else before[under],
            row["cadence_id"] is not None and row["cadence_id"] == row["follows"],
            "the cadence was archived" if row["follows_status"] == "archived" else "",
        )
        for (kind, row), policy in zip(distinct.items(), policies, strict=True)
    }
    return [courses[kind] for kind in kinds]


_KIND = (
    "agent_id",
    "policy_version",
    "follows",
    "follows_version",
    "follows_status",
    "cadence_id",
    "cadence_version",
)
"""What of a row decides its course."""


def _planned_under(row: Row) -> Follows | None:
    if row["cadence_id"] is None or row["cadence_id"] != row["follows"]:
        return None
    version = row["cadence_version"]
    return None if version == row["follows_version"] else (row["cadence_id"], version)
