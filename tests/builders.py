"""A whole dialwheel on real stores and a clock that is moved; what a test leaves open is filled in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import msgspec
from redis.asyncio import Redis

from api.demo.verdict import judge_rings
from api.parts import Dialing, Services, Stores, make_dialing, make_services, open_stores
from api.referee import Verdict
from api.stepping import Stepper
from dialer.providers.base import Accepted, Action, MayLeave, PlaceResult, Provider, ProviderEvent, always
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_model import Model, quiet
from scheduler.clock import Clock, SteppedClock
from scheduler.domain.model import Priority
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND, Ms
from scheduler.flow.arm import Armed, ArmResult, arm
from scheduler.flow.enrol import Enrolled, enrol
from scheduler.flow.entries import Entry, read_entry
from scheduler.flow.lookup import CannotSay, Found, Lookup
from scheduler.flow.opt_out import opt_out
from scheduler.flow.settle import Report, Settled, settle
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.audit import Actor
from scheduler.ledger.books import Books, read_books
from scheduler.ledger.instants import to_datetime, to_ms_or_none
from scheduler.settings import Settings
from scheduler.wheel import Claim, Release

TUESDAY_2PM: Ms = 1_781_632_800_000
"""2026-06-16T18:00:00Z: 14:00 in New York, open by every rule and by the default windows."""

PERMIT_S = 2.0
ACTOR = Actor("test")
KEYS = (b"i" * 32, b"p" * 32)
EVERYBODY_TALKS = quiet(
    human=1.0, voicemail=0.0, busy=0.0, fax=0.0, dead=0.0, refused=0.0, blocked=0.0, amd_right=1.0,
    amd_unknown=0.0, early_answers=1.0, callback=0.0, appointment=0.0, dnc=0.0, wrong_number=0.0,
    complaint=0.0, converted=1.0, fatigue=1.0,
)  # fmt: skip
NOBODY_ANSWERS = quiet(human=0.0, voicemail=0.0, busy=0.0, fax=0.0, dead=0.0, refused=0.0, blocked=0.0)

Answer = Callable[[Action], PlaceResult]


def phones(count: int, areas: Sequence[int] = (212, 646, 718, 917, 347)) -> list[str]:
    """Nobody's numbers, by default all of New York."""
    return [f"+1{area}55501{line:02d}" for line in range(100) for area in areas][:count]


PHONE = "+12125550100"


class ScriptedProvider:
    """Answers as it is told, remembers what it was asked, and reports what a test hands in."""

    name = "scripted"
    live = False

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer: Answer = answer or (lambda action: Accepted(f"ref-{action.attempt_id}"))
        self.placed: list[Action] = []
        self.acknowledged: list[str] = []
        self.asked: list[Lookup] = []
        self.found: dict[int, Found] = {}  # by attempt, what a look-up says
        self.news: list[ProviderEvent] = []

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        self.placed += actions
        return [self.answer(action) for action in actions]

    async def hang_up(self, refs: list[str], now_ms: Ms) -> None: ...

    async def find(self, attempts: list[Lookup], now_ms: Ms) -> list[Found]:
        self.asked += attempts
        return [self.found.get(lookup.attempt_id, CannotSay()) for lookup in attempts]

    def next_event_at(self) -> Ms | None:
        return min((event.at_ms for event in self.news), default=None)

    async def events(self, now_ms: Ms, limit: int) -> list[ProviderEvent]:
        return [event for event in self.news if event.at_ms <= now_ms][:limit]

    async def acknowledge(self, event_ids: list[str]) -> None:
        self.acknowledged += event_ids
        self.news = [event for event in self.news if event.event_id not in event_ids]


class FreezingClock(SteppedClock):
    """A stepped clock on a machine that can be frozen: `freeze` makes real time pass for those who look."""

    def __init__(self, start_ms: Ms) -> None:
        super().__init__(start_ms)
        self._frozen_s = 0.0

    def freeze(self, seconds: float) -> None:
        self._frozen_s += seconds

    def wall_ms(self) -> Ms:
        return super().wall_ms() + int(self._frozen_s * SECOND)

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self._frozen_s


