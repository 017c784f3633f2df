"""The wheel of the simulation: a server with one model shard, and the face of `TimingWheel` for each
process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from scheduler.domain.time import Ms
from scheduler.errors import EpochNotReady, ServerUnavailable
from scheduler.wheel import CallEnd, Claim, Claimed, Gate, Lane, Placing, Release
from scheduler.wheel.model import HeldSlot
from scheduler.wheel.packing import latest_placings
from tests.simulation.loop import Machine
from tests.simulation.network import Broken, Done, Network
from tests.simulation.shard import Shard
from tests.simulation.turn import Wanted
from tests.simulation.wheel_server import WheelServer

PATIENCE_S = 5.0
"""As `TimingWheel.connect` sets it."""

FLOOR_SHARE = 0.1

CHECKS_EPOCH = True
"""What a claim checks; taken out where the check itself is tested."""


class SimulatedWheel:
    """What of `TimingWheel` the parts of a process call, over the network. One shard."""

    def __init__(self, network: Network, server: WheelServer, machine: Machine) -> None:
        self.shards = 1
        self.slot_ms = server.slot_ms
        self.lease_ms = server.lease_ms
        self.call_ms = server.call_ms
        self._network = network
        self._server = server
        self._machine = machine
        self._ring: asyncio.Future[None] | None = None
        self._servers = _Commands(self)

    async def place(self, placings: Sequence[Placing], now_ms: Ms) -> int:
        latest = latest_placings(placings)
        if not latest:
            return 0
        told = {"placings": latest, "now_ms": now_ms}
        added: int = await self._run("place", lambda shard: shard.place(latest, now_ms), told)
        return added

    async def claim(
        self,
        shard: int,
        *,
        worker: str,
        claim_id: str,
        limit: int,
        now_ms: Ms,
        wall_ms: Ms,
        epoch: str,
        ahead_ms: Ms = 0,
    ) -> Claimed:
        def claim(of: Shard) -> Claimed:
            if CHECKS_EPOCH and of.epoch != f"{self._stored(epoch)} {of.run_id}":
                self._server.history.count("an epoch refused a claim")
                raise EpochNotReady("the wheel is not ready", "it is being rebuilt or was lost")
            if claim_id in of.claims:
                self._server.history.count("a claim was answered again")
            lease_end, horizon = wall_ms + self.lease_ms, now_ms + max(0, ahead_ms)
            answer = of.claim(Wanted(claim_id, limit, now_ms, horizon, lease_end, FLOOR_SHARE, shard, epoch))
            return Claimed(answer.wake_at_ms, list(answer.claims))

        told = {"worker": worker, "claim_id": claim_id, "limit": limit, "now_ms": now_ms}
        told |= {"wall_ms": wall_ms, "epoch": epoch, "ahead_ms": ahead_ms}
        claimed: Claimed = await self._run("claim", claim, told)
        return claimed

    async def settle(
        self,
        *,
        releases: Sequence[Release] = (),
        ends: Sequence[CallEnd] = (),
        placings: Sequence[Placing] = (),
        now_ms: Ms,
        wall_ms: Ms,
    ) -> list[Claim]:
        latest = latest_placings(placings)
        if not (releases or ends or latest):
            return []
        told = {"releases": list(releases), "ends": list(ends), "placings": latest}
        told |= {"now_ms": now_ms, "wall_ms": wall_ms}
        stale: list[Claim] = await self._run(
            "settle", lambda shard: shard.settle(releases, ends, latest, now_ms), told
        )
        if stale:
            self._server.history.count("a settle was stale")
        return stale

    async def withdraw(self, items: Sequence[tuple[int, int, int]], now_ms: Ms = 0) -> int:
        if not items:
            return 0
        pairs = sorted({(lane_id, loop_id) for _, lane_id, loop_id in items})
        told = {"items": list(items), "now_ms": now_ms}
        found: int = await self._run("withdraw", lambda shard: shard.withdraw(pairs, now_ms), told)
        return found

    async def extend(self, claims: Sequence[Claim], wall_ms: Ms) -> list[Claim]:
        if not claims:
            return []
        told = {"claims": list(claims), "wall_ms": wall_ms}
        stale: list[Claim] = await self._run(
            "extend", lambda shard: shard.extend(claims, wall_ms + self.lease_ms), told
        )
        return stale

    async def expired(self, shard: int, *, wall_ms: Ms, limit: int) -> list[Claim]:
        told = {"wall_ms": wall_ms, "limit": limit}
        found: list[Claim] = await self._run("expired", lambda of: of.expired(wall_ms, limit, shard), told)
        return found

    async def reap(self, releases: Sequence[Release], *, now_ms: Ms, wall_ms: Ms) -> list[Claim]:
        if not releases:
            return []
        told = {"releases": list(releases), "now_ms": now_ms, "wall_ms": wall_ms}
        stale: list[Claim] = await self._run("reap", lambda of: of.reap(releases, now_ms, wall_ms), told)
        return stale

    async def shape(self, lanes: Sequence[Lane] = (), gates: Sequence[Gate] = (), now_ms: Ms = 0) -> None:
        if lanes or gates:
            told = {"lanes": list(lanes), "gates": list(gates), "now_ms": now_ms}
            await self._run("shape", lambda shard: shard.shape(lanes, gates, now_ms), told)

    async def missing(self, placings: Sequence[Placing]) -> list[Placing]:
        latest = latest_placings(placings)
        if not latest:
            return []
        found: list[Placing] = await self._run(
            "missing", lambda shard: shard.missing(latest), {"placings": latest}
        )
        return found

    async def epoch(self, shard: int) -> str | None:
        name, written, asked = await self._standing()
        return name if written == asked else None

    async def server_changed(self, shard: int) -> bool:
        _, written, asked = await self._standing()
        return written[:-1] == asked[:-1] and written != asked

    async def begin_rebuild(self, shard: int, builder: str = "", *, keep: bool = False) -> None:
        told = {"builder": builder, "keep": keep}
        await self._run("begin_rebuild", lambda of: of.begin(builder, keep), told)

    async def restore_calls(self, shard: int, calls: Sequence[tuple[Sequence[str], int, Ms]]) -> None:
        if calls:
            told = {"calls": list(calls)}
            await self._run("restore_calls", lambda of: of.restore_calls(calls), told)

    async def held_slots(self, shard: int, *, after_ms: Ms, until_ms: Ms, limit: int) -> list[HeldSlot]:
        told = {"after_ms": after_ms, "until_ms": until_ms, "limit": limit}
        held: list[HeldSlot] = await self._run(
            "held_slots", lambda of: of.held_slots(after_ms, until_ms, limit), told
        )
        return held

    async def free_slots(self, shard: int, slots: Sequence[tuple[int, HeldSlot]], now_ms: Ms) -> int:
        told = {"slots": list(slots), "now_ms": now_ms}
        freed: int = await self._run("free_slots", lambda of: of.free_slots(slots, now_ms), told)
        return freed

    async def close_epoch(self, shard: int) -> None:
        await self._run("close_epoch", _close, {})

    async def open_epoch(self, shard: int, epoch: str, builder: str = "") -> None:
        told = {"epoch": epoch, "builder": builder}
        await self._run("open_epoch", lambda of: of.open(self._stored(epoch), builder), told)

    async def wait_bell(self, shard: int, timeout_s: float) -> bool:
        """One read at a time for each process, kept when its waiter leaves."""
        loop = self._server.loop
        if loop.now_s < self._server.away_until_s:
            await asyncio.sleep(0.001)
            raise ServerUnavailable("the wheel is away")
        if self._ring is None:
            self._ring = loop.create_future()
            loop.post(0.0005, self._server.listen, self._ring)
        ring = self._ring
        done, _ = await asyncio.wait({ring}, timeout=timeout_s)
        if not done:
            return False
        self._ring = None
        ring.result()
        return True

    def cut(self) -> None:
        """The process is gone: nobody reads its bell."""
        if self._ring is not None:
            self._ring.cancel()

    async def _standing(self) -> tuple[str, list[str], list[str]]:
        stored, run_id = await self._run("epoch", lambda shard: (shard.epoch, shard.run_id), {})
        name, *written = stored.split(" ")
        return name, written, [str(self.slot_ms), str(self.shards), run_id]

    def _stored(self, epoch: str) -> str:
        return f"{epoch} {self.slot_ms} {self.shards}"

    async def _run(self, name: str, work: Callable[[Shard], Any], told: dict[str, Any]) -> Any:
        server = self._server

        def execute(done: Done) -> None:
            try:
                done(server.run(name, lambda: work(server.shard), told))
            except EpochNotReady as error:
                done.fail(error)

        try:
            return await self._network.call(self._machine, server, execute, patience_s=PATIENCE_S, what=name)
        except Broken as broken:
            raise ServerUnavailable("Redis does not answer", str(broken)) from None


class _Commands:
    """What is said to the server without a script: which dialers hold news back."""

    def __init__(self, wheel: SimulatedWheel) -> None:
        self._wheel = wheel

    async def command(self, shard: int, name: str, key: str, *words: Any) -> Any:
        assert key.endswith(":spools"), key
        return await self._wheel._run(f"spools_{name}", lambda of: of.spools_command(name, *words), {})


def _close(shard: Shard) -> None:
    shard.epoch = ""
