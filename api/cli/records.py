"""`ledger verify`: whether the records of attempts are whole, and the ledger says what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from api.cli.exits import FAILED, OK
from api.cli.import_words import grouped
from api.cli.session import Session
from api.cli.wheel_work import with_stores

if TYPE_CHECKING:
    from scheduler.flow.record_check import Verdict


def verify_ledger(session: Session) -> int:
    """The exit code says whether anything is wrong."""
    found: list[Verdict] = with_stores(session, _verify)
    wrong = any(each.faults for each in found)
    session.answer({"chains": msgspec.to_builtins(found)}, [line for each in found for line in _lines(each)])
    return FAILED if wrong else OK


async def _verify(stores: Any) -> list[Verdict]:
    from scheduler.flow.record_check import catch_up, verify
    from scheduler.public_ids import PublicIds

    ids = PublicIds(stores.installation.id_key)
    await catch_up(stores.flow, stores.clock.now_ms(), ids)
    return await verify(stores.flow, ids)


def _lines(found: Verdict) -> list[str]:
    head = f"  {found.account_id}: {grouped(found.links)} records, the last one is {found.head}"
    return [head, *(f"    {_where(fault)}: {fault.what}" for fault in found.faults)]


def _where(fault: Any) -> str:
    named = [] if fault.number is None else [f"record {fault.number}"]
    return ", ".join([*named, *([fault.attempt_id] if fault.attempt_id else [])])