@dataclass
class World:
    """One process of dialwheel, with an account and an agent; `start` is where its clock began."""

    stores: Stores
    clock: SteppedClock
    provider: Any
    dialing: Dialing
    services: Services
    account_id: int
    agent_id: int

    @property
    def flow(self) -> Any:
        return self.stores.flow

    @property
    def now_ms(self) -> Ms:
        return self.clock.now_ms()

    def pass_time(self, length_ms: Ms) -> None:
        self.clock.move_to(self.clock.now_ms() + length_ms)

    # -- the ledger ----------------------------------------------------------------------------------

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        async with self.stores.database.connection() as connection:
            return await connection.fetch(sql, *arguments)

    async def row(self, sql: str, *arguments: Any) -> Any:
        found = await self.rows(sql, *arguments)
        assert len(found) == 1, f"{len(found)} rows"
        return found[0]

    async def value(self, sql: str, *arguments: Any) -> Any:
        return (await self.row(sql, *arguments))[0]

    async def run(self, sql: str, *arguments: Any) -> None:
        await self.rows(sql, *arguments)

    async def loop(self, loop_id: int) -> Any:
        return await self.row("SELECT * FROM loop WHERE loop_id = $1", loop_id)

    async def attempts(self, loop_id: int) -> list[Any]:
        return await self.rows("SELECT * FROM attempt WHERE loop_id = $1 ORDER BY n", loop_id)

    async def books(self) -> Books:
        return await read_books(self.stores.database, self.account_id, self.now_ms)

    # -- a lead's way, step by step ------------------------------------------------------------------

    async def enrol(
        self,
        numbers: Sequence[str] = (PHONE,),
        *,
        priority: Priority = Priority.BULK,
        agent_id: int | None = None,
        batch_id: int | None = None,
        cadence_id: int | None = None,
        **fields: Any,
    ) -> list[Enrolled]:
        entries = []
        for number in numbers:
            entry = read_entry(phone=number, priority=priority, consent={"basis": "test"}, **fields)
            assert isinstance(entry, Entry), entry
            entries.append(entry)
        return await enrol(
            self.flow,
            account_id=self.account_id,
            agent_id=agent_id or self.agent_id,
            entries=entries,
            now_ms=self.now_ms,
            batch_id=batch_id,
            cadence_id=cadence_id,
        )

    async def a_cadence(self, *steps: dict[str, Any], status: str = "active", **form: Any) -> int:
        """A cadence of the account with one published version; steps are numbered from 1."""
        content = {"steps": [{"id": number, **step} for number, step in enumerate(steps, 1)], **form}
        cadence_id = await self.value(
            "INSERT INTO cadence (account_id, name, status, draft, created_at, updated_at)"
            " VALUES ($1, gen_random_uuid()::text, 'draft', '{}', now(), now()) RETURNING cadence_id",
            self.account_id,
        )
        await self.publish(int(cadence_id), content, status=status)
        return int(cadence_id)

    async def publish(self, cadence_id: int, content: dict[str, Any], *, status: str = "active") -> int:
        """The cadence's next version; answers its number. Loops are not told."""
        version = await self.value(
            "INSERT INTO cadence_version (account_id, cadence_id, version, content, published_by,"
            " published_at) SELECT account_id, cadence_id, coalesce(version, 0) + 1, $2, 'test', now()"
            " FROM cadence WHERE cadence_id = $1 RETURNING version",
            cadence_id,
            msgspec.json.encode(content).decode(),
        )
        await self.run(
            "UPDATE cadence SET version = $2, status = $3 WHERE cadence_id = $1", cadence_id, version, status
        )
        return int(version)

    async def a_batch(self, throttle: str = "{}") -> int:
        """A batch of the agent's, running."""
        batch_id = await self.value(
            "INSERT INTO batch (account_id, agent_id, name, priority, status, throttle, created_at,"
            " updated_at) VALUES ($1, $2, gen_random_uuid()::text, 'live', 'running', $3, now(), now())"
            " RETURNING batch_id",
            self.account_id,
            self.agent_id,
            throttle,
        )
        return int(batch_id)

    async def a_due_loop(self, number: str = PHONE, **how: Any) -> int:
        """A loop on the wheel that is due now."""
        [enrolled] = await self.enrol([number], priority=Priority.LIVE, **how)
        assert enrolled.loop_id is not None
        assert enrolled.next_at_ms == self.now_ms
        return enrolled.loop_id

    async def claim(self, limit: int = 100, worker: str = "w") -> list[Claim]:
        epoch = await self.flow.wheel.epoch(0)
        claimed = await self.flow.wheel.claim(
            0,
            worker=worker,
            claim_id=uuid4().hex,
            limit=limit,
            now_ms=self.now_ms,
            wall_ms=self.clock.wall_ms(),
            epoch=epoch,
        )
        return claimed.claims

    async def claim_of(self, loop_id: int) -> Claim:
        """A claim as the wheel would hand it out for what the ledger says, without asking the wheel."""
        loop = await self.loop(loop_id)
        due_ms = to_ms_or_none(loop["next_at"])
        assert due_ms is not None
        return Claim(loop["lane_id"], loop_id, due_ms, "c", 0)

    async def arm(
        self, claims: Sequence[Claim], *, permit: UUID | None = None, at_ms: Ms | None = None
    ) -> ArmResult:
        return await arm(
            self.flow,
            self.stores.ledger,
            claims,
            worker="w",
            permit=permit or uuid4(),
            now_ms=self.now_ms if at_ms is None else at_ms,
        )

    async def an_armed_attempt(self, number: str = PHONE, **how: Any) -> Armed:
        """A permit for a loop just enrolled; its lease is over, its call slots are taken."""
        loop_id = await self.a_due_loop(number, **how)
        claims = [claim for claim in await self.claim() if claim.loop_id == loop_id]
        result = await self.arm(claims)
        [armed] = result.armed
        await self.flow.wheel.settle(
            releases=[Release(armed.claim, sent=True)], now_ms=self.now_ms, wall_ms=self.clock.wall_ms()
        )
        return armed

    async def settle(self, *reports: Report) -> Settled:
        return await settle(self.flow, self.stores.ledger, reports, (), provider="test", now_ms=self.now_ms)

    async def opt_out(self, number: str = PHONE) -> None:
        async def hang_up(refs: list[str]) -> None:
            await self.provider.hang_up(refs, self.now_ms)

        await opt_out(
            self.flow,
            self.clock,
            hang_up,
            account_id=self.account_id,
            phone=number,
            reason="asked",
            source="test",
            actor=ACTOR,
            permit_s=0.2,
        )

    async def next_version(self, assignment: str = "") -> None:
        """The agent's settings change: `assignment` is what the UPDATE sets besides the version."""
        changes = "policy_version = policy_version + 1" + (f", {assignment}" if assignment else "")
        await self.run(f"UPDATE agent SET {changes} WHERE agent_id = $1", self.agent_id)

    # -- everything at once --------------------------------------------------------------------------

    async def dial(self) -> int:
        """One pass of the dialer and of its recorder; how many loops were claimed."""
        done = await self.dialing.worker.dial(0)
        while await self.dialing.recorder.flush():
            pass
        return done.claimed

    async def carry(self) -> int:
        """What the provider reports by now goes into the ledger; how much it was."""
        carried = 0
        while await self.dialing.pump.carry():
            carried += await self.dialing.recorder.flush()
        return carried

    def stepper(self) -> Stepper:
        return Stepper(self.stores, self.dialing, self.services, self.clock)

    async def waiting_on_wheel(self) -> int:
        return (await self.flow.wheel.counts(0, self.now_ms)).waiting

    async def calls_on_wheel(self) -> int:
        """Those that hold slots: the account has a limit, one that no test reaches unless it sets another."""
        return (await self.flow.wheel.counts(0, self.now_ms)).in_call

    async def verdict(self) -> Verdict:
        return await judge_rings(self.stores.database, self.account_id, self.provider.rings)


