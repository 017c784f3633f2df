"""Why each loop waits: every one counted in exactly one place, so that the parts add up to the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from scheduler.domain.time import Ms
from scheduler.wheel.looking import GateNow, LaneNow

_CLASS_ORDER = {"live": 0, "callback": 1, "follow-up": 2, "bulk": 3}


class Reasons(msgspec.Struct):
    """Waiting loops by what keeps them.

    `later`: in the ledger alone and not due, or with a dialer just now. `not_due`: on the wheel, not due. The
    others are due: `ready` may be claimed now; `hours` are closed, `pause` is somebody's will; `concurrency`,
    `pace` and `budget` say which limit of a gate has nothing left for them; `unshaped` wait for a rule, which
    a scheduler brings within a minute.
    """

    ready: int = 0
    hours: int = 0
    pause: int = 0
    concurrency: int = 0
    pace: int = 0
    budget: int = 0
    unshaped: int = 0
    not_due: int = 0
    later: int = 0

    @property
    def total(self) -> int:
        return sum(self._parts())

    @property
    def held(self) -> int:
        """Due, and not to be had now."""
        return self.total - self.ready - self.not_due - self.later

    def add(self, other: Reasons) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def _parts(self) -> Iterable[int]:
        return (getattr(self, name) for name in self.__struct_fields__)


class LaneWhy(msgspec.Struct, frozen=True):
    """Why the loops of a lane wait. `until_ms`: when what holds them may end by itself, if that is known."""

    lane: LaneNow
    reasons: Reasons
    until_ms: Ms | None


class _Limit(msgspec.Struct):
    """One limit of one gate, as it is used up."""

    reason: str
    left: int
    until_ms: Ms | None


def why_waiting(
    lanes: Iterable[LaneNow],
    gates: Mapping[str, GateNow],
    now_ms: Ms,
    *,
    held_back: Mapping[int, int] = MappingProxyType({}),
) -> list[LaneWhy]:
    """Each lane with its loops by reason, in the order in which lanes are served.

    What gates have left is dealt out in that order, live lanes first and the oldest work first within a
    class: so much is ready, the rest waits for the limit that lets least through, of equals the one that is
    shut longest.
    A pause is told before closed hours, and both before limits. `held_back`: loops of a lane that are due and
    kept in the ledger, as there is more on the wheel already than their batch's pace lets out.
    """
    limits = {name: _limits(gate) for name, gate in gates.items()}
    return [
        _why(lane, gates, limits, held_back.get(lane.lane_id, 0), now_ms) for lane in sorted(lanes, key=_turn)
    ]


def _turn(lane: LaneNow) -> tuple[int, Ms, int]:
    return _CLASS_ORDER.get(lane.lane_class or "", len(_CLASS_ORDER)), lane.head_ms or 0, lane.lane_id


def _why(
    lane: LaneNow, gates: Mapping[str, GateNow], limits: Mapping[str, list[_Limit]], held: int, now_ms: Ms
) -> LaneWhy:
    reasons = Reasons(not_due=lane.waiting - lane.due)
    if not lane.due + held:
        return LaneWhy(lane, reasons, None)
    if shut := _shut(lane, [gates[name] for name in lane.gates], now_ms):
        setattr(reasons, shut, lane.due + held)
        return LaneWhy(lane, reasons, lane.opens_at_ms if shut == "hours" else None)
    passed = [limit for name in lane.gates for limit in limits[name]]
    reasons.ready = min([lane.due, *(limit.left for limit in passed)])
    until_ms = None
    if reasons.ready < lane.due:
        tightest = max((limit for limit in passed if limit.left == reasons.ready), key=_shut_longest)
        setattr(reasons, tightest.reason, lane.due - reasons.ready)
        until_ms = tightest.until_ms
    reasons.pace += held
    for limit in passed:
        limit.left -= reasons.ready
    return LaneWhy(lane, reasons, until_ms)


def _shut(lane: LaneNow, gates: list[GateNow], now_ms: Ms) -> str | None:
    """What keeps the whole lane, whatever its gates have left."""
    if lane.lane_class is None:
        return "unshaped"
    if lane.paused or any(gate.paused for gate in gates):
        return "pause"
    if lane.opens_at_ms is None or lane.opens_at_ms > now_ms:
        return "hours"
    return None if all(gate.shaped for gate in gates) else "unshaped"


def _limits(gate: GateNow) -> list[_Limit]:
    found = []
    if gate.max_concurrent is not None:
        free = max(0, gate.max_concurrent - gate.in_call)
        found.append(_Limit("concurrency", free, gate.free_at_ms))
    if gate.tokens is not None:
        found.append(_Limit("pace", gate.tokens, gate.token_at_ms))
    if gate.left is not None:
        found.append(_Limit("budget", gate.left, gate.renews_at_ms))
    return found


def _shut_longest(limit: _Limit) -> float:
    return float("inf") if limit.until_ms is None else limit.until_ms
