"""The job that writes an export: page by page, each a part of the file, gone on with after a crash."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import msgspec

from api.export_kinds import KINDS, Ask, Kind
from api.spreadsheets import as_text
from scheduler.errors import NotFound
from scheduler.flow.context import Flow
from scheduler.ledger.exports import add_part
from scheduler.ledger.tenancy import serving
from scheduler.public_ids import PublicIds
from scheduler.services.jobs import Work

JOB = "export"

LEFT_OUT = frozenset({"object", "why"})
"""Of CSV: what is the same in each row, and what is no cell."""

BREATH = 100
"""Rows, a millisecond or two of work: then others have their turn."""


class Order(msgspec.Struct, frozen=True):
    """The arguments of such a job; `narrow` as JSON holds it."""

    export_id: int
    kind: str
    format: str
    drop_plus: bool
    narrow: Any


class Reached(msgspec.Struct, frozen=True):
    """Where the job goes on: `parts` are written, up to `after`."""

    parts: int = 0
    after: Any = None


async def write_export(ids: PublicIds, flow: Flow, work: Work) -> None:
    """Serves the account of the job, and nobody else."""
    order = msgspec.convert(work.args, Order)
    kind = KINDS[order.kind]
    reached = Reached() if work.cursor is None else msgspec.convert(work.cursor, Reached)
    narrow: Any = msgspec.convert(order.narrow, kind.narrow)
    with serving(work.account_id):
        ask = Ask(flow.database, ids, work.account_id, narrow, reached.after)
        total = work.total if work.total is not None else await kind.total(ask)
        while reached.parts == 0 or reached.after is not None:
            objects, after = await kind.page(ask._replace(after=reached.after))
            body = await _written(kind, order, objects, first=reached.parts == 0)
            reached = Reached(reached.parts + 1, after)
            done = work.done + len(objects)
            async with flow.database.transaction() as on:
                there = await add_part(
                    flow.database,
                    on,
                    account_id=work.account_id,
                    number=order.export_id,
                    part=reached.parts,
                    body=body,
                    rows=len(objects),
                    now_ms=work.clock.now_ms(),
                )
                if not there:
                    raise NotFound("the export has expired")
                cursor = msgspec.to_builtins(reached)
                await work.advance(done, cursor=cursor, total=max(total, done), on=on)


async def _written(kind: Kind, order: Order, objects: list[msgspec.Struct], *, first: bool) -> bytes:
    if order.format == "ndjson":
        return await _lines(objects)
    columns = [name for name in kind.shape.__struct_fields__ if name not in LEFT_OUT]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    if first:
        table.writerow(columns)
    for at, each in enumerate(objects):
        if at % BREATH == 0:
            await asyncio.sleep(0)
        said = msgspec.json.decode(msgspec.json.encode(each))  # some fields are JSON already
        table.writerow([cell(said.get(name), drop_plus=order.drop_plus) for name in columns])
    return text.getvalue().encode()


async def _lines(objects: list[msgspec.Struct]) -> bytes:
    body = bytearray()
    for at, each in enumerate(objects):
        if at % BREATH == 0:
            await asyncio.sleep(0)
        body += msgspec.json.encode(each) + b"\n"
    return bytes(body)


def cell(value: Any, *, drop_plus: bool = False) -> str:
    """A value of an object as a cell: lists and objects as JSON, nothing that a spreadsheet would run."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value) if isinstance(value, int | float) else msgspec.json.encode(value).decode()
    if drop_plus and value[:1] == "+" and value[1:].isdecimal():
        return value[1:]
    return as_text(value)