@asynccontextmanager
async def a_world(
    postgres_url: str,
    redis_url: str,
    *,
    provider: Provider | None = None,
    model: Model | None = None,
    start_ms: Ms = TUESDAY_2PM,
    clock: Clock | None = None,
    auto_dialer: dict[str, Any] | None = None,
    account: dict[str, Any] | None = None,
    ready: bool = True,
    **settings: Any,
) -> AsyncIterator[World]:
    """Open the stores; the first makes account and agent, later ones join. `ready`: build the wheel."""
    clock = clock or SteppedClock(start_ms)
    config = Settings(postgres_url=postgres_url, redis_url=redis_url, **settings)
    if provider is None:
        provider = SimulatedProvider(config.seed, model or quiet(), RingLedger())
    async with open_stores(
        config, clock, apply_migrations=True, installation_id=UUID(int=1), keys=KEYS
    ) as stores:
        async with stores.database.connection() as on:
            found = await on.fetchrow("SELECT account_id, agent_id FROM agent ORDER BY agent_id LIMIT 1")
        if found is None:
            limits = {"max_concurrent": 10_000, **(account or {})}
            account_id = await create_account(stores.database, name="Acme", now_ms=clock.now_ms(), **limits)
            agent_id = await create_agent(
                stores.database,
                account_id=account_id,
                name="Ada",
                auto_dialer=auto_dialer or {"strategy": "followup"},
                now_ms=clock.now_ms(),
            )
        else:
            account_id, agent_id = found["account_id"], found["agent_id"]
        world = World(
            stores,
            clock,  # type: ignore[arg-type]
            provider,
            make_dialing(stores, provider),
            make_services(stores, provider.name, provider.find, live=provider.live),
            account_id,
            agent_id,
        )
        if ready:
            await world.services.sweeper.step(clock.now_ms())
        yield world


