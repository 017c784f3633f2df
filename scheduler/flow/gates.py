"""Gates: limits that lanes share, read from the ledger and set on the wheel.

`a:<account>`, `g:<agent>`, `b:<batch>`, `t:<trunk>`: calls at once, dials per second, pause. `c:<pool>`: what
a pool of caller ids may still dial today; the ledger counts, the wheel's number only saves claims that the
arm would refuse.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from scheduler.domain.caller_ids import budget
from scheduler.domain.time import SECOND, Ms
from scheduler.ledger.caller_ids import pools_today
from scheduler.ledger.database import Database, Row
from scheduler.wheel import Gate, TimingWheel


class Route(msgspec.Struct, frozen=True):
    """What an agent's calls go out by; 0 for none."""

    trunk_id: int = 0
    pool_id: int = 0


def gates_of(account_id: int, agent_id: int, batch_id: int, route: Route) -> tuple[str, ...]:
    """The gates that a lane of these passes; `batch_id` 0 for none."""
    gates = [f"a:{account_id}", f"g:{agent_id}"]
    for kind, number in (("b", batch_id), ("t", route.trunk_id), ("c", route.pool_id)):
        if number:
            gates.append(f"{kind}:{number}")
    return tuple(gates)


class Gates:
    """Sets the rules of gates as the ledger has them. `burst_s`: seconds of a throttle's rate that may go out
    at once. Everything raises ServerUnavailable when a server is away."""

    def __init__(self, database: Database, wheel: TimingWheel, *, burst_s: float, shards: int) -> None:
        self._database = database
        self._wheel = wheel
        self._burst_s = burst_s
        self._shards = shards
        self._budgeted: dict[str, Gate] = {}  # as this process last set them
        self._renew_ms: Ms | None = None

    def resize(self, shards: int) -> None:
        """The accounts were spread over another number of shards."""
        self._shards = shards

    async def routes(self, agent_ids: Collection[int] | None = None) -> dict[int, Route]:
        """The routes of these agents, or of all."""
        rows = await self._database.fetch("agent_routes", None if agent_ids is None else list(agent_ids))
        return {row["agent_id"]: Route(row["trunk_id"], row["caller_id_pool_id"]) for row in rows}

    async def all(self, now_ms: Ms) -> list[Gate]:
        """Every gate of the ledger."""
        rows = await self._database.fetch("gate_facts", None, None, None, None)
        return [self._gate(row) for row in rows] + await self._budgets(None, now_ms)

    async def shape(
        self,
        now_ms: Ms,
        *,
        accounts: Collection[int] = (),
        agents: Collection[int] = (),
        batches: Collection[int] = (),
        trunks: Collection[int] = (),
        pools: Collection[int] = (),
        let_through: int | None = None,
    ) -> None:
        """Set the rules of these gates. `let_through`: so many more calls, though they are shut."""
        ids = [list(accounts), list(agents), list(batches), list(trunks)]
        if any(ids):
            rows = await self._database.fetch("gate_facts", *ids)
            gates = [self._gate(row) for row in rows]
            if let_through is not None:
                gates = [msgspec.structs.replace(gate, paused=False, left=let_through) for gate in gates]
            await self._wheel.shape(gates=gates, now_ms=now_ms)
        if pools:
            await self._set_budgets(await self._budgets(pools, now_ms), now_ms)

    def renewal_due(self, now_ms: Ms) -> bool:
        """Whether a budget has renewed since `refresh_budgets`."""
        return self._renew_ms is not None and now_ms >= self._renew_ms

    async def refresh_budgets(self, now_ms: Ms) -> None:
        """Set every budget anew: a claim that was lost with its dialer has spent what nobody called.

        One that was spent and still is stays as it is, so that the lanes behind it are left alone.
        """
        gates = await self._budgets(None, now_ms)
        self._renew_ms = min((gate.renews_at_ms for gate in gates if gate.renews_at_ms), default=None)
        await self._set_budgets([g for g in gates if g.left or self._budgeted.get(g.gate) != g], now_ms)

    async def _set_budgets(self, gates: list[Gate], now_ms: Ms) -> None:
        if gates:
            await self._wheel.shape(gates=gates, now_ms=now_ms)
            self._budgeted |= {gate.gate: gate for gate in gates}

    async def _budgets(self, pool_ids: Collection[int] | None, now_ms: Ms) -> list[Gate]:
        gates = []
        for pool in await pools_today(self._database, pool_ids, now_ms):
            today = budget(pool.strategy, pool.numbers, now_ms, pool.ends_ms)
            gates.append(
                Gate(
                    gate=f"c:{pool.pool_id}",
                    shard=pool.account_id % self._shards,
                    left=today.left,
                    renews_at_ms=today.renews_at_ms,
                )
            )
        return gates

    def _gate(self, row: Row) -> Gate:
        per_s = row["max_dials_per_s"]
        if per_s is None and row["max_per_min"] is not None:
            per_s = row["max_per_min"] / 60
        return Gate(
            gate=f"{row['kind']}:{row['id']}",
            shard=row["account_id"] % self._shards,
            max_concurrent=row["max_concurrent"],
            interval_us=None if per_s is None else round(SECOND * 1000 / per_s),
            burst=1 if per_s is None else max(1, round(per_s * self._burst_s)),
            paused=row["paused"],
        )
