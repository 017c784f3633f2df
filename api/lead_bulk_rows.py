"""The lines of a request with many leads: whom each names, and what it is answered."""

from __future__ import annotations

import msgspec

from api.imports.framing import Block
from api.lead_targets import refusal_of
from api.problems import KINDS, FieldError, Problem, problem_of
from scheduler.errors import DialwheelError
from scheduler.flow.enrolment import Enrolled
from scheduler.public_ids import PublicIds

LEDGER_REFUSED = Enrolled("rejected", code="malformed-row", detail="the ledger does not take a value of it")


class Where(msgspec.Struct, frozen=True):
    """What of a line says who follows the lead up."""

    agent_id: str | None = None
    batch_id: str | None = None
    cadence_id: str | None = None


class RowProblem(msgspec.Struct, omit_defaults=True):
    """A problem without what belongs to a request."""

    type: str
    title: str
    status: int
    code: str
    retryable: bool
    detail: str
    hint: str = ""
    errors: tuple[FieldError, ...] = ()


class BulkRow(msgspec.Struct, omit_defaults=True):
    """What became of one line. `row`: its number, from 1; `action`: created, updated, unchanged, duplicate
    (of an earlier line), suppressed or rejected."""

    row: int
    status: int
    action: str
    id: str | None = None
    problem: RowProblem | None = None


_where = msgspec.json.Decoder(Where).decode


def by_target(block: Block) -> dict[Where, Block]:
    """The lines by whom they name. What cannot be read names nobody, and is refused when it is read."""
    found: dict[Where, Block] = {}
    for record, line in zip(block.records, block.lines, strict=True):
        try:
            where = _where(record)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            where = Where()
        some = found.get(where)
        if some is None:
            some = found[where] = Block([], [])
        some.records.append(record)
        some.lines.append(line)
    return found


def answer(ids: PublicIds, line: int, result: Enrolled) -> BulkRow:
    """The answer to a line that enrolment has seen."""
    if result.action == "duplicate":
        return BulkRow(line, 200, "duplicate")
    refused = refusal_of(result)
    if refused is not None:
        return rejected(line, refused, result.action)
    status = 201 if result.action == "created" else 200
    return BulkRow(line, status, result.action, ids.write_or_none("lead", result.lead_id))


def said_of(error: Problem | DialwheelError) -> Problem:
    problem = error if isinstance(error, Problem) else problem_of(error)
    return problem or Problem("internal")


def rejected(line: int, problem: Problem, action: str = "rejected") -> BulkRow:
    kind = KINDS[problem.code]
    told = RowProblem(
        f"/problems/{problem.code}",
        kind.title,
        kind.status,
        problem.code,
        problem.retryable,
        problem.detail or kind.meaning,
        problem.hint,
        problem.errors,
    )
    return BulkRow(line, kind.status, action, problem=told)