async def empty(redis_url: str) -> None:
    """A server as if just started."""
    client = Redis.from_url(redis_url)
    await client.flushall()
    await client.aclose()


def an_end(attempt_id: int, at_ms: Ms, outcome: str = "not_reached", **fields: Any) -> Report:
    """A report that ends an attempt."""
    return Report(
        attempt_id, outcome=outcome, ended_at_ms=at_ms, rang_until_ms=at_ms, dispatched_at_ms=at_ms, **fields
    )


def an_event(armed: Armed, kind: str, at_ms: Ms, **fields: Any) -> ProviderEvent:
    """A provider's report about an armed attempt."""
    return ProviderEvent(
        fields.pop("event_id", f"{armed.attempt_id}-{kind}"),
        UUID(int=armed.attempt_id),
        armed.attempt_id,
        f"ref-{armed.attempt_id}",
        kind,
        at_ms,
        **fields,
    )


def same_books(one: Books, other: Books) -> bool:
    """Whether two runs ended alike."""
    return msgspec.json.encode(one) == msgspec.json.encode(other)


__all__ = [
    "ACTOR",
    "DAY",
    "EVERYBODY_TALKS",
    "HOUR",
    "MINUTE",
    "NOBODY_ANSWERS",
    "PERMIT_S",
    "PHONE",
    "SECOND",
    "TUESDAY_2PM",
    "FreezingClock",
    "ScriptedProvider",
    "World",
    "a_world",
    "an_end",
    "an_event",
    "empty",
    "phones",
    "same_books",
    "to_datetime",
]  # fmt: skip
