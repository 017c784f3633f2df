"""Lanes and gates: rows in the ledger, rules on the wheel.

A lane is one line of like work: (agent, class, batch, place); the place stands for the calendar, as the agent
brings the windows. Gates are `a:<account>`, `g:<agent>` and `b:<batch>`: limits and pauses that lanes share.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import structlog

from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError
from scheduler.ledger.database import Database, Row
from scheduler.wheel import Gate, Lane, TimingWheel

log = structlog.get_logger()


class LaneKey(msgspec.Struct, frozen=True):
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

    def shape(self) -> Lane:
        gates = [f"a:{self.account_id}", f"g:{self.key.agent_id}"]
        if self.key.batch_id:
            gates.append(f"b:{self.key.batch_id}")
        return Lane(
            lane_id=self.ref.lane_id,
            shard=self.ref.shard,
            lane_class=self.key.lane_class,
            gates=tuple(gates),
            open_until_ms=self.open_until_ms,
            open_from_ms=self.open_from_ms,
        )


class Lanes:
    """Every lane this process has met. `burst_s`: seconds of a throttle's rate that may go out at once."""

    def __init__(self, database: Database, wheel: TimingWheel, *, burst_s: float, shards: int = 1) -> None:
        self._database = database
        self._wheel = wheel
        self._burst_s = burst_s
        self._shards = shards
        self._by_key: dict[LaneKey, KnownLane] = {}
        self._shard_of: dict[int, int] = {}
        self._unshaped: set[LaneKey] = set()
        self._ungated: set[LaneKey] = set()

    def known(self) -> list[KnownLane]:
        return list(self._by_key.values())

    async def ensure(self, keys: Iterable[LaneKey], now_ms: Ms) -> dict[LaneKey, LaneRef]:
        """The lanes of `keys`, made and shaped where they are new. Runs outside any transaction: a lane that
        nobody uses in the end does no harm."""
        wanted = set(keys)
        missing = [key for key in wanted if key not in self._by_key]
        if missing:
            columns = (
                [key.agent_id for key in missing],
                [key.lane_class for key in missing],
                [key.batch_id for key in missing],
                [key.place_id for key in missing],
            )
            await self._database.execute("lane_ensure", *columns, self._shards)
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
        """Learn of every lane in the ledger. Those that are new here are left to `shape_rest`: whoever made
        them may have died before the wheel heard of them."""
        for row in await self._database.fetch("lane_all"):
            if row["lane_id"] not in self._shard_of:
                key = self._keep(row).key
                self._unshaped.add(key)
                self._ungated.add(key)

    async def shape(self, lanes: Iterable[KnownLane], now_ms: Ms) -> None:
        """Set the rules of these lanes. With the wheel away they are kept for `shape_rest`."""
        lanes = list(lanes)
        try:
            await self._wheel.shape(lanes=[lane.shape() for lane in lanes], gates=(), now_ms=now_ms)
        except DialwheelError as error:
            self._unshaped.update(lane.key for lane in lanes)
            log.warning("lanes_not_shaped", lanes=len(lanes), why=error.what)
        else:
            self._unshaped.difference_update(lane.key for lane in lanes)

    async def shape_rest(self, now_ms: Ms) -> None:
        """Shape what this process has not shaped yet, or could not: gates first, without a rule they let
        nothing through. Raises ServerUnavailable when the wheel is away."""
        if self._ungated:
            names = {name for key in self._ungated for name in self._by_key[key].shape().gates}
            every = [self._gate(row) for row in await self._database.fetch("gate_facts", None, None, None)]
            await self._wheel.shape(gates=[gate for gate in every if gate.gate in names], now_ms=now_ms)
            self._ungated.clear()
        if self._unshaped:
            await self.shape([self._by_key[key] for key in self._unshaped], now_ms)

    async def shape_all(self, now_ms: Ms) -> None:
        """Every gate and every lane, after a rebuild or at start. Raises when the wheel is away."""
        await self.load()
        await self._wheel.shape(
            lanes=[lane.shape() for lane in self.known()],
            gates=[self._gate(row) for row in await self._database.fetch("gate_facts", None, None, None)],
            now_ms=now_ms,
        )
        self._unshaped.clear()
        self._ungated.clear()

    async def shape_account(self, account_id: int, now_ms: Ms) -> None:
        """The account's gate as the ledger has it now: limits and pause."""
        await self._shape_gate((account_id, None, None), now_ms)

    async def shape_agent(self, agent_id: int, now_ms: Ms) -> None:
        await self._shape_gate((None, agent_id, None), now_ms)

    async def shape_batch(self, batch_id: int, now_ms: Ms) -> None:
        await self._shape_gate((None, None, batch_id), now_ms)

    async def _shape_gate(self, ids: tuple[int | None, int | None, int | None], now_ms: Ms) -> None:
        rows = await self._database.fetch("gate_facts", *ids)
        await self._wheel.shape(lanes=(), gates=[self._gate(row) for row in rows], now_ms=now_ms)

    async def _shape_gates_of(self, lanes: Iterable[KnownLane], now_ms: Ms) -> None:
        lanes = list(lanes)
        try:
            for account_id in {lane.account_id for lane in lanes}:
                await self.shape_account(account_id, now_ms)
            for agent_id in {lane.key.agent_id for lane in lanes}:
                await self.shape_agent(agent_id, now_ms)
            for batch_id in {lane.key.batch_id for lane in lanes} - {0}:
                await self.shape_batch(batch_id, now_ms)
        except DialwheelError as error:
            self._ungated.update(lane.key for lane in lanes)
            log.warning("gates_not_shaped", why=error.what)

    def _keep(self, row: Row) -> KnownLane:
        key = LaneKey(row["agent_id"], row["class"], row["batch_id"], row["place_id"])
        if key not in self._by_key:
            ref = LaneRef(row["lane_id"], row["shard"])
            self._by_key[key] = KnownLane(key, ref, row["account_id"])
            self._shard_of[ref.lane_id] = ref.shard
        return self._by_key[key]

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
