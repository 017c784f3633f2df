"""Lanes: rows in the ledger, rules on the wheel.

A lane is one line of like work: (agent, class, batch, place); the place stands for the calendar, as the agent
brings the windows. It passes the gates of its account, agent and batch, and of the agent's route.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
import structlog

from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError
from scheduler.flow.gates import Gates, Route, gates_of
from scheduler.ledger.database import Database, Row
from scheduler.wheel import Lane, TimingWheel

log = structlog.get_logger()


class LaneKey(msgspec.Struct, frozen=True, gc=False):
    """What makes a lane; `batch_id` 0 for none."""

    agent_id: int
    lane_class: str
    batch_id: int
    place_id: int


class LaneRef(msgspec.Struct, frozen=True):
    """Where a lane is."""

    lane_id: int
    shard: int


class KnownLane(msgspec.Struct):
    """A lane with its calendar as it was last shaped."""

    key: LaneKey
    ref: LaneRef
    account_id: int
    open_until_ms: Ms | None = None
    open_from_ms: Ms | None = None

    def shape(self, route: Route, *, keep_hours: bool = False) -> Lane:
        return Lane(
            lane_id=self.ref.lane_id,
            shard=self.ref.shard,
            lane_class=self.key.lane_class,
            gates=gates_of(self.account_id, self.key.agent_id, self.key.batch_id, route),
            open_until_ms=self.open_until_ms,
            open_from_ms=self.open_from_ms,
            keep_hours=keep_hours,
        )


class Lanes:
    """Every lane this process has met. `database`: of connections that no transaction holds, as lanes are
    made beside one. `burst_s`: seconds of a throttle's rate that may go out at once."""

    def __init__(self, database: Database, wheel: TimingWheel, *, burst_s: float, shards: int = 1) -> None:
        self._database = database
        self._wheel = wheel
        self.gates = Gates(database, wheel, burst_s=burst_s, shards=shards)
        self._by_key: dict[LaneKey, KnownLane] = {}
        self._shard_of: dict[int, int] = {}
        self._routes: dict[int, Route] = {}
        self._unshaped: set[LaneKey] = set()
        self._ungated: set[LaneKey] = set()
        self._rerouted: set[int] = set()

    def known(self) -> list[KnownLane]:
        return list(self._by_key.values())

    async def ensure(self, keys: Iterable[LaneKey], now_ms: Ms) -> dict[LaneKey, LaneRef]:
        """The lanes of `keys`, made and shaped where they are new, outside the transaction that asks: a lane
        that nobody uses in the end does no harm."""
        wanted = set(keys)
        missing = [key for key in wanted if key not in self._by_key]
        if missing:
            columns = (
                [key.agent_id for key in missing],
                [key.lane_class for key in missing],
                [key.batch_id for key in missing],
                [key.place_id for key in missing],
            )
            await self._database.execute("lane_ensure", *columns)
            found = [self._keep(row) for row in await self._database.fetch("lane_find", *columns)]
            await self._shape_gates_of(found, now_ms)
            await self.shape(found, now_ms)
        return {key: self._by_key[key].ref for key in wanted}

    async def shards_of(self, lane_ids: Iterable[int]) -> dict[int, int]:
        """The shard of each of these lanes, which some process has made."""
        wanted = set(lane_ids)
        if not wanted <= self._shard_of.keys():
            await self.load()
        return {lane_id: self._shard_of[lane_id] for lane_id in wanted}

    async def load(self) -> None:
        """Learn of every lane in the ledger, and of new routes. What is new here is left to `shape_rest`:
        whoever made it may have died before the wheel heard of it."""
        for row in await self._database.fetch("lane_all"):
            if row["lane_id"] not in self._shard_of:
                key = self._keep(row).key
                self._unshaped.add(key)
                self._ungated.add(key)
        for agent_id, route in (await self.gates.routes()).items():
            if self._routes.get(agent_id, route) != route:
                self._rerouted.add(agent_id)

    async def shape(self, lanes: Iterable[KnownLane], now_ms: Ms) -> None:
        """Set the rules of these lanes. With the wheel away they are kept for `shape_rest`."""
        lanes = list(lanes)
        try:
            routes = await self._routes_of({lane.key.agent_id for lane in lanes}, now_ms)
            shapes = [lane.shape(routes[lane.key.agent_id]) for lane in lanes]
            await self._wheel.shape(lanes=shapes, now_ms=now_ms)
        except DialwheelError as error:
            self._unshaped.update(lane.key for lane in lanes)
            log.warning("lanes_not_shaped", lanes=len(lanes), why=error.what)
        else:
            self._unshaped.difference_update(lane.key for lane in lanes)

    async def reroute(self, agent_ids: Iterable[int], now_ms: Ms) -> None:
        """Put the lanes of these agents behind the gates of the routes that they have now; hours stay as they
        are. Raises ServerUnavailable when the wheel is away: `shape_rest` tries again, here or where the
        calendars are."""
        agents = set(agent_ids)
        self._rerouted |= agents
        await self.load()
        routes = await self._routes_of(agents, now_ms)
        lanes = [lane for lane in self.known() if lane.key.agent_id in agents]
        shapes = [lane.shape(routes[lane.key.agent_id], keep_hours=True) for lane in lanes]
        await self._wheel.shape(lanes=shapes, now_ms=now_ms)
        self._rerouted -= agents

    async def shape_rest(self, now_ms: Ms) -> None:
        """Shape what this process has not shaped yet, or could not: gates first, without a rule they let
        nothing through. Raises ServerUnavailable when the wheel is away."""
        if self._ungated:
            lanes = [self._by_key[key] for key in self._ungated]
            await self._shape_fixed_gates(lanes, now_ms)
            self._ungated.clear()
        if self._unshaped:
            await self.shape([self._by_key[key] for key in self._unshaped], now_ms)
        if self._rerouted:
            await self.reroute(self._rerouted, now_ms)

    async def shape_all(self, now_ms: Ms, *, shard: int | None = None, keep_hours: bool = False) -> None:
        """Every gate and every lane of the shard, or of all: after a rebuild. `keep_hours`: as the wheel has
        them. Raises when the wheel is away."""
        await self.load()
        routes = await self.gates.routes()
        lanes = [lane for lane in self.known() if shard in (None, lane.ref.shard)]
        gates = [gate for gate in await self.gates.all(now_ms) if shard in (None, gate.shard)]
        shapes = [lane.shape(routes[lane.key.agent_id], keep_hours=keep_hours) for lane in lanes]
        await self._wheel.shape(lanes=shapes, gates=gates, now_ms=now_ms)
        keys = {lane.key for lane in lanes}
        self._ungated -= keys
        if not keep_hours:
            self._unshaped -= keys
        if shard is None:
            self._routes = routes
            self._rerouted.clear()

    def resize(self, shards: int) -> None:
        """The accounts were spread over another number of shards: everything is read anew."""
        self.gates.resize(shards)
        self._by_key.clear()
        self._shard_of.clear()
        self._unshaped.clear()
        self._ungated.clear()

    async def shape_account(self, account_id: int, now_ms: Ms) -> None:
        """The account's gate as the ledger has it now: limits and pause."""
        await self.gates.shape(now_ms, accounts=[account_id])

    async def shape_agent(self, agent_id: int, now_ms: Ms) -> None:
        await self.gates.shape(now_ms, agents=[agent_id])

    async def shape_batch(self, batch_id: int, now_ms: Ms) -> None:
        await self.gates.shape(now_ms, batches=[batch_id])

    async def shape_routes(self, agent_ids: Iterable[int], now_ms: Ms) -> None:
        """The gates of these agents' trunks and pools as the ledger has them now."""
        routes = (await self.gates.routes(set(agent_ids))).values()
        await self._shape_gates_of_routes(routes, now_ms)

    async def _routes_of(self, agent_ids: Collection[int], now_ms: Ms) -> dict[int, Route]:
        """The routes as the ledger has them now. Gates that are new here get their rules before any lane
        stands behind them."""
        routes = await self.gates.routes(agent_ids)
        new = [route for agent_id, route in routes.items() if self._routes.get(agent_id) != route]
        await self._shape_gates_of_routes(new, now_ms)
        self._routes |= routes
        return routes

    async def _shape_gates_of_routes(self, routes: Iterable[Route], now_ms: Ms) -> None:
        routes = list(routes)
        trunks = {route.trunk_id for route in routes if route.trunk_id}
        pools = {route.pool_id for route in routes if route.pool_id}
        await self.gates.shape(now_ms, trunks=trunks, pools=pools)

    async def _shape_gates_of(self, lanes: Iterable[KnownLane], now_ms: Ms) -> None:
        lanes = list(lanes)
        try:
            await self._shape_fixed_gates(lanes, now_ms)
        except DialwheelError as error:
            self._ungated.update(lane.key for lane in lanes)
            log.warning("gates_not_shaped", why=error.what)

    async def _shape_fixed_gates(self, lanes: Iterable[KnownLane], now_ms: Ms) -> None:
        """The gates that a lane passes whatever its route."""
        lanes = list(lanes)
        await self.gates.shape(
            now_ms,
            accounts={lane.account_id for lane in lanes},
            agents={lane.key.agent_id for lane in lanes},
            batches={lane.key.batch_id for lane in lanes} - {0},
        )

    def _keep(self, row: Row) -> KnownLane:
        key = LaneKey(row["agent_id"], row["class"], row["batch_id"], row["place_id"])
        if key not in self._by_key:
            ref = LaneRef(row["lane_id"], row["shard"])
            self._by_key[key] = KnownLane(key, ref, row["account_id"])
            self._shard_of[ref.lane_id] = ref.shard
        return self._by_key[key]
