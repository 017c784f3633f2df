"""The timing wheel: what is due when, in Redis or Valkey. One method per script of lua/.

The wheel is an index in time. It may be lost at any moment and is rebuilt from the ledger; it never gives
permission to dial. `now_ms` is the Clock's instant, `wall_ms` real time, which leases are held on.
Every method raises ServerUnavailable when the server does not answer or refuses to write; one that is given
work for several shards does that of all others first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from scheduler.domain.time import HOUR, MINUTE, SECOND, Ms
from scheduler.errors import EpochNotReady
from scheduler.wheel import keys, packing
from scheduler.wheel.bell import Bell
from scheduler.wheel.client import Servers, our_errors, refuse_eviction
from scheduler.wheel.cluster import open_servers
from scheduler.wheel.model import CallEnd, Claim, Claimed, Counts, Gate, HeldSlot, Lane, Placing, Release
from scheduler.wheel.scripts import run

Result = TypeVar("Result")

CLAIM_LIMIT = 500
_SEARCHES_PER_CALL = 5_000
"""Loops times slots that one call searches through: a few milliseconds in dense lanes."""
_SLOTS_PER_DROP = 1_000
_LANES_PER_PAGE = 200
_RULES_PER_CALL = 100


class TimingWheel:
    """The wheel of one installation, over one connection pool. Make it with `connect`."""

    def __init__(
        self,
        servers: Servers,
        *,
        shards: int,
        slot_ms: Ms,
        lease_ms: Ms,
        call_ms: Ms,
        floor_share: float,
    ) -> None:
        self.shards = shards
        self.slot_ms = slot_ms
        self.lease_ms = lease_ms
        self.call_ms = call_ms
        self._floor_share = floor_share
        self._servers = servers
        self._bells: dict[int, Bell] = {}

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        shards: int = 1,
        slot_ms: Ms = MINUTE,
        lease_ms: Ms = 30 * SECOND,
        call_ms: Ms = HOUR,
        floor_share: float = 0.1,
        connections: int = 16,
        answer_timeout_s: float = 5.0,
    ) -> TimingWheel:
        """A wheel on the server at `url` (redis://, rediss:// or unix://), or on the cluster of which it
        names some nodes (redis://host:port,host:port?cluster=true).

        `lease_ms`: how long a claim is held unless it is extended. `call_ms`: when a call that nobody ends
        frees its slots. `floor_share`: bulk's share of what is given while it waits.
        Raises StartError when the server evicts keys, ServerUnavailable when it does not answer.
        """
        if shards < 1 or slot_ms < SECOND or not 0 <= floor_share < 1:
            raise ValueError("shards from 1, slot_ms from 1000, floor_share from 0 to below 1")
        servers = await open_servers(url, connections=connections, answer_timeout_s=answer_timeout_s)
        try:
            await refuse_eviction(servers)
        except BaseException:
            await servers.close()
            raise
        return cls(
            servers,
            shards=shards,
            slot_ms=slot_ms,
            lease_ms=lease_ms,
            call_ms=call_ms,
            floor_share=floor_share,
        )

    async def close(self) -> None:
        for bell in self._bells.values():
            await bell.close()
        self._bells.clear()
        await self._servers.close()

    async def place(self, placings: Sequence[Placing], now_ms: Ms) -> int:
        """Loops onto their lanes. One that waits there at another instant moves; one that is leased keeps the
        new instant for when its lease ends. The last placing of a loop counts. Rings when something is due
        now or sooner than anything before. Answers how many were not waiting there before."""
        shards = packing.by_shard(placings)

        async def place(shard: int) -> int:
            added = 0
            rest: Sequence[Placing] = packing.latest_placings(shards[shard])
            while rest:
                _, args, order = packing.placing_groups(rest[: packing.ITEMS_PER_CALL])
                done, new = await self._run("place", shard, [now_ms, self.slot_ms, _SEARCHES_PER_CALL, *args])
                added += new
                rest = [*order[done:], *rest[packing.ITEMS_PER_CALL :]]
            return added

        return sum(await _on_each(shards, place))

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
        """Lease up to `limit` (1 to 500) loops that are due by `now_ms` + `ahead_ms`; by `now_ms` on lanes
        that pass a gate with a pace, whose tokens are spent here.

        The same `claim_id` again gets the same answer for as long as one of its loops is leased, so that a
        claim whose answer was lost can be asked again. `worker` is noted with it, for who looks in.
        Raises EpochNotReady unless the wheel is at `epoch`.
        """
        if not 1 <= limit <= CLAIM_LIMIT:
            raise ValueError(f"a claim takes 1 to {CLAIM_LIMIT} loops")
        answer = await self._run(
            "claim",
            shard,
            [
                now_ms,
                self.slot_ms,
                self._stored(epoch),
                keys.checked_word(worker),
                keys.checked_word(claim_id),
                limit,
                now_ms + max(0, ahead_ms),
                wall_ms + self.lease_ms,
                now_ms + self.call_ms,
                self._floor_share,
            ],
        )
        return packing.read_claimed(answer, shard, epoch)

    async def settle(
        self,
        *,
        releases: Sequence[Release] = (),
        ends: Sequence[CallEnd] = (),
        placings: Sequence[Placing] = (),
        now_ms: Ms,
        wall_ms: Ms,
    ) -> list[Claim]:
        """End leases, free call slots, place what comes next; what concerns one call of a script is one step.

        Answers the stale claims: not held, or held by another, so that nothing changed for them. Placings are
        made all the same: they come from the ledger. Settling twice changes nothing more.
        """
        all_releases: dict[int, list[Release]] = {}
        for each in releases:
            all_releases.setdefault(each.claim.shard, []).append(each)
        all_ends, all_placings = packing.by_shard(ends), packing.by_shard(placings)

        async def settle(shard: int) -> list[Claim]:
            return await self._settle_shard(
                shard,
                all_releases.get(shard, []),
                all_ends.get(shard, []),
                packing.latest_placings(all_placings.get(shard, ())),
                now_ms,
            )

        stale = await _on_each({*all_releases, *all_ends, *all_placings}, settle)
        return [claim for each in stale for claim in each]

    async def withdraw(self, items: Sequence[tuple[int, int, int]], now_ms: Ms = 0) -> int:
        """(shard, lane, loop): off the wheel, wherever it waits; a leased one does not come back when its
        lease ends. Rings when a gate has room for others. Answers how many were waiting or leased."""
        shards: dict[int, list[tuple[int, int]]] = {}
        for shard, lane_id, loop_id in items:
            shards.setdefault(shard, []).append((lane_id, loop_id))

        async def withdraw(shard: int) -> int:
            found, rest = 0, sorted(set(shards[shard]))
            while rest:
                _, args = packing.loop_groups(rest[: packing.ITEMS_PER_CALL])
                done, here = await self._run(
                    "withdraw", shard, [now_ms, self.slot_ms, _SEARCHES_PER_CALL, *args]
                )
                found += here
                rest = rest[done:]
            return found

        return sum(await _on_each(shards, withdraw))

    async def extend(self, claims: Sequence[Claim], wall_ms: Ms) -> list[Claim]:
        """Renew leases; answers the stale claims, which are no longer held. A claim has one lease: one loop
        that is held renews it for all that the claim still holds."""
        shards = packing.by_shard(claims)

        async def extend(shard: int) -> list[Claim]:
            stale: list[Claim] = []
            for part in packing.chunks(shards[shard]):
                args, order = packing.claim_groups(part)
                positions = await self._run("extend", shard, [wall_ms + self.lease_ms, *args])
                stale += [order[position - 1] for position in positions]
            return stale

        return [claim for stale in await _on_each(shards, extend) for claim in stale]

    async def expired(self, shard: int, *, wall_ms: Ms, limit: int) -> list[Claim]:
        """Up to `limit` claims whose lease ended unsettled; they stay held until `reap`."""
        answer = await self._run("expired", shard, [wall_ms, max(1, min(limit, CLAIM_LIMIT))])
        words = iter(word.decode() for word in answer)
        return [
            Claim(int(lane_id), int(loop_id), int(due_at_ms), claim_id, shard)
            for lane_id, loop_id, due_at_ms, claim_id in zip(words, words, words, words, strict=True)
        ]

    async def reap(self, releases: Sequence[Release], *, now_ms: Ms, wall_ms: Ms) -> list[Claim]:
        """Take these from their claims; the loops wait again, due as they were. One that was `sent` keeps its
        call slots until a CallEnd or their hard end: ask the ledger first. Tokens are not given back.

        Answers the stale claims, for which nothing changed: let go of meanwhile, or leased anew.
        """
        shards: dict[int, list[Release]] = {}
        for each in releases:
            shards.setdefault(each.claim.shard, []).append(each)

        async def reap(shard: int) -> list[Claim]:
            stale: list[Claim] = []
            for part in packing.chunks(shards[shard]):
                _, args, order = packing.release_groups(part)
                positions = await self._run("reap", shard, [now_ms, self.slot_ms, wall_ms, *args])
                stale += [order[position - 1] for position in positions]
            return stale

        return [claim for stale in await _on_each(shards, reap) for claim in stale]

    async def shape(self, lanes: Sequence[Lane] = (), gates: Sequence[Gate] = (), now_ms: Ms = 0) -> None:
        """Set the rules of gates, then of lanes; what waits behind them is asked again at once. Rings."""
        all_gates, all_lanes = packing.by_shard(gates), packing.by_shard(lanes)

        async def shape_shard(shard: int) -> None:
            for gates_part in packing.chunks(all_gates.get(shard, ()), _RULES_PER_CALL):
                words = [word for each in gates_part for word in packing.gate_words(each)]
                await self._run("shape", shard, [now_ms, self.slot_ms, len(gates_part), 0, *words])
            for lanes_part in packing.chunks(all_lanes.get(shard, ()), _RULES_PER_CALL):
                words = [word for each in lanes_part for word in packing.lane_words(each)]
                await self._run("shape", shard, [now_ms, self.slot_ms, 0, len(lanes_part), *words])

        await _on_each({*all_gates, *all_lanes}, shape_shard)

    async def drop_lanes(self, shard: int, lane_ids: Sequence[int]) -> int:
        """Lanes off the wheel with all that waits on them; answers how many loops that were."""
        dropped, rest = 0, list(dict.fromkeys(lane_ids))
        while rest:
            args = [self.slot_ms, self.call_ms, _SLOTS_PER_DROP, *rest[: packing.ITEMS_PER_CALL]]
            done, loops = await self._run("drop", shard, args)
            dropped += loops
            rest = rest[done:]
        return dropped

    async def drop_gates(self, shard: int, gates: Sequence[str]) -> int:
        """Forget gates whose lanes are gone, and the calls they count. Answers how many there were."""
        names = [keys.checked_gate(gate) for gate in dict.fromkeys(gates)]
        return sum([await self._run("drop_gates", shard, list(part)) for part in packing.chunks(names)])

    async def next_wake(self, shard: int, now_ms: Ms) -> Ms | None:
        """The earliest instant at which something may be claimable, `now_ms` or before if that is now.

        Exact over the 64 lanes with the earliest entries (openings, throttles, full gates and their next hard
        end included), never later than the truth beyond them. None: nothing before something changes.
        """
        answer = await self._run("next_wake", shard, [now_ms, self.slot_ms])
        return int(answer) if answer else None

    async def counts(self, shard: int, now_ms: Ms) -> Counts:
        """The shard in numbers. One script call for 200 lanes, less where much is overdue; what is on lanes
        that were never shaped is not counted."""
        lanes = waiting = held = overdue = leased = in_call = 0
        for lane_class in packing.CLASSES:
            first = 0
            while True:
                args = [now_ms, self.slot_ms, lane_class, first, _LANES_PER_PAGE]
                read, *sums, in_call = await self._run("counts", shard, args)
                if not read:
                    break
                first += read
                waiting, held = waiting + sums[0], held + sums[1]
                overdue, leased = overdue + sums[2], leased + sums[3]
            lanes += first
        return Counts(waiting, held, overdue, leased, in_call, lanes)

    async def missing(self, placings: Sequence[Placing]) -> list[Placing]:
        """Which of these neither wait at that very instant nor are leased. 1000 to a script call."""
        shards = packing.by_shard(placings)

        async def compare(shard: int) -> list[Placing]:
            missing: list[Placing] = []
            for part in packing.chunks(packing.latest_placings(shards[shard])):
                positions = await self._run("missing", shard, [self.slot_ms, *packing.instant_groups(part)])
                missing += [part[position - 1] for position in positions]
            return missing

        return [placing for missing in await _on_each(shards, compare) for placing in missing]

    async def epoch(self, shard: int) -> str | None:
        """The epoch the shard is ready at; None when it is lost, being rebuilt, made with other slots or
        for another number of shards, or when its server has changed."""
        name, written, asked = await self._standing(shard)
        return name if written == asked else None

    async def server_changed(self, shard: int) -> bool:
        """Whether the shard is there, but another process serves it than the one that was opened: after a
        restart or a failover the last writes may be missing, call slots among them. Claims are refused."""
        _, written, asked = await self._standing(shard)
        return written[:-1] == asked[:-1] and written != asked

    async def begin_rebuild(self, shard: int, builder: str = "", *, keep: bool = False) -> None:
        """Refuse claims from now on and forget all that the shard holds, rules included: in one step, so that
        what others write meanwhile is forgotten whole or counts whole. `keep`: nothing is forgotten, for a
        shard whose server has changed.

        Then: `shape` everything, `restore_calls`, `place` what is due, `open_epoch` as the same `builder`.
        What was forgotten is deleted by a walk over the server's keys, in steps; one that is cut short is
        made good by the next.
        """
        word = keys.checked_word(builder) if builder else ""
        kept = await self._run("begin", shard, [word, int(keep)])
        if keep:
            return
        with our_errors():
            # all but epoch, bell, generation and building, which belong to no generation
            cursor, pattern = None, f"{keys.tag(shard)}:[0-9]*"
            while cursor != 0:
                cursor, names = await self._servers.command(
                    shard, "SCAN", cursor or 0, "MATCH", pattern, "COUNT", 1000
                )
                gone = [name for name in names if not name.startswith(kept)]
                if gone:
                    await self._servers.command(shard, "UNLINK", *gone)

    async def restore_calls(self, shard: int, calls: Sequence[tuple[str | Sequence[str], int, Ms]]) -> None:
        """(gate or gates, loop, hard end): calls under way take their slots again."""
        ends: dict[str, dict[int, Ms]] = {}
        for gates, loop_id, hard_end_ms in calls:
            for gate in (gates,) if isinstance(gates, str) else gates:
                ends.setdefault(keys.checked_gate(gate), {})[loop_id] = hard_end_ms
        for gate, by_loop in ends.items():
            for part in packing.chunks(list(by_loop.items())):
                words = [word for loop_id, end_ms in part for word in (end_ms, loop_id)]
                await self._run("restore", shard, [gate, *words])

    async def held_slots(self, shard: int, *, after_ms: Ms, until_ms: Ms, limit: int) -> list[HeldSlot]:
        """Loops that hold call slots whose hard end is in (after_ms, until_ms], earliest first."""
        words = iter(await self._run("held", shard, [after_ms, until_ms, limit]))
        return [HeldSlot(int(loop_id), int(end_ms)) for loop_id, end_ms in zip(words, words, strict=True)]

    async def free_slots(self, shard: int, slots: Sequence[tuple[int, HeldSlot]], now_ms: Ms) -> int:
        """(lane, slot) of calls that are over: give them back, unless the loop has taken them again since.
        Rings when a gate has room. Answers how many."""
        freed = 0
        for part in packing.chunks(slots):
            words = [word for lane_id, slot in part for word in (lane_id, slot.loop_id, slot.until_ms)]
            freed += await self._run("free", shard, [now_ms, self.slot_ms, *words])
        return freed

    async def close_epoch(self, shard: int) -> None:
        """Refuse claims from now on."""
        with our_errors():
            await self._servers.command(shard, "DEL", keys.epoch_key(shard))

    def resize(self, shards: int) -> None:
        """From now on the installation has that many shards."""
        self.shards = shards

    async def open_epoch(self, shard: int, epoch: str, builder: str = "") -> None:
        """The shard is whole: claims that name `epoch` are answered from now on. Rings.

        Raises EpochNotReady when the shard is not any more what this `builder` began with: it was lost again
        meanwhile, its server has changed, or another is at it.
        """
        await self._run("open", shard, [self._stored(epoch), builder])

    async def wait_bell(self, shard: int, timeout_s: float) -> bool:
        """True when the bell rang, or had rung since the last wait; False after `timeout_s` by our own timer.

        Rings run together while nobody waits; each wakes at least one of the processes that wait.
        """
        bell = self._bells.get(shard)
        if bell is None:
            bell = self._bells[shard] = Bell(self._servers, shard)
        return await bell.wait(timeout_s)

    async def server_time_ms(self, shard: int = 0) -> Ms:
        """The clock of the shard's server, for the probe that compares clocks."""
        with our_errors():
            seconds, micros = await self._servers.command(shard, "TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def ping(self) -> None:
        """Return when every server has answered. Raises ServerUnavailable."""
        with our_errors():
            for client in await self._servers.all():
                await client.ping()

    async def _settle_shard(
        self, shard: int, releases: list[Release], ends: list[CallEnd], placings: list[Placing], now_ms: Ms
    ) -> list[Claim]:
        stale: list[Claim] = []
        size = packing.ITEMS_PER_CALL
        for start in range(0, max(len(releases), len(ends), len(placings)), size):
            here = slice(start, start + size)
            release_count, release_args, order = packing.release_groups(releases[here])
            end_count, end_args = packing.end_groups(ends[here])
            placing_count, placing_args, placing_order = packing.placing_groups(placings[here])
            head = [now_ms, self.slot_ms, _SEARCHES_PER_CALL, release_count, end_count, placing_count]
            placed, *positions = await self._run(
                "settle", shard, [*head, *release_args, *end_args, *placing_args]
            )
            stale += [order[position - 1] for position in positions]
            await self.place(placing_order[placed:], now_ms)
        return stale

    async def _run(self, name: str, shard: int, args: list[Any]) -> Any:
        if not 0 <= shard < self.shards:
            raise EpochNotReady(
                f"no shard {shard}: this process counts {self.shards}",
                "the shards have changed since it was started",
                "start it again with the number that the ledger has",
            )
        with our_errors():
            return await run(self._servers, name, shard, args)

    async def _standing(self, shard: int) -> tuple[str, list[str], list[str]]:
        """The epoch's name, what it was opened with, and what this wheel would open it with now: width of
        slots, number of shards, server."""
        stored, server = await self._run("epoch", shard, [])
        name, *written = stored.decode().split(" ")
        return name, written, [str(self.slot_ms), str(self.shards), server.decode()]

    def _stored(self, epoch: str) -> str:
        return f"{keys.checked_word(epoch)} {self.slot_ms} {self.shards}"


async def _on_each(shards: Iterable[int], work: Callable[[int], Awaitable[Result]]) -> list[Result]:
    """Work on every shard, side by side; one that is away keeps no other from it, its error comes last."""
    shards = list(shards)
    if len(shards) == 1:
        return [await work(shards[0])]
    done = await asyncio.gather(*map(work, shards), return_exceptions=True)
    results: list[Result] = []
    for each in done:
        if isinstance(each, BaseException):
            raise each
        results.append(each)
    return results
