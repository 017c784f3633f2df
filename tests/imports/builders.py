"""Files of leads and what is needed to import them; what does not matter is filled in."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.imports.pipeline import ImportTotals, Layout, run_import
from api.imports.workers import ImportWorkers
from scheduler.clock import SteppedClock
from scheduler.domain.time import HOUR, MINUTE, Ms
from scheduler.flow.context import Flow
from scheduler.flow.lanes import Lanes
from scheduler.flow.place_book import PlaceBook
from scheduler.flow.policies import Policies
from scheduler.flow.throttle import Throttle
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.database import Database
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel

NOON_ON_A_TUESDAY: Ms = 1_781_632_800_000  # 2026-06-16T18:00:00Z: 14:00 in New York, 11:00 in Los Angeles
AT_ONCE = Throttle(spread_over_s=0)
FOLLOWUP = {"enabled": True, "strategy": "followup"}
AREAS = ("212", "305", "312", "303", "602", "415", "206", "214", "404", "617", "503", "702", "615", "801")
EPOCH = "e1"

_names = itertools.count(1)


def phone(n: int) -> str:
    """The nth of 1400 fictional numbers in states with ordinary hours."""
    return f"+1{AREAS[n // 100]}5550{100 + n % 100}"


def csv_file(rows: Iterable[str], header: str = "Phone,Name,Time Zone,Notes") -> bytes:
    return "".join(f"{line}\n" for line in (header, *rows)).encode()


def lead_rows(count: int, start: int = 0) -> list[str]:
    """Good rows under the usual header."""
    return [f"{phone(n)},Lead {n},,note {n}" for n in range(start, start + count)]


async def in_chunks(data: bytes, size: int = 1 << 16) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@dataclass
class Desk:
    """An account with an agent, and everything an import needs. `lines`: what the last import reported."""

    flow: Flow
    clock: SteppedClock
    account_id: int
    agent_id: int
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.flow.database

    async def take(
        self,
        data: bytes | AsyncIterator[bytes],
        *,
        batch: str = "a batch",
        chunk_rows: int = 50,
        workers: int | ImportWorkers = 0,
        layout: Layout | None = None,
        throttle: Throttle = AT_ONCE,
        silence_s: float = 600,
        hear: Callable[[dict[str, Any]], None] = lambda line: None,
        **options: Any,
    ) -> ImportTotals:
        """Import a file here, in this process unless told otherwise; `hear` gets each line as it comes."""
        self.lines = []

        async def report(line: dict[str, Any]) -> None:
            self.lines.append(line)
            hear(line)

        return await run_import(
            self.flow,
            account_id=self.account_id,
            agent_id=self.agent_id,
            batch=batch,
            chunks=in_chunks(data) if isinstance(data, bytes) else data,
            clock=self.clock,
            settings=Settings(
                import_workers=workers if isinstance(workers, int) else 0,
                import_batch_rows=chunk_rows,
                import_silence_s=silence_s,
            ),
            workers=workers if isinstance(workers, ImportWorkers) else None,
            report=report,
            layout=layout,
            throttle=throttle,
            **options,
        )

    def errors(self) -> list[tuple[int, str]]:
        """(row, code) of each error line of the last import."""
        return [(line["row"], line["code"]) for line in self.lines if line["t"] == "error"]

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        async with self.database.connection() as connection:
            return await connection.fetch(sql, *arguments)

    async def value(self, sql: str, *arguments: Any) -> Any:
        return (await self.rows(sql, *arguments))[0][0]

    async def suppress(self, phones: Sequence[str]) -> None:
        await self.rows(
            "INSERT INTO suppression (account_id, phone, reason, created_at) "
            "SELECT $1, unnest($2::text[]), 'asked', now()",
            self.account_id,
            list(phones),
        )


async def a_desk(
    database: Database,
    wheel: TimingWheel,
    *,
    auto_dialer: dict[str, Any] | None = None,
    now_ms: Ms = NOON_ON_A_TUESDAY,
    horizon_ms: Ms = HOUR,
) -> Desk:
    name = f"Acme {next(_names)}"
    flow = Flow(
        database=database,
        wheel=wheel,
        policies=Policies(database, seed=1),
        lanes=Lanes(database, wheel, burst_s=1),
        places=PlaceBook(database),
        horizon_ms=horizon_ms,
        close_margin_ms=MINUTE,
        phone_key=b"p" * 32,
    )
    account_id = await create_account(database, name=name, now_ms=now_ms)
    agent_id = await create_agent(
        database, account_id=account_id, name="Solar", auto_dialer=auto_dialer or FOLLOWUP, now_ms=now_ms
    )
    return Desk(flow, SteppedClock(now_ms), account_id, agent_id)


async def a_wheel(url: str) -> TimingWheel:
    """An empty wheel, ready to be claimed from."""
    wheel = await TimingWheel.connect(url)
    await wheel.begin_rebuild(0)
    await wheel.open_epoch(0, EPOCH)
    return wheel


async def claimed(desk: Desk, limit: int = 100) -> list[int]:
    """Loop ids that the wheel gives out now."""
    found = await desk.flow.wheel.claim(
        0,
        worker="w",
        claim_id=f"c{next(_names)}",
        limit=limit,
        now_ms=desk.clock.now_ms(),
        wall_ms=desk.clock.wall_ms(),
        epoch=EPOCH,
    )
    return [claim.loop_id for claim in found.claims]


def adds_up(totals: ImportTotals) -> bool:
    parts = (totals.created, totals.updated, totals.unchanged)
    return totals.rows == sum(parts) + totals.duplicate + totals.suppressed + totals.rejected
