"""What the steps of a lead's way tell, in groups; `ledger.news` writes them with the change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from scheduler.flow.facts import NextRow
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms
from scheduler.ledger.news import News

if TYPE_CHECKING:
    from scheduler.flow.enrol_known import Change
    from scheduler.flow.settle import Report

Closed: TypeAlias = "tuple[Row, Report, NextRow | None]"
"""An attempt that has ended: its row of `settle_read`, its report, and what comes next unless the loop was
over already."""


class Gathered:
    """Events one by one, put together by account, type and what they share, in order of the first of each.

    A lead's events keep their order as long as each type is added after those that come before it."""

    def __init__(self) -> None:
        self._groups: dict[tuple[int, str, bytes], tuple[list[int], list[int], list[int], Any]] = {}

    def add(
        self,
        type_: str,
        account_id: int,
        id_: int,
        *,
        lead_id: int = 0,
        batch_id: int = 0,
        extra: dict[str, Any] | None = None,
    ) -> None:
        """`lead_id` is left out for events of leads themselves."""
        key = (account_id, type_, b"" if extra is None else msgspec.json.encode(extra))
        ids, lead_ids, batch_ids, _ = self._groups.setdefault(key, ([], [], [], extra))
        ids.append(id_)
        if lead_id:
            lead_ids.append(lead_id)
        batch_ids.append(batch_id)

    def news(self) -> list[News]:
        return [
            News(type_, account_id, ids, lead_ids, _one_for_all(batch_ids), extra)
            for (account_id, type_, _), (ids, lead_ids, batch_ids, extra) in self._groups.items()
        ]


def of_settled(
    rows: Mapping[int, Row], live: Iterable[Report], closed: Sequence[Closed], amended: Iterable[int]
) -> list[News]:
    """`live`: reports of attempts that were under way and have not been taken back; `closed`: those that have
    ended with them; `amended`: attempts, written off before, whose result is known now."""
    told = Gathered()
    for report in live:
        row = rows[report.attempt_id]
        if row["state"] == "armed" and (report.state != "armed" or report.dispatched_at_ms is not None):
            _of_attempt(told, "attempt.dispatched", row)
    for row, _, _ in closed:
        _of_attempt(told, "attempt.ended", row)
    for attempt_id in amended:
        _of_attempt(told, "attempt.ended", rows[attempt_id], {"previous": {"outcome": "unknown"}})
    for row, _, nxt in closed:
        if nxt is not None:
            _of_loop(told, row, nxt)
    for row, _, nxt in closed:
        if nxt is not None and nxt.lead_status != row["lead_status"]:
            of_status(told, row, row["lead_status"], nxt.lead_status)
    return told.news()


def of_status(told: Gathered, row: Row, before: str | None, after: str) -> None:
    """A lead's status has changed, from `before` if that is known; `row` has its account, id and batch."""
    whose = {"account_id": row["account_id"], "id_": row["lead_id"], "batch_id": row["batch_id"]}
    extra = {"now": {"status": after}} | ({"previous": {"status": before}} if before else {})
    told.add("lead.status_changed", **whose, extra=extra)
    if after == "opted_out":
        told.add("lead.opted_out", **whose)


def of_planned(plans: Iterable[tuple[Row, NextRow]]) -> list[News]:
    """Waiting loops, rows of `replan_read`, and what was planned for them anew; what stays is not told."""
    told = Gathered()
    over = []
    for row, nxt in plans:
        if nxt.end_reason is not None:
            over.append((row, nxt))
        if nxt.end_reason is not None or nxt.next_at_ms != to_ms(row["next_at"]):
            _of_loop(told, row, nxt)
    for row, nxt in over:
        of_status(told, row, None, nxt.lead_status)
    return told.news()


def of_begun(begun: Iterable[tuple[Row, int, NextRow]]) -> list[News]:
    """Loops that others led to, each with the row of the one before and what it begins with."""
    told = Gathered()
    begun = list(begun)
    for row, loop_id, _ in begun:
        told.add("loop.started", row["account_id"], loop_id, lead_id=row["lead_id"], batch_id=row["batch_id"])
    for row, loop_id, nxt in begun:
        if nxt.end_reason is not None:
            told.add(
                "loop.ended", row["account_id"], loop_id, lead_id=row["lead_id"], batch_id=row["batch_id"]
            )
    return told.news()


def _of_attempt(told: Gathered, type_: str, row: Row, extra: dict[str, Any] | None = None) -> None:
    told.add(
        type_,
        row["account_id"],
        row["attempt_id"],
        lead_id=row["lead_id"],
        batch_id=row["batch_id"],
        extra=extra,
    )


def _of_loop(told: Gathered, row: Row, nxt: NextRow) -> None:
    if nxt.end_reason is None and nxt.next_at_ms is None:
        return
    type_ = "loop.rescheduled" if nxt.end_reason is None else "loop.ended"
    told.add(type_, row["account_id"], row["loop_id"], lead_id=row["lead_id"], batch_id=row["batch_id"])


def _one_for_all(batch_ids: list[int]) -> list[int]:
    """One batch where all are of it, and none where all are of none."""
    first = batch_ids[0]
    if any(batch_id != first for batch_id in batch_ids):
        return batch_ids
    return [first] if first else []


def of_enrolled(
    account_id: int,
    batch_id: int,
    *,
    created: Sequence[int] = (),
    started: Mapping[int, int] | None = None,
    over: Iterable[int] = (),
) -> list[News]:
    """Leads of one batch (0: none) that were made, loops `started` by lead, and of these the leads whose loop
    was `over` at once."""
    batch = [batch_id] if batch_id else []
    started = started or {}
    ended = [lead_id for lead_id in over if lead_id in started]
    return [
        News("lead.created", account_id, created, (), batch),
        News("loop.started", account_id, list(started.values()), list(started), batch),
        News("loop.ended", account_id, [started[lead_id] for lead_id in ended], ended, batch),
    ]


def of_changed(account_id: int, changes: Iterable[Change]) -> list[News]:
    """Known leads of which something else is said."""
    told = Gathered()
    for change in changes:
        told.add("lead.updated", account_id, change.lead_id, batch_id=change.batch_id or 0)
    return told.news()


def of_loops(type_: str, account_id: int, rows: Iterable[Row]) -> list[News]:
    """The same happened to all these loops; rows with loop_id, lead_id and batch_id."""
    told = Gathered()
    for row in rows:
        told.add(type_, account_id, row["loop_id"], lead_id=row["lead_id"], batch_id=row["batch_id"])
    return told.news()
