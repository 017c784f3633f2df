"""What the ledger knows of the attempts that a provider reports on, and reports on those it does not know."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.domain.time import DAY, Ms
from scheduler.ledger.columns import numbers
from scheduler.ledger.database import Database
from scheduler.ledger.instants import to_datetime

KEPT_MS: Ms = DAY
"""A report on an attempt that nobody knows is kept so long."""


class Known(msgspec.Struct, frozen=True):
    """`account_id` None: no such attempt. `phone` None: nor a person. `seen`: it has that event."""

    account_id: int | None
    state: str | None
    phone: str | None
    seen: bool


class Early(msgspec.Struct, frozen=True):
    """A report that came before its attempt was known; `report` is its JSON."""

    attempt_id: int
    event_id: str
    report: str


async def known(ledger: Database, provider: str, asked: Sequence[tuple[int, str]]) -> list[Known]:
    """For each attempt and event, in order."""
    attempt_ids, event_ids = zip(*asked, strict=True)
    rows = await ledger.fetch("reports_known", provider, numbers(attempt_ids), list(event_ids))
    return [Known(row["account_id"], row["state"], row["phone"], row["seen"]) for row in rows]


async def said_in_call(ledger: Database, attempt_id: int, disposition: str) -> bool:
    """Keep what somebody said in the middle of a call; False when it is over."""
    return await ledger.fetch_row("report_said", attempt_id, disposition) is not None


async def keep_early(ledger: Database, early: Early, now_ms: Ms) -> None:
    values = (early.attempt_id, early.event_id, early.report, to_datetime(now_ms))
    await ledger.execute("early_report_keep", *values)


async def early_due(ledger: Database, most: int) -> list[Early]:
    """Those whose attempts are known by now."""
    rows = await ledger.fetch("early_reports_due", most)
    return [Early(row["attempt_id"], row["event_id"], row["report"]) for row in rows]


async def forget_early(ledger: Database, done: Sequence[Early], now_ms: Ms) -> int:
    """Forget these, and what is too old; answers how many of the latter there were."""
    rows = await ledger.fetch(
        "early_reports_forget",
        [each.attempt_id for each in done],
        [each.event_id for each in done],
        to_datetime(now_ms - KEPT_MS),
    )
    return sum(row["too_old"] for row in rows)
